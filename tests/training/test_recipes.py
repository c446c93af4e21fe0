from __future__ import annotations

import ast
import shutil
from functools import cache
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from spectral_collapse import datasets, networks
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.build import create_autoencoder
from spectral_collapse.networks.checkpoints import downsampling
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.training import recipes
from spectral_collapse.training.recipes import PROFILES

TABLE_7 = [
    # experiment, framework, effective batch size, learning rate, schedule, EMA decay, steps, sigma_data, P_mean
    ("bbbc021-pixel", "epsilon", 64, 5e-5, "constant", 0.995, 80_000, None, None),
    ("bbbc021-pixel-edm", "edm", 64, 1e-4, "cosine", 0.999, 100_000, 0.5, -1.2),
    ("edges2shoes", "epsilon", 128, 5e-5, "cosine", 0.995, 80_000, None, None),
    ("edges2shoes-edm", "edm", 128, 5e-5, "constant", 0.995, 80_000, 0.7, -0.4),
    ("bbbc021", "epsilon", 128, 5e-5, "cosine", 0.995, 80_000, None, None),
    ("bbbc021-edm", "edm", 128, 5e-5, "cosine", 0.995, 80_000, 1.14, -1.89),
    ("bbbc021-dit", "epsilon", 128, 5e-5, "cosine", 0.995, 120_000, None, None),
    ("bbbc021-dit-edm", "edm", 128, 5e-5, "cosine", 0.995, 120_000, 0.5, -1.2),
]


@pytest.mark.parametrize("row", TABLE_7, ids=lambda row: row[0])
def test_the_papers_profile_is_table_7(row: tuple[object, ...]) -> None:
    name, prediction, *settings, sigma_data, log_mean = row
    recipe = recipes.get(str(name), "paper")
    found = [recipe.batch_size, recipe.learning_rate, recipe.schedule, recipe.ema_decay, recipe.steps]
    assert (recipe.prediction, found) == (prediction, settings)
    if prediction == "edm":
        assert (recipe.sigma_data, recipe.log_mean, recipe.log_std) == (sigma_data, log_mean, 1.2)
    assert (recipe.size, recipe.device_batch, recipe.label_dropout) == (256, 16, 0.1)


