"""Recipes: everything that decides what a training run produces, as data.

The files beside this one hold the recipes, a table each, at three sizes:

    [photos-edm]                  # the name; base names tables to start from, later ones win
    base = ["photos", "edm"]
    min_snr_gamma = 5.0           # a field of `Recipe`, at every profile

    [photos-edm.paper]            # fields at one profile: smoke, quick or paper
    steps = 80000

parts.toml holds tables that are only bases. A file of your own, given by its path, is one such table
without its head, and may start from any recipe here: `base = ["bbbc021-edm"]`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from spectral_collapse.errors import InvalidParameterError, unknown

Kind = Literal["autoencoder", "denoiser"]
Source = Literal["auto", "real", "rendered"]
Schedule = Literal["cosine", "constant"]
Prediction = Literal["epsilon", "sample", "velocity", "edm"]
Precision = Literal["no", "bf16"]
PROFILES = ("smoke", "quick", "paper")


@dataclass(frozen=True)
class Recipe:
    """One training run.

    What is learnt:
        kind: 'autoencoder', or 'denoiser' for a class-conditional network.
        family, datasets: data sets whose training splits are used together, unpaired; those of one
            family share a network, each under its own source label. images: at most that many of each
            data set, 0 for all. source: real, rendered or auto. size: height and width in pixels.
        flips: axes of the images (-1 horizontal, -2 vertical) that are mirrored at random.
        label_dropout: share of the labels that are replaced by the null label.

    The network:
        network, architecture: a name in `networks.NETWORKS` and its further arguments; for an
            autoencoder, 'small_autoencoder' and its widths.
        autoencoder: the frozen autoencoder of a denoiser in latent space, as `networks.load_autoencoder`
            takes it; '' in pixel space. measure_latents: whether an autoencoder without measured
            statistics gets those of the training images, or keeps its published scale.
        prediction: 'epsilon', 'sample' and 'velocity' are trained on the variance-preserving process,
            'edm' on the variance-exploding one. sigma_data: a number, or 'measured' on what the network
            is trained on; log_mean, log_std: P_mean and P_std; all three for 'edm' only.
        min_snr_gamma: see `objectives.denoising_loss`. kl_weight: see `objectives.autoencoding_loss`.

    How it is optimised (AdamW):
        steps: optimizer steps, with batch_size images each over all devices together; a device takes at
            most device_batch at once and accumulates gradients over the rest; 0 sets no bound.
        learning_rate, after a linear warm-up over `warmup` steps constant or on a cosine to 0.
        ema_decay, ema_start: decay of the averaged weights, and the step at which averaging begins.
        gradient_checkpointing: less memory, more time. precision: 'bf16' autocasts.
        compile, channels_last: torch.compile, and the memory layout of convolutions on GPUs.
        seed, save_every: steps between saved states. validate_every: steps between validations,
            with some more before the first of them; 0 for none.
    """

    name: str
    profile: str
    kind: Kind
    family: str
    datasets: tuple[str, ...]
    source: Source
    network: str
    steps: int
    batch_size: int
    learning_rate: float
    ema_decay: float
    architecture: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0
    size: int = 64
    flips: tuple[int, ...] = (-1,)
    label_dropout: float = 0.1
    autoencoder: str = ""
    measure_latents: bool = True
    prediction: Prediction = "epsilon"
    sigma_data: float | str = "measured"
    log_mean: float = -1.2
    log_std: float = 1.2
    min_snr_gamma: float = 0.0
    kl_weight: float = 1e-6
    device_batch: int = 0
    schedule: Schedule = "cosine"
    warmup: int = 100
    ema_start: int = 0
    gradient_checkpointing: bool = False
    precision: Precision = "bf16"
    compile: bool = False
    channels_last: bool = False
    seed: int = 0
    save_every: int = 250
    validate_every: int = 0

    def __post_init__(self) -> None:
        """Raises InvalidParameterError for a value of the wrong type or outside its range."""
        for key, allowed in _CHOICES.items():
            if getattr(self, key) not in allowed:
                raise unknown(f"{key} in the recipe {self.name!r}", getattr(self, key), allowed)
        for key, (low, high) in _WHOLE.items():
            self._check(key, isinstance(getattr(self, key), int), low, high)
        for key, (low, high) in _REAL.items():
            self._check(key, isinstance(getattr(self, key), int | float), low, high)
        if self.sigma_data != "measured":
            self._check("sigma_data", isinstance(self.sigma_data, int | float), 1e-6, math.inf, " or 'measured'")
        listed = isinstance(self.datasets, tuple | list)
        if not listed or not self.datasets or not all(isinstance(name, str) for name in self.datasets):
            raise InvalidParameterError(f"the recipe {self.name!r} needs datasets, a list of names of data sets")
        listed = isinstance(self.flips, tuple | list)
        if not listed or not set(self.flips) <= {-1, -2} or len(set(self.flips)) < len(self.flips):
            raise InvalidParameterError(
                f"flips in the recipe {self.name!r} must be a list of -1 (horizontal) and -2 (vertical); "
                f"{list(self.flips) if listed else self.flips} was given"
            )
        if not isinstance(self.architecture, Mapping):
            raise InvalidParameterError(
                f"architecture in the recipe {self.name!r} must be a table; {self.architecture!r} was given"
            )

    def _check(self, key: str, right_type: bool, low: float, high: float, otherwise: str = "") -> None:
        value = getattr(self, key)
        if not right_type or isinstance(value, bool) or not low <= value <= high:
            kind = "a whole number" if key in _WHOLE else "a number"
            bounds = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
            raise InvalidParameterError(
                f"{key} in the recipe {self.name!r} must be {kind} {bounds}{otherwise}; {value!r} was given"
            )


_CHOICES: dict[str, tuple[object, ...]] = {
    "profile": PROFILES,
    "kind": get_args(Kind),
    "source": get_args(Source),
    "prediction": get_args(Prediction),
    "schedule": get_args(Schedule),
    "precision": get_args(Precision),
    **dict.fromkeys(("measure_latents", "gradient_checkpointing", "compile", "channels_last"), (True, False)),
}
_WHOLE: dict[str, tuple[float, float]] = {
    "steps": (1, math.inf),
    "batch_size": (1, math.inf),
    "device_batch": (0, math.inf),
    "images": (0, math.inf),
    "size": (32, math.inf),
    "warmup": (0, math.inf),
    "ema_start": (0, math.inf),
    "save_every": (1, math.inf),
    "validate_every": (0, math.inf),
    "seed": (0, 2**31 - 1),
}
_REAL: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-12, 1),
    "ema_decay": (0, 1),
    "label_dropout": (0, 1),
    "kl_weight": (0, math.inf),
    "log_mean": (-100, 100),
    "log_std": (1e-6, 100),
    "min_snr_gamma": (0, math.inf),
}
_FIELDS = [entry.name for entry in dataclasses.fields(Recipe)]
_SET_BY_NAME = ("name", "profile")


def names() -> list[str]:
    """The names of all recipes, in the order in which their networks need one another."""
    return [name for file in ("autoencoder", "photos", "bbbc021", "edges2shoes") for name in _read(_here(file))]


def get(name: str | Path, profile: str = "quick") -> Recipe:
    """A recipe by its name, or by the path of a TOML file, at one profile.

    Raises InvalidParameterError, one sentence, for an unknown recipe, profile or key, an impossible
    value, and a file that cannot be read.
    """
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    tables = {key: table for file in sorted(Path(__file__).parent.glob("*.toml")) for key, table in _read(file).items()}
    if str(name).endswith(".toml"):
        file = Path(name).expanduser()
        name, tables = file.stem, {**tables, file.stem: _read(file)}
    elif name not in names():
        raise unknown("recipe", name, names())
    fields = _resolve(str(name), tables, profile, ())
    if missing := [
        entry.name
        for entry in dataclasses.fields(Recipe)
        if entry.default is dataclasses.MISSING
        and entry.default_factory is dataclasses.MISSING
        and entry.name not in (*fields, *_SET_BY_NAME)
    ]:
        raise InvalidParameterError(f"the recipe {name!r} lacks {', '.join(missing)}")
    settled = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Recipe(name=str(name), profile=profile, **settled)


def _resolve(name: str, tables: Mapping[str, Any], profile: str, above: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a table at a profile: its bases' in order, then its own, then those of the profile."""
    if name not in tables:
        raise unknown(f"base of the recipe {above[-1]!r}", name, tables)
    if name in above:
        raise InvalidParameterError(f"the recipe {name!r} is its own base; take it out of base")
    table = dict(tables[name])
    fields: dict[str, Any] = {}
    bases = table.pop("base", [])
    if not isinstance(bases, list):
        raise InvalidParameterError(f"base in the recipe {name!r} must be a list of recipes; {bases!r} was given")
    for base in bases:
        fields |= _resolve(base, tables, profile, (*above, name))
    sizes = {size: table.pop(size) for size in PROFILES if size in table}
    for size, part in sizes.items():
        if not isinstance(part, dict):
            raise InvalidParameterError(f"{size} in the recipe {name!r} must be a table of fields; {part!r} was given")
    for part in (table, *sizes.values()):
        for key in part:
            if key not in _FIELDS or key in _SET_BY_NAME:
                known = [entry for entry in ("base", *PROFILES, *_FIELDS) if entry not in _SET_BY_NAME]
                raise unknown(f"key in the recipe {name!r}", key, known)
    return fields | table | sizes.get(profile, {})


def _here(stem: str) -> Path:
    return Path(__file__).with_name(f"{stem}.toml")


@functools.cache
def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidParameterError(f"the recipe {str(file)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidParameterError(f"the recipe {str(file)!r} is not TOML: {error}") from error
