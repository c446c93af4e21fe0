"""Recipes: everything that decides what a training run produces, as data.

The files beside this one hold the recipes, a table each, at four sizes:

    [photos-edm]                  # the name; base names tables to start from, later ones win
    base = ["photos", "edm"]
    min_snr_gamma = 5.0           # a field of `Recipe`, at every profile

    [photos-edm.paper]            # fields at one profile: smoke, quick, gpu or paper
    steps = 80000

parts.toml holds tables that are only bases; every other file's tables are recipes, so that a new file is all that
a new recipe needs. A file of your own, given by its path, is one such table without its head, and may start from
any recipe here: `base = ["bbbc021-edm"]`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from spectral_collapse import datasets as data_sets
from spectral_collapse import paths
from spectral_collapse.checks import check_is
from spectral_collapse.checks import check_name as _check_name
from spectral_collapse.errors import InvalidParameterError, problems, shown, unknown
from spectral_collapse.processes import BetaSchedule, VariancePreserving

Kind = Literal["autoencoder", "denoiser"]
Source = Literal["auto", "real", "rendered"]
Profile = Literal["smoke", "quick", "gpu", "paper"]
Schedule = Literal["cosine", "constant", "linear"]
Prediction = Literal["epsilon", "sample", "velocity", "edm", "flow"]
Precision = Literal["auto", "no", "bf16"]
PROFILES = get_args(Profile)
_PARTS = "parts"
_LARGEST = 2**31 - 1
"""Of whole numbers: with the seed, the step makes up the 64 bits of a generator's seed."""


def check_name(name: str) -> str:
    """A name that files and folders will have. Raises InvalidParameterError for one that leaves its folder."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w .+=-]{0,99}", name):
        raise InvalidParameterError(
            "a name must begin with a letter or digit and have at most 100 characters, of letters, digits, spaces and "
            f"_ . + = - only; {shown(name)} was given"
        )
    return name


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _known_data_sets(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        data_sets.info(name)
    return names


def _flips(axes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(axes)) < len(axes):
        raise InvalidParameterError(f"an axis may be named once; {list(axes)} was given")
    return axes


def _sigma_data(value: object) -> object:
    number = isinstance(value, int | float) and not isinstance(value, bool) and 1e-6 <= value < math.inf
    if not number and value != "measured":
        raise InvalidParameterError(
            f"it must be a number of at least 1e-6, or 'measured'; {repr(value)[:100]} was given"
        )
    return value


Name = Annotated[str, AfterValidator(check_name)]
Whole = Annotated[int, Field(ge=0, le=_LARGEST)]
Positive = Annotated[int, Field(ge=1, le=_LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]


class Recipe(BaseModel):
    """One training run.

    What is learnt:
        kind: 'autoencoder', or 'denoiser' for a class-conditional network.
        family, datasets: data sets whose training splits are used together, unpaired; those of one
            family share a network, each under its own source label. images: at most that many of each
            data set, 0 for all. both_domains: whether each is shown as a target and as a source, and not, by
            a hash of its group, as one of them. source: real, rendered or auto. size: height and width in pixels.
        flips: axes of the images (-1 horizontal, -2 vertical) that are mirrored at random.
        label_dropout: share of the labels that are replaced by the null label.

    The network:
        network, architecture: a name in `networks.NETWORKS` and its further arguments; for an
            autoencoder, 'small_autoencoder' and its widths.
        autoencoder: the frozen autoencoder of a denoiser in latent space, as `networks.load_autoencoder`
            takes it; '' in pixel space. measure_latents: whether an autoencoder without measured
            statistics gets those of the training images, or keeps its published scale.
        start: a checkpoint of the same network, by name or folder, whose weights the training begins with, or for a
            'spectral_unet' of the 'patched_unet' that it holds; '' begins anew.
        prediction: 'epsilon', 'sample' and 'velocity' are trained on the variance-preserving process, 'edm'
            on the variance-exploding one, 'flow' on that of flow matching. beta_schedule, beta_start, beta_end: of
            the first, as `processes.VariancePreserving` takes them. sigma_data: a number, or
            'measured' on what the network is trained on; log_mean, log_std: P_mean and P_std; all three for
            'edm' only.
        min_snr_gamma: see `objectives.denoising_loss`. kl_weight, texture_weight: see
            `objectives.autoencoding_loss`.

    How AdamW optimises it:
        steps: optimizer steps, with batch_size images each over all devices together; a device takes at
            most device_batch at once and accumulates gradients over the rest; 0 sets no bound.
        learning_rate, schedule: the rate, after a linear warm-up over `warmup` steps, constant, or falling
            to 0 at `steps` along a cosine or a line.
        ema_decay, ema_start: decay of the averaged weights, and the step at which averaging begins.
        gradient_checkpointing: less memory, more time. precision: 'bf16' autocasts to bfloat16, 'no' stays
            in float32, 'auto' takes bfloat16 where the hardware computes in it (`training.precision`).
        compile, channels_last: on GPUs, torch.compile and the memory layout of convolutions.
        seed, save_every: steps between saved states. validate_every: steps between validations,
            with some more before the first of them; 0 for none.

    Raises InvalidParameterError, with a clause per problem, for a field of the wrong type or outside its range.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    name: Name
    profile: Profile
    kind: Kind
    family: Name
    datasets: Annotated[
        tuple[str, ...], BeforeValidator(_listed), Field(min_length=1), AfterValidator(_known_data_sets)
    ]
    source: Source
    network: str
    steps: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(ge=1e-12, le=1)]
    ema_decay: Share
    architecture: dict[str, Any] = {}
    images: Whole = 0
    both_domains: bool = False
    size: Annotated[int, Field(ge=32, le=8192)] = 64
    flips: Annotated[tuple[Literal[-1, -2], ...], BeforeValidator(_listed), AfterValidator(_flips)] = (-1,)
    label_dropout: Share = 0.1
    autoencoder: str = ""
    measure_latents: bool = True
    start: str = ""
    prediction: Prediction = "epsilon"
    beta_schedule: BetaSchedule = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    sigma_data: Annotated[float | str, BeforeValidator(_sigma_data)] = "measured"
    log_mean: Annotated[float, Field(ge=-100, le=100)] = -1.2
    log_std: Annotated[float, Field(ge=1e-6, le=100)] = 1.2
    min_snr_gamma: Annotated[float, Field(ge=0)] = 0.0
    kl_weight: Annotated[float, Field(ge=0)] = 1e-6
    texture_weight: Annotated[float, Field(ge=0)] = 0.0
    device_batch: Whole = 0
    schedule: Schedule = "cosine"
    warmup: Whole = 100
    ema_start: Whole = 0
    gradient_checkpointing: bool = False
    precision: Precision = "auto"
    compile: bool = False
    channels_last: bool = False
    seed: Whole = 0
    save_every: Positive = 250
    validate_every: Whole = 0

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise InvalidParameterError(
                f"the recipe {shown(fields.get('name'))} cannot be used: {problems(error, type(self).model_fields)}"
            ) from None

    @model_validator(mode="after")
    def _family_of_its_data(self) -> Self:
        families = dict.fromkeys(data_sets.info(name).family for name in self.datasets)
        if self.kind == "denoiser" and self.family not in families:
            raise unknown(f"family of {', '.join(self.datasets)}", self.family, families)
        return self

    @model_validator(mode="after")
    def _betas_of_a_process(self) -> Self:
        _ = self.variance_preserving
        return self

    @property
    def variance_preserving(self) -> VariancePreserving:
        """The process of these betas."""
        return VariancePreserving(beta_start=self.beta_start, beta_end=self.beta_end, schedule=self.beta_schedule)

    def replace(self, **changes: Any) -> Recipe:
        """The recipe with some fields changed, and checked again."""
        return Recipe(**{**dict(self), **changes})