@cache
def built(kind: str, side: int, channels: int, architecture: str) -> torch.nn.Module:
    """A network without weights, once for all recipes that have it; architecture: a literal."""
    with torch.device("meta"):
        return networks.create(kind, side, channels, 5, **ast.literal_eval(architecture))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_builds_its_network(name: str, profile: str) -> None:
    """On torch's meta device, where a billion weights take no memory."""
    recipe = recipes.get(name, profile)
    if recipe.kind == "autoencoder":
        with torch.device("meta"):
            network = create_autoencoder(recipe.network, **recipe.architecture)
        assert recipe.size % downsampling(network.config) == 0
        return
    assert all(datasets.info(entry).family == recipe.family for entry in recipe.datasets)
    latents = (recipe.size // 8, 4) if profile == "paper" else (recipe.size // 4, 20)
    side, channels = latents if recipe.autoencoder else (recipe.size, 3)
    network = built(recipe.network, side, channels, repr(recipe.architecture))
    assert network.config.in_channels == channels
    size = sum(weight.numel() for weight in network.parameters())
    low, high = {"smoke": (0, 2e5), "quick": (4e5, 6e6), "gpu": (1e6, 4e6), "paper": (4e8, 9e8)}[profile]
    assert low < size < high


def test_the_targets_of_one_data_set_differ_in_the_target_alone() -> None:
    """The comparison of epsilon with x0 is of the prediction type, and below paper of the weight that goes with it."""
    for name in ("photos", "bbbc021-latent", "edges2shoes-latent"):
        for profile in PROFILES:
            noise, clean = (recipes.get(one, profile) for one in (name, f"{name.removesuffix('-latent')}-sample"))
            assert clean.min_snr_gamma == (0 if profile == "paper" else 5)
            assert clean.replace(name=noise.name, prediction="epsilon", min_snr_gamma=0.0) == noise


@pytest.mark.parametrize("profile", ["smoke", "quick", "gpu"])
def test_networks_of_pixels_leave_next_to_nothing_of_an_image_at_the_noisiest_level(profile: str) -> None:
    """The mean of an image of d values stands out of the noise as sqrt(d) alpha / sigma times its size."""
    for name in ("textures", "bbbc021-rendered", "photos"):
        recipe = recipes.get(name, profile)
        last = recipe.variance_preserving.level(999)
        assert 64 * last.alpha / last.sigma < 0.5  # one channel of 64 x 64 pixels
        leaky = recipes.get(f"{name}-sd", profile).variance_preserving if name != "photos" else None
        assert leaky in (None, VariancePreserving())
        assert recipes.get(name, "paper").variance_preserving == VariancePreserving()
    assert 64 * VariancePreserving().level(999).alpha > 4


def test_a_file_of_your_own_starts_from_a_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = ["bbbc021-edm"]\ndatasets = ["bbbc021_x32"]\n[paper]\ndevice_batch = 8\n')
    mine, base = (recipes.get(name, "paper") for name in (file, "bbbc021-edm"))
    assert mine == base.replace(name="mine", datasets=("bbbc021_x32",), device_batch=8)
    assert recipes.get(file, "quick").device_batch == 0


PHOTOS = 'base = ["photos"]\n'
REFUSED = [
    ('base = ["photos"]\nlr = 1e-3', "unknown key in the recipe 'mine' 'lr'; known are: base, smoke, .*learning_rate"),
    ('base = ["photos"]\n[quick]\nlr = 1e-3', "unknown key in the recipe 'mine' 'lr'"),
    ('base = ["photo"]', "unknown base of the recipe 'mine' 'photo'; known are: photos, .* more"),
    ("steps = 3", "the recipe 'mine' cannot be used: it lacks kind, family, datasets"),
    ("steps = ", "is not TOML"),
    ("steps = " + 5000 * "[", "is not TOML"),
    ('base = ["mine"]', "the recipe 'mine' is its own base"),
    ('base = "photos"', "base must be a valid list"),
    ('base = [["photos"]]', "base.0 must be a valid string"),
    ("base = { a = 1 }", "base must be a valid list"),
    *(
        (f"{PHOTOS}{line}", named)
        for line, named in (
            ("quick = 3", "quick must be a valid dictionary"),
            ("steps = 0", "'mine' cannot be used: steps must be greater than or equal to 1; 0 was given"),
            ("steps = 2.5", "steps must be a valid integer"),
            (f"steps = {10**30}", "steps must be less than or equal to 2147483647"),
            ("batch_size = 1000000000000000", "batch_size must be less than"),
            ("size = 16", "size must be greater than or equal to 32"),
            ("seed = -1", "seed must be greater than or equal to 0"),
            ("ema_decay = 1.5", "ema_decay must be less than or equal to 1"),
            ('learning_rate = "fast"', "learning_rate must be a valid number"),
            ("kl_weight = inf", "kl_weight must be a finite number"),
            ('prediction = "score"', "prediction must be 'epsilon', 'sample', 'velocity', 'edm' or 'flow'"),
            ('schedule = "step"', "schedule must be 'cosine', 'constant' or 'linear'"),
            ('precision = "fp16"', "precision must be 'auto', 'no' or 'bf16'"),
            ("sigma_data = -1", "sigma_data: .*; -1 was given"),
            ("flips = [-3]", "flips.0 must be -1 or -2"),
            ("flips = [-1, -1]", "flips: an axis may be named once"),
            ("flips = -1", r"flips must be a list, such as \[-1\]"),
            ("datasets = []", "datasets must have at least 1 item"),
            ('datasets = "photos_x8"', r"datasets must be a list, such as \['photos_x8'\]"),
            ('datasets = ["cats"]', "datasets: unknown data set 'cats'"),
            ("compile = 1.5", "compile must be a valid boolean"),
            ("network = { a = 1 }", "network must be a valid string"),
            ("architecture = 3", "architecture must be a valid dictionary"),
            ('family = "../../x"', "family: a name must begin with a letter"),
            ('family = "cats"', "unknown family .*'cats'; known are: photos"),
            ('steps = 0\nflips = 3\nseed = "a"', "steps must be .*; flips must be .*; seed must be"),
        )
    ),
]


def test_a_bad_recipe_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    for text, named in REFUSED:
        file.write_text(text)
        with pytest.raises(InvalidParameterError, match=named):
            recipes.get(file)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "a;b.toml").write_text(PHOTOS)
    for name, named in (
        ("cats", "unknown recipe 'cats'; known are: autoencoder, bbbc021, "),
        (tmp_path / "nowhere.toml", "nowhere.toml' cannot be read"),
        ("~nobody-of-this-name/mine.toml", "no such home folder"),
        (tmp_path / "a;b.toml", "name: a name must begin with .*; 'a;b' was given"),
    ):
        with pytest.raises(InvalidParameterError, match=named):
            recipes.get(name)
    with pytest.raises(InvalidParameterError, match="unknown profile 'huge'; known are: smoke, quick, gpu, paper"):
        recipes.get("photos", "huge")


def test_a_recipe_is_frozen_and_its_changes_are_checked() -> None:
    recipe = recipes.get("photos")
    with pytest.raises(ValidationError):  # a programmer's slip, so pydantic's own words
        recipe.steps = 3
    assert recipe.replace(steps=3).steps == 3
    assert recipe.replace() == recipe
    assert recipe.replace(flips=[-2]).flips == (-2,)
    for changed, named in (
        ({"steps": 0}, "steps must be greater"),
        ({"beta_start": 0.5}, "0 < beta_start <= beta_end"),
    ):
        with pytest.raises(InvalidParameterError, match=f"'photos' cannot be used: .*{named}"):
            recipe.replace(**changed)


def test_a_new_file_is_enough_for_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in Path(recipes.__file__).parent.glob("*.toml"):
        shutil.copy(file, tmp_path)
    (tmp_path / "cells.toml").write_text('[cells]\nbase = ["bbbc021-rendered"]\nsteps = 7\n')
    monkeypatch.setattr(recipes, "_files", lambda: sorted(tmp_path.glob("*.toml")))
    assert "cells" in recipes.names()
    assert recipes.names()[0] == "autoencoder"
    assert recipes.get("cells").steps == 7


def test_recipes_of_the_gpu_may_stop_at_any_step() -> None:
    """At a constant rate, in one run, on the autoencoder of its size; the precision is that of the hardware."""
    assert "denoiser" not in recipes.names()  # a part
    for name in recipes.names():
        assert recipes.get(name).precision in ("auto", "no")
        assert recipes.get(name, "gpu").precision == ("no" if name == "autoencoder" else "auto")
        assert recipes.get(name, "paper").precision == "auto"
        recipe = recipes.get(name, "gpu")
        assert (recipe.schedule, recipe.start) == ("constant", "")
        assert recipe.size == (256 if name.endswith("-256") else 128)
        assert recipe.autoencoder in ("", "autoencoder-128")
        assert bool(recipe.autoencoder) == bool(recipes.get(name).autoencoder)
