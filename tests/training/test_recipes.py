from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from spectral_collapse import datasets, networks
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.autoencoder import downsampling
from spectral_collapse.training import recipes
from spectral_collapse.training.recipes import PROFILES, Recipe

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


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_builds_its_network(name: str, profile: str) -> None:
    """On torch's meta device, where a billion weights take no memory."""
    recipe = recipes.get(name, profile)
    assert all(datasets.info(entry).family in (recipe.family, entry.split("_")[0]) for entry in recipe.datasets)
    with torch.device("meta"):
        if recipe.kind == "autoencoder":
            widths = tuple(recipe.architecture["widths"])
            assert recipe.size % downsampling(networks.small_autoencoder(widths)) == 0
            return
        side, channels = (
            (recipe.size // (8 if profile == "paper" else 4), 4) if recipe.autoencoder else (recipe.size, 3)
        )
        network = networks.create(recipe.network, side, channels, 5, **recipe.architecture)
    assert network.config.in_channels == channels
    size = sum(weight.numel() for weight in network.parameters())
    assert (
        {"smoke": 0, "quick": 4e5, "paper": 4e8}[profile] < size < {"smoke": 2e5, "quick": 1.3e6, "paper": 9e8}[profile]
    )


def test_the_targets_of_one_data_set_differ_in_the_target_alone() -> None:
    """The comparison of epsilon with x0 is of the prediction type, not of anything else."""
    for family in ("photos", "bbbc021", "edges2shoes"):
        for profile in PROFILES:
            noise, clean = (recipes.get(name, profile) for name in (family, f"{family}-sample"))
            assert dataclasses.replace(clean, name=noise.name, prediction="epsilon") == noise


def test_a_file_of_your_own_starts_from_a_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = ["bbbc021-edm"]\ndatasets = ["bbbc021_x32"]\n[paper]\ndevice_batch = 8\n')
    mine, base = (recipes.get(name, "paper") for name in (file, "bbbc021-edm"))
    assert mine == dataclasses.replace(base, name="mine", datasets=("bbbc021_x32",), device_batch=8)
    assert recipes.get(file, "quick").device_batch == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'base = ["photos"]\nlr = 1e-3',
            "unknown key in the recipe 'mine' 'lr'; known are: base, smoke, .*learning_rate",
        ),
        ('base = ["photos"]\n[quick]\nlr = 1e-3', "unknown key in the recipe 'mine' 'lr'"),
        ('base = ["cats"]', "unknown base of the recipe 'mine' 'cats'; known are: .*photos"),
        ('base = ["mine"]', "the recipe 'mine' is its own base"),
        ("steps = 3", "the recipe 'mine' lacks kind, family, datasets"),
        ("steps = ", "is not TOML"),
        ('base = ["photos"]\nsteps = 0', "steps in the recipe 'mine' must be a whole number of at least 1; 0 was"),
        ('base = ["photos"]\nsteps = 2.5', r"steps in the recipe 'mine' must be a whole number .* 2.5 was given"),
        ('base = ["photos"]\nema_decay = 1.5', "ema_decay in the recipe 'mine' must be a number from 0 to 1; 1.5"),
        ('base = ["photos"]\nlearning_rate = "fast"', "learning_rate in the recipe 'mine' must be a number"),
        ('base = ["photos"]\nprediction = "score"', "unknown prediction in the recipe 'mine' 'score'; known are: eps"),
        ('base = ["photos"]\nschedule = "step"', "unknown schedule .* known are: cosine, constant"),
        ('base = ["photos"]\nsigma_data = -1', "sigma_data .* or 'measured'; -1 was given"),
        ('base = ["photos"]\nflips = [-3]', r"flips .* must be a list of -1 .* \[-3\] was given"),
        ('base = ["photos"]\ndatasets = []', "needs datasets"),
        ('base = ["photos"]\ndatasets = "photos_x8"', "needs datasets, a list"),
        ('base = "photos"', "base in the recipe 'mine' must be a list of recipes; 'photos' was given"),
        ('base = ["photos"]\nflips = -1', "flips .* must be a list of -1 .*; -1 was given"),
        ('base = ["photos"]\nquick = 3', "quick in the recipe 'mine' must be a table of fields; 3 was given"),
        ('base = ["photos"]\ncompile = 1.5', "unknown compile .* known are: True, False"),
    ],
)
def test_a_bad_recipe_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InvalidParameterError, match=message) as error:
        recipes.get(file)
    assert "\n" not in str(error.value)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidParameterError, match="unknown recipe 'cats'; known are: autoencoder, photos, photos-x8only, photos-sam"
    ):
        recipes.get("cats")
    with pytest.raises(InvalidParameterError, match="unknown profile 'huge'; known are: smoke, quick, paper"):
        recipes.get("photos", "huge")
    with pytest.raises(InvalidParameterError, match=r"nowhere.toml' cannot be read: No such file"):
        recipes.get(tmp_path / "nowhere.toml")


def test_the_parts_are_no_recipes() -> None:
    assert "denoiser" not in recipes.names()
    assert isinstance(recipes.get("photos"), Recipe)