class _Table(BaseModel):
    """A table of a recipe's file: its bases, its fields, and those at one profile."""

    model_config = ConfigDict(strict=True, extra="allow")

    base: list[str] = []
    smoke: dict[str, Any] = {}
    quick: dict[str, Any] = {}
    gpu: dict[str, Any] = {}
    paper: dict[str, Any] = {}


def names() -> list[str]:
    """The names of all recipes, autoencoders first: the others need them."""
    tables = {name: table for file in _files() if file.stem != _PARTS for name, table in _read(file).items()}
    return sorted(tables, key=lambda name: tables[name].get("kind") != "autoencoder")


def get(name: str | Path, profile: str = "quick") -> Recipe:
    """A recipe by its name, or by the path of a TOML file, at one profile.

    Raises InvalidParameterError, one sentence, for an unknown recipe, profile or key, an impossible
    value, and a file that cannot be read.
    """
    _check_name("profile", profile, PROFILES)
    check_is("recipe", name, str | Path, "a name, or the path of a TOML file")
    tables = {key: table for file in _files() for key, table in _read(file).items()}
    if str(name).endswith(".toml"):
        file = paths.expanded(name, "recipe")
        name, tables = file.stem, {**tables, file.stem: _read(file)}
    elif name not in names():
        raise unknown("recipe", name, names())
    return Recipe(**_resolve(str(name), tables, profile, ()) | {"name": str(name), "profile": profile})


def _resolve(name: str, tables: Mapping[str, Any], profile: str, above: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a table at a profile: its bases' in order, then its own, then those of the profile."""
    if name not in tables:
        raise unknown(f"base of the recipe {above[-1]!r}", name, tables)
    if name in above:
        raise InvalidParameterError(f"the recipe {name!r} is its own base; take it out of base")
    try:
        table = _Table.model_validate(tables[name])
    except ValidationError as error:
        raise InvalidParameterError(f"the recipe {name!r} cannot be used: {problems(error)}") from None
    own, sizes = dict(table.model_extra), {size: getattr(table, size) for size in PROFILES}
    known = [key for key in Recipe.model_fields if key not in ("name", "profile")]
    for key in (key for part in (own, *sizes.values()) for key in part):
        if key not in known:
            raise unknown(f"key in the recipe {name!r}", key, ("base", *PROFILES, *known))
    fields: dict[str, Any] = {}
    for base in table.base:
        fields |= _resolve(base, tables, profile, (*above, name))
    return fields | own | sizes[profile]


def _files() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.toml"))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidParameterError(f"the recipe {shown(file)} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError(f"the recipe {shown(file)} is not TOML: {error}") from error
