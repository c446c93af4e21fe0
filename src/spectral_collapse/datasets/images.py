"""The one reader of image files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse.errors import DataError, shown

_SKIP = "or skip it (skip_corrupt=True)"


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An image file as height x width x 3 pixels, 0..255.

    8 bits a channel are taken as they are, grey is repeated and transparency dropped. 16 bits are divided by 257:
    black is 0 and white 65535, whatever the brightest pixel. Floats are multiplied by 255: black is 0 and white 1.

    Raises:
        DataError: a file that is missing or damaged or has more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, floats
            outside 0..1, or integers of 32 bits, whose white is not known.
    """
    with opened(lambda: path.open("rb"), shown(path)) as image:
        if image.mode.startswith("I;16"):
            grey = np.asarray(image) / 257
        elif image.mode == "F":
            grey = np.asarray(image, np.float64)
            if not ((grey >= 0) & (grey <= 1)).all():
                raise DataError(f"{shown(path)} has floats outside 0..1; save it with 8 or 16 bits a channel, {_SKIP}")
            grey = 255 * grey
        elif image.mode == "I":
            raise DataError(
                f"{shown(path)} has integers of 32 bits, whose white is not known; save it with 8 or 16 bits a "
                f"channel, {_SKIP}"
            )
        else:
            return np.asarray(image.convert("RGB"))
        return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)


@contextmanager
def opened(open_file: Callable[[], BinaryIO], name: str) -> Iterator[Image.Image]:
    """An image in Pillow's hands. What goes wrong with it, in the body too, is a DataError that begins with `name`."""
    try:
        with open_file() as file, Image.open(file) as image:
            if Image.MAX_IMAGE_PIXELS and image.width * image.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            yield image
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist, or is a link to nothing; remove what names it, {_SKIP}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS} pixels, too many for one image; reduce it, {_SKIP}"
        ) from error
    except Exception as error:  # the decoders raise whatever damaged bytes lead them to
        raise DataError(f"{name} cannot be read as an image; remove it, {_SKIP}") from error
