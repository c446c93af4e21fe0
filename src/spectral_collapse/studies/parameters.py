"""Parameters of studies: typed, frozen, with ranges, help texts and defaults per profile.

The notebook's parameter check, the command line's options, the API page and the key of a result all come from these.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from spectral_collapse.checks import check_is
from spectral_collapse.errors import InvalidParameterError, described, problems, shown, unknown
from spectral_collapse.networks.checkpoints import Model

PROFILES = ("smoke", "quick", "paper")
Profile = Literal["smoke", "quick", "paper"]
DataSource = Literal["auto", "real", "rendered"]

MOST = 100_000
"""The most values, or characters, of a parameter: more are a mistake, and each would be checked."""

Count = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Checkpoint = str | Path | Model


def by_profile(smoke: object, quick: object, paper: object, **field: Any) -> Any:
    """A field with another default at each profile; None asks for it too. `field` is as in pydantic's Field."""
    return Field(
        default=None, json_schema_extra={"profiles": {"smoke": smoke, "quick": quick, "paper": paper}}, **field
    )


class Parameters(BaseModel):
    """The parameters of every study. Subclasses add fields, each with a description.

    smoke: seconds, shows that everything runs; quick: minutes on two cores, for the book; paper: the papers' 256
    px, 32 images and 3 seeds, for networks that you train.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    profile: Profile = Field("quick", description="how much compute the study may use: smoke, quick or paper")
    device: str = Field("auto", description="where networks run: auto, cpu, cuda, cuda:1, ...")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _take_defaults_of_profile(cls, given: Any) -> Any:
        given = {name: value for name, value in given.items() if not (value is None and _by_profile(cls, name))}
        profile = given.get("profile", cls.model_fields["profile"].default)
        for name in cls.model_fields:
            defaults = _by_profile(cls, name)
            if defaults and name not in given and isinstance(profile, str) and profile in PROFILES:
                given[name] = defaults[profile]
        return given

    @classmethod
    def checked(cls, **given: Any) -> Self:
        """The parameters, if they are possible. Raises InvalidParameterError, one sentence, if not."""
        for name, value in given.items():
            if name not in cls.model_fields:
                raise unknown("parameter", name, cls.model_fields)
            if isinstance(value, Sequence) and len(value) > MOST:
                raise InvalidParameterError(f"{name} has {len(value)} values; give {MOST} at most")
        try:
            return cls(**given)
        except pydantic.ValidationError as error:
            raise InvalidParameterError(problems(error, cls.model_fields)) from error

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except pydantic.ValidationError as error:
            raise InvalidParameterError(problems(error, type(self).model_fields)) from None

    def __hash__(self) -> int:
        return hash(repr(self))


def known(what: str, names: tuple[str, ...], among: Collection[str]) -> tuple[str, ...]:
    """The names, each once. Raises InvalidParameterError for one that is not among the known ones."""
    check_is("names", names, Sequence, "a list of names")
    check_is("among", among, Mapping | list | tuple | set | frozenset, "the known names")
    for name in names:
        if name not in among:
            raise unknown(what, name, among)
    return tuple(dict.fromkeys(names))


class ImageParameters(Parameters):
    """Test images of one data set."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 4, "quick": 64, "paper": 64}
    """Test images where no number is given; all where there are fewer."""

    split: ClassVar[Literal["test", "validation"]] = "test"
    """Which images a study looks at: 'validation' where it chooses settings, 'test' where it reports."""

    dataset: str = Field("photos_x8", description="a name that 'spectral-collapse data list' shows")
    source_images: str | Path | None = Field(
        None, description="folder of source images of one's own, in place of a data set; needs target_images"
    )
    target_images: str | Path | None = Field(None, description="folder of their targets, of the same names")
    source: DataSource = Field("auto", description="real images, rendered ones, or real where they are found")
    root: str | Path | None = Field(None, description="folder with real images (default: SPECTRAL_COLLAPSE_DATA)")
    size: Count = by_profile(64, 64, 256, ge=32, multiple_of=32, description="height and width in pixels")
    images: Count | None = Field(None, ge=1, description="test images, from as many pictures as possible")
    reference: Count = by_profile(
        32, 512, 2048, ge=2, description="real target images of the training split that S_HF is compared with"
    )
    shown: Count = by_profile(2, 6, 2, ge=1, description="how many of the images are stored as pictures")

    @pydantic.model_validator(mode="after")
    def _has_both_folders(self) -> Self:
        if (self.source_images is None) != (self.target_images is None):
            raise ValueError("source_images and target_images must be given together")
        if self.source_images is not None and ("dataset" in self.model_fields_set or self.root is not None):
            raise ValueError("source_images and target_images stand in place of dataset and root; leave these out")
        return self


