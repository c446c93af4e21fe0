"""What a study computes on: checked parameters, and the data and networks that they select, loaded on demand."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from spectral_collapse import datasets, metrics
from spectral_collapse.checks import check_device
from spectral_collapse.datasets import DatasetInfo, DomainDataset, Pair, folders
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.later import Later, torch
from spectral_collapse.metrics.weights import SOURCES, checksum
from spectral_collapse.networks.checkpoints import (
    Facts,
    Model,
    called,
    check_made_for,
    facts,
    load_model,
    shipped,
    usual,
)
from spectral_collapse.store.identity import UnidentifiedError
from spectral_collapse.studies import common
from spectral_collapse.studies.parameters import Checkpoint, Parameters
from spectral_collapse.translation import Translation, inverted, translated

if TYPE_CHECKING:
    from spectral_collapse.networks import own
else:
    own = Later("spectral_collapse.networks.own")

P = TypeVar("P", bound=Parameters)
T = TypeVar("T")

_NOT_IN_KEY = {
    *("device", "root", "source", "source_images", "target_images"),
    *("checkpoint", "checkpoints", "dataset_root", "beside", "weights"),
}
"""Where something comes from; what it is has a fingerprint or a hash."""


class Images:
    """Images of one data set, of as many clusters of its test split as possible, and its training split. Those of a
    `fixed` data set are spread evenly over the split: each of its few pictures is in many.

    split: 'validation' for a study that chooses settings; those that report see no other than 'test'.

    Raises InvalidParameterError and DataError as `datasets.load` does, and for more images than there are.
    """

    def __init__(
        self,
        dataset: str | DatasetInfo,
        size: int,
        source: str,
        root: str | Path | None,
        default: int,
        images: int | None = None,
        split: Literal["test", "validation"] = "test",
    ) -> None:
        self.info: DatasetInfo = datasets.info(dataset)
        self.test: DomainDataset = _once(datasets.load, dataset, split, size, source, root)
        self.train: DomainDataset = _once(datasets.load, dataset, "train", size, source, root)
        if images is not None and images > len(self.test):
            raise InvalidParameterError(
                f"images must be at most {len(self.test)}, all {split} images of {self.info.name!r}; {images} was given"
            )
        wanted = images or min(default, len(self.test))
        if self.info.fixed:
            self.chosen = common.spread(len(self.test), wanted)
        else:
            self.chosen = sorted(common.spread_over(self.test.clusters, wanted))

    @property
    def names(self) -> list[str]:
        return [self.test.ids[index] for index in self.chosen]

    @property
    def clusters(self) -> list[str]:
        """What each of the images was taken from: intervals resample these."""
        return [self.test.clusters[index] for index in self.chosen]

    @cached_property
    def pair(self) -> Pair:
        """The chosen test images, sources and targets, N x 3 x H x W in [-1, 1]."""
        return self.test.stack(self.chosen)

    def identity(self) -> dict[str, Any]:
        return {
            "dataset": self.info.name,
            "images": len(self.chosen),
            "source": self.test.kind,
            "data": [self.test.fingerprint, self.train.fingerprint],
        }


class Request(Generic[P]):
    """A study's parameters together with the images, networks and references that they select; each is loaded once."""

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters

    @cached_property
    def device(self) -> torch.device:
        """Where networks run."""
        return check_device(self.parameters.device)

    @cached_property
    def dataset(self) -> str | DatasetInfo:
        """The name of the data set, or a pair of folders in its place."""
        given = self.parameters
        if given.source_images is None:
            return given.dataset
        return folders.pair(given.source_images, given.target_images)

    @cached_property
    def images(self) -> Images:
        """The images of `dataset`."""
        given = self.parameters
        default = given.default_images[given.profile]
        return Images(self.dataset, given.size, given.source, given.root, default, given.images, given.split)

    def validation(self, count: int) -> Images:
        """`count` validation images of `dataset`, on which a study chooses what it reports on the test images.

        Raises InvalidParameterError for more than there are.
        """
        given = self.parameters
        return Images(self.dataset, given.size, given.source, given.root, count, count, "validation")

    @cached_property
    def beside(self) -> dict[str, Images]:
        """The images of the data sets of `beside`, by default those of `datasets.companions`."""
        given = self.parameters
        names = datasets.companions(self.info) if given.beside is None else given.beside
        default = given.default_images[given.profile]
        return {name: Images(name, given.size, "auto", given.root, default) for name in names}

    @cached_property
    def shown(self) -> list[int]:
        """Which of the images are stored as pictures: as many clusters as possible, the first ones all different."""
        return common.spread_over(self.images.clusters, min(self.parameters.shown, len(self.images.chosen)))

    @property
    def info(self) -> DatasetInfo:
        return self.images.info

    @property
    def pair(self) -> Pair:
        return self.images.pair

    @cached_property
    def model(self) -> Model:
        """The network of `checkpoint`, made for these images. Raises CheckpointError."""
        return self.network(self._named)

    @property
    def _named(self) -> Checkpoint:
        return self._named_for()

    def _named_for(self, kind: str | None = None) -> Checkpoint:
        """`checkpoint`, without it the network of images of this kind, without that of the kind that these are."""
        if self.parameters.checkpoint is None and self.info.family == folders.OWN:
            raise InvalidParameterError(
                "images of your own need a network; name one by checkpoint, or give one that networks.open_model opens"
            )
        return self.parameters.checkpoint or usual(self.info.family, kind or self.images.test.kind)

    @cached_property
    def checkpoints(self) -> dict[str, Checkpoint]:
        """The networks of `checkpoints` by name; by default all that are included for, and trained on, such images.

        Raises InvalidParameterError if two have the same name.
        """
        return self._several_for()

    def _several_for(self, kind: str | None = None) -> dict[str, Checkpoint]:
        given = self.parameters.checkpoints
        if not given:
            family, kind = self.info.family, kind or self.images.test.kind
            given = shipped(family, self.parameters.size, kind) or [usual(family, kind)]
        found = {called(one): one for one in given}
        if len(found) < len(given):
            raise InvalidParameterError(
                f"checkpoints must have different names; {', '.join(map(called, given))} were given"
            )
        return found

    def network(self, checkpoint: Checkpoint) -> Model:
        """A network by name, folder or itself, made for these images. Raises CheckpointError."""
        checkpoint = self._opened(checkpoint)
        given = isinstance(checkpoint, Model)
        model = checkpoint.to(self.device) if given else _once(load_model, checkpoint, self.device)
        self._check_made_for(model.card)
        return model

    def _opened(self, checkpoint: Checkpoint) -> Checkpoint:
        """For images of the reader's own a network may be whatever `networks.open_model` opens."""
        if self.info.family != folders.OWN or isinstance(checkpoint, Model):
            return checkpoint
        if checkpoint not in self._models:
            self._models[checkpoint] = own.open_model(checkpoint)
        return self._models[checkpoint]

    @cached_property
    def _models(self) -> dict[Checkpoint, Model]:
        return {}

    def _check_made_for(self, card: Mapping[str, Any]) -> None:
        """Raises CheckpointError for a network of other images. A reader's own may go to any network of their
        size, which InvalidParameterError names where it is another."""
        if self.info.family != folders.OWN:
            return check_made_for(card, self.info.name, self.info.family, self.parameters.size)
        if card.get("image_size") != self.parameters.size:
            raise InvalidParameterError(
                f"this network is for images of {card.get('image_size')} pixels; give that number as size, which was "
                f"{self.parameters.size}"
            )

    def facts(self, checkpoint: Checkpoint) -> Facts:
        """What identifies a network made for these images, without loading it. Raises CheckpointError."""
        checkpoint = self._opened(checkpoint)
        if isinstance(checkpoint, Model):
            process, classes = checkpoint.denoiser.process, _classes(checkpoint)
            found = Facts(checkpoint.card, checkpoint.hash, process, classes, checkpoint.downsampling)
        else:
            found = _once(facts, checkpoint)
        self._check_made_for(found.card)
        return found

    def _hash_now(self, checkpoint: Checkpoint) -> str:
        """A network's hash, of its present weights if these were changed in place."""
        found, checkpoint = self.facts(checkpoint).hash, self._opened(checkpoint)
        return own.current_hash(checkpoint) if isinstance(checkpoint, Model) else found

    @cached_property
    def encoded(self) -> torch.Tensor:
        """The encoded sources."""
        return self.model.encode(self.pair.source)

    @cached_property
    def downsampling(self) -> int:
        """How many pixels, along each axis, one pixel of the inverted latents stands for."""
        return self.facts(self._named).downsampling

    @property
    def guidance(self) -> float:
        """The guidance scale of sampling: as given, else the published one at profile paper, and none (1) below.

        The published 7.5 for drawings is for a network of the papers' size: with a small one it blackens shoes, which
        the Pareto study shows with guidance=7.5.
        """
        given = self.parameters.guidance
        if given is not None:
            return given
        return self.info.guidance if self.parameters.profile == "paper" else 1.0

    def training_sources(self, count: int) -> torch.Tensor:
        """At most `count` encoded images that training shows as sources."""
        images = common.training_sources(self.images.train, count)
        return torch.cat([self.model.encode(batch) for batch in images.split(64)])

    def translated(self, method: InversionMethod, seed: int = 0, rebuild: bool = False) -> Translation:
        """The test sources inverted by a method and sampled as targets; computed once for all studies.

        With `rebuild` they are sampled as sources again, too.
        """
        return translated(
            self.model,
            method,
            self.pair.source,
            self.info.source_label,
            num_steps=self.parameters.num_steps,
            guidance=self.guidance,
            seed=seed,
            rebuild=rebuild,
        )

    def inverted(self, method: InversionMethod, seed: int = 0) -> torch.Tensor:
        """The latents of the test sources by a method, without sampling; computed once for all studies."""
        label, steps = self.info.source_label, self.parameters.num_steps
        return inverted(self.model, method, self.pair.source, label, steps, seed)

    @cached_property
    def real_targets(self) -> torch.Tensor:
        """`reference` images, M x 3 x H x W, that training shows as targets."""
        return common.real_targets(self.images.train, self.parameters.reference)

    @cached_property
    def hf_reference(self) -> metrics.HFReference:
        """The reference of S_HF: real targets of the training split."""
        return metrics.hf_reference(self.real_targets)

    def identity(self) -> dict[str, Any]:
        """All that changes a value, except the code, as JSON can store it."""
        fields = self.parameters.model_dump(exclude=_NOT_IN_KEY)
        known = type(self.parameters).model_fields
        if "dataset" in known:
            fields |= self.images.identity()
        if "checkpoint" in known:
            fields["guidance"] = self.guidance
        fields |= self.networks_for()
        if "beside" in known:
            fields["beside"] = [images.identity() for images in self.beside.values()]
        if "weights" in known:
            fields["weights"] = {name: checksum(name, self.parameters.weights) for name in SOURCES}
        return fields

    def networks_for(self, kind: str | None = None) -> dict[str, Any]:
        """What `identity` says of networks if the images are 'real' or 'rendered', which selects the default networks.

        Without `kind` the images are taken as they are.
        """
        known, found = type(self.parameters).model_fields, {}
        if "checkpoint" in known:
            found["checkpoint"] = self._hash_now(self._named_for(kind))
        if "checkpoints" in known:
            found["checkpoints"] = [[name, self._hash_now(one)] for name, one in self._several_for(kind).items()]
        return found

    def code(self) -> Iterable[object]:
        """Objects whose code the jobs run, but which they find by name at run time."""
        known = type(self.parameters).model_fields
        if "dataset" in known:
            yield (
                folders.pairs if self.info.family == folders.OWN else _computing(self.info)
            )  # with what opens and what renders images, so that either has the same code
        if "checkpoint" in known:
            yield from _identified(self.facts(self._named))
        if "checkpoints" in known:
            yield from set().union(*(_identified(self.facts(one)) for one in self.checkpoints.values()))
        if "beside" in known:
            yield from (_computing(images.info) for images in self.beside.values())

    def attrs(self) -> dict[str, str]:
        """What a result says of its data and its network besides the parameters."""
        known = type(self.parameters).model_fields
        found = {"device": str(self.device)}
        if "dataset" in known:
            test = self.images.test
            found |= {"title": self.info.title, "data_source": test.kind, "origin": test.origin}
            found["structure"] = self.info.structure
        if "checkpoint" in known:
            found["checkpoint_hash"] = self._hash_now(self._named)
        return found


def _identified(found: Facts) -> set[object]:
    """The classes of a network. Raises UnidentifiedError for one without a hash, which cannot be told from another."""
    if not found.hash:
        raise UnidentifiedError("a network without a hash")
    return found.classes


_loaded: ContextVar[dict[Any, Any] | None] = ContextVar("loaded", default=None)


@contextlib.contextmanager
def loading_once() -> Iterator[None]:
    """While this is active, all requests share data sets and networks, which must not change: for many keys at once."""
    token = _loaded.set({} if _loaded.get() is None else _loaded.get())
    try:
        yield
    finally:
        _loaded.reset(token)


def _once(function: Callable[..., T], *arguments: Any) -> T:
    kept = _loaded.get()
    if kept is None:
        return function(*arguments)
    if (function, arguments) not in kept:
        kept[function, arguments] = function(*arguments)
    return kept[function, arguments]


def _computing(info: DatasetInfo) -> DatasetInfo:
    """A data set without what changes no value of a result."""
    return dataclasses.replace(info, title="", download=None, homepage="")


def _classes(model: Model) -> set[type]:
    """The classes whose code a network runs."""
    denoiser = model.denoiser
    return {type(denoiser), type(denoiser.process), type(getattr(denoiser, "network", denoiser))}