class NetworkParameters(ImageParameters):
    """Test images of one data set and a network to invert them with."""

    checkpoint: Checkpoint | None = Field(
        None, description="name or folder of a network (default: the one that ships for these images)"
    )
    num_steps: Count = by_profile(5, 50, 50, ge=1, description="steps of the inversion and of the sampling")
    guidance: Number | None = Field(
        None, ge=0, description="guidance scale in sampling (default: the published one at profile paper, else 1, none)"
    )


def check_parameters(parameters: object) -> None:
    """Raises InvalidParameterError unless the argument is a type of parameters."""
    if not isinstance(parameters, type) or not issubclass(parameters, Parameters):
        raise InvalidParameterError(
            f"parameters must be a subclass of studies.parameters.Parameters; {described(parameters)} was given"
        )


def describe(parameters: type[Parameters]) -> Mapping[str, str]:
    """Each parameter's help text, with its default, for the command line and the API page."""
    check_parameters(parameters)
    found = {}
    for name, field in parameters.model_fields.items():
        profiles = _by_profile(parameters, name)
        if profiles:
            values = ", ".join(f"{profile} {value}" for profile, value in profiles.items())
            found[name] = f"{field.description} (default: {values})"
        elif field.default is None:
            found[name] = field.description or ""
        else:
            found[name] = f"{field.description} (default: {field.default})"
    return found


def by_profile_names(parameters: type[Parameters]) -> list[str]:
    """The parameters with another default at each profile."""
    return [name for name in parameters.model_fields if _by_profile(parameters, name)]


def takes_several(parameters: type[Parameters], name: str) -> bool:
    """Whether a parameter is a list of values, or names with values."""
    return any(issubclass(kind, tuple | list | dict) for kind in _kinds(parameters, name))


def from_text(parameters: type[Parameters], given: Mapping[str, str | list[str]]) -> dict[str, Any]:
    """Parameters that were typed on a command line, as `checked` takes them: numbers where numbers are expected, a JSON
    object where names have values of their own."""
    return {name: _from_text(value, _kinds(parameters, name)) for name, value in given.items()}


def _from_text(text: str | list[str], kinds: set[type]) -> Any:
    if isinstance(text, list):
        if dict in kinds and len(text) == 1 and text[0].startswith("{"):
            try:
                return json.loads(text[0])
            except ValueError as error:
                raise InvalidParameterError(f"{shown(text[0])} is no JSON object: {error}") from error
        return [_from_text(one, kinds) for one in text]
    for number in (int, float) if kinds & {int, float} else ():
        with contextlib.suppress(ValueError):
            return number(text)
    return text


def _kinds(parameters: type[Parameters], name: str) -> set[type]:
    """The types that a parameter may have, and those of its elements."""

    def walk(annotation: Any) -> Iterator[type]:
        origin = get_origin(annotation)
        if isinstance(origin or annotation, type):
            yield origin or annotation
        if origin is not Literal:
            for inner in get_args(annotation):
                yield from walk(inner)

    return set(walk(parameters.model_fields[name].annotation))


def _by_profile(cls: type[Parameters], name: str) -> Mapping[str, Any] | None:
    field = cls.model_fields.get(name)
    extra = field.json_schema_extra if field is not None else None
    return extra.get("profiles") if isinstance(extra, dict) else None
