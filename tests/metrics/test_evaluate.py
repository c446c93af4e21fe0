from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats

from spectral_collapse import metrics
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError
from spectral_collapse.metrics.base import Inputs, ScoreInfo
from spectral_collapse.metrics.evaluate import INPUTS, evaluate
from spectral_collapse.metrics.ranges import check_latents
from tests.each import each

from .images import textures
from .made_weights import made_weights

COUNT, SIZE = 6, 32


@pytest.fixture(scope="module")
def given() -> dict[str, torch.Tensor | float]:
    generator = torch.Generator().manual_seed(0)
    images = textures(5 * COUNT, generator, size=SIZE).split(COUNT)
    noise, clean, latents = torch.randn(3, COUNT, 4, 16, 16, generator=generator)
    return {
        "images": images[0],
        "references": images[1],
        "sources": images[2],
        "reference_set": torch.cat(images[3:]),
        "noise": noise,
        "clean": 0.3 * clean,
        "latents": 0.8 * noise + 0.4 * latents,
        "cutoff": 0.5,
    }


@pytest.fixture(scope="module", autouse=True)
def _no_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No weights of this machine take part."""
    empty = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("SPECTRAL_COLLAPSE_WEIGHTS", raising=False)
        patched.setattr("spectral_collapse.metrics.weights._caches", lambda: (empty,))
        yield


@pytest.fixture(scope="module")
def everything(given: dict[str, torch.Tensor | float]) -> xr.Dataset:
    return evaluate("all", **given)


def test_the_values_are_those_of_each_score_called_by_itself(
    given: dict[str, torch.Tensor | float], everything: xr.Dataset
) -> None:
    geometry = metrics.triangle(given["noise"], given["clean"], given["latents"])
    nearest = metrics.nearest_noise(given["noise"], given["clean"])
    expected = {
        "s_hf": metrics.s_hf(given["images"], given["reference_set"]),
        "s_lf": metrics.s_lf(given["images"], given["sources"], cutoff=0.5),
        "s_dc": metrics.s_dc(given["latents"]),
        "s_g": metrics.s_g(given["latents"]).score,
        "psnr": metrics.psnr(given["images"], given["references"]),
        "effective_rank": metrics.pca(given["latents"]).effective_rank,
        "components_95": metrics.pca(given["latents"]).components_95,
        "kurtosis": metrics.moments(given["latents"]).kurtosis,
        "angle_at_image": geometry.angle_at_image,
        "noise_to_latent": geometry.noise_to_latent,
        "noise_of_image": nearest.noise_of_image,
        "sliced_wasserstein": metrics.sliced_wasserstein(given["images"], given["reference_set"]).score,
        "other_error": metrics.plain_error(given["images"], given["references"]).other,
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(everything[name], values, err_msg=name)
    assert set(everything) == set(metrics.SCORES)


def test_variables_carry_their_cards_settings_and_inputs_and_are_stored(
    everything: xr.Dataset, tmp_path: Path, given: dict[str, torch.Tensor | float]
) -> None:
    for name, variable in everything.items():
        card = metrics.SCORES[name]
        assert variable.dims == (("sample",) if card.per == "sample" else ())
        assert variable.attrs["range"] == list(card.range)
        assert (variable.attrs["long_name"], variable.attrs["units"]) == (card.symbol, card.units)
        assert variable.attrs["n"] == COUNT
        if "missing" not in variable.attrs:
            valid = variable.to_numpy()[~np.isnan(variable.to_numpy())]
            assert ((valid >= card.range[0]) & (valid <= card.range[1])).all()
    everything.to_netcdf(tmp_path / "scores.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "scores.nc", engine="h5netcdf") as again:
        xr.testing.assert_equal(again.load(), everything)
    assert everything["s_lf"].attrs["inputs"] == "image and source"
    assert everything["ssim"].attrs["inputs"] == "image and reference"
    found = evaluate(["s_lf", "ms_ssim"], **given, structure="edges")
    assert (found["s_lf"].attrs["cutoff"], found["s_lf"].attrs["structure"]) == (0.5, "edges")
    assert found["ms_ssim"].attrs["scales"] == 2  # 32 px hold the window of 11 px at half the size, not at a quarter


def test_a_functions_name_stands_for_its_scores_and_is_called_once(
    given: dict[str, torch.Tensor | float], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    @functools.wraps(metrics.pca)
    def counting(latents: torch.Tensor) -> metrics.PCA:
        calls.append(1)
        return metrics.pca(latents)

    for name in ("effective_rank", "components_95"):
        card = dataclasses.replace(metrics.SCORES[name], function=counting)
        monkeypatch.setitem(metrics.SCORES, name, card)
    found = evaluate(["pca", "components_95"], latents=given["latents"])
    assert list(found) == ["effective_rank", "components_95"]
    assert len(calls) == 1
    assert list(evaluate(["plain_error"], images=given["images"], references=given["references"])) == [
        "plain_error",
        "other_error",
        "plain_error_ratio",
    ]


def test_all_is_what_the_inputs_allow_and_every_kind_of_them_is_known(given: dict[str, torch.Tensor | float]) -> None:
    found = evaluate("all", latents=given["latents"])
    assert set(found) == {name for name, card in metrics.SCORES.items() if card.inputs == "latent"}
    assert set(evaluate("all", noise=given["noise"], clean=given["clean"])) == {"noise_of_image", "image_of_noise"}
    with pytest.raises(InvalidParameterError, match="no score can do with what was given"):
        evaluate("all", noise=given["noise"])
    assert set(get_args(Inputs)) == set(INPUTS)


def test_a_missing_or_bad_input_is_named_with_its_score(given: dict[str, torch.Tensor | float]) -> None:
    for names, missing, message in (
        (["psnr"], "references", "'psnr' needs references="),
        (["s_lf"], "sources", "'s_lf' needs sources="),
        (["s_lf"], "cutoff", "'s_lf' needs cutoff="),
        (["s_hf"], "reference_set", "'s_hf' needs hf_reference= .* or reference_set="),
        (["s_dc", "triangle"], "clean", "'angle_at_noise' needs clean="),
    ):
        with pytest.raises(InvalidParameterError, match=message):
            evaluate(names, **{name: value for name, value in given.items() if name != missing})
    references, latents = given["references"][:5], given["latents"]
    for names, changed, error, message in (
        ("psnr", {}, InvalidParameterError, "names must be .*'psnr' was given"),
        (["psnr"], {"references": references}, InvalidParameterError, "got 6 images, 5 references"),
        ("all", {"sources": 100 * given["sources"]}, InvalidParameterError, "evaluate: sources span"),
        ("all", {"latents": latents * torch.nan}, NotFiniteError, "evaluate: latents hold NaN .* sample 0"),
        (["s_dc"], {"latents": latents.numpy()}, InvalidParameterError, "latents must be a floating-point tensor"),
        (["s_dc"], {"device": "nowhere"}, InvalidParameterError, "'nowhere'"),
    ):
        with pytest.raises(error, match=message):
            evaluate(names, **{**given, **changed})


def test_missing_weights_are_missing_values_with_a_reason(given: dict[str, torch.Tensor | float]) -> None:
    found = evaluate(["psnr", "lpips_alex", "fid"], **given)
    for name, shape in (("lpips_alex", (COUNT,)), ("fid", ())):
        assert found[name].shape == shape
        assert found[name].isnull().all()
        assert "are not on this machine" in found[name].attrs["missing"]
    assert "missing" not in found["psnr"].attrs


def test_weights_leave_their_hash_in_the_result(given: dict[str, torch.Tensor | float]) -> None:
    folder = made_weights("inception")
    found = evaluate(["fid", "kid"], **given, weights=folder)
    expected = metrics.fid(given["images"], given["reference_set"], folder)
    assert float(found["fid"]) == expected.score
    attrs = found["fid"].attrs
    assert (attrs["chance"], attrs["n_images"], attrs["n_references"]) == (expected.chance, COUNT, 2 * COUNT)
    assert attrs["weights_published"] == "no"
    assert len(attrs["weights_sha256"]) == 64
    assert found["kid"].attrs["standard_error"] > 0


def test_a_score_that_refuses_is_missing_among_all_and_an_error_by_name(given: dict[str, torch.Tensor | float]) -> None:
    small = {name: given[name][..., :12, :12] for name in ("images", "references")}
    found = evaluate("all", **small)
    assert found["haarpsi"].attrs["missing"].startswith("HaarPSI needs images of at least 16 x 16")
    assert found["haarpsi"].isnull().all()
    assert found["ssim"].notnull().all()
    with pytest.raises(InvalidParameterError, match="HaarPSI needs images of at least 16 x 16"):
        evaluate(["haarpsi"], **small)
    with pytest.raises(DataError, match="S_G is a score of a set and got 1 latent"):
        evaluate(["s_g"], latents=given["latents"][:1])


@each(
    ("function", "per", "sentence"),
    [
        (lambda x: x.sub_(1).mean((1, 2, 3)), "sample", "'mine' wrote into latents, which other scores get too"),
        (
            lambda x: x.mean(),
            "sample",
            r"'mine', which is per sample, must return a tensor \(3,\) .*; a tensor of shape",
        ),
        (lambda x: x.mean((1, 2, 3)), "set", "'mine', which is per set, must return one number"),
        (lambda x: None, "sample", "None was returned"),
        (lambda x: "high", "set", "'high' was returned"),
        (lambda x: x.mean((1, 2, 3)).requires_grad_(), "sample", "without a gradient; .* with one was returned"),
    ],
)
def test_a_score_of_ones_own_that_gives_something_else_is_named(
    function: Callable[[torch.Tensor], object], per: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = ScoreInfo("mine", function, "m", None, (0.0, 1.0), "latent", per, "mine")
    monkeypatch.setitem(metrics.SCORES, "mine", card)
    with pytest.raises(InvalidParameterError, match=sentence):
        evaluate(["mine"], latents=torch.randn(3, 4, 8, 8))


def test_channels_last_are_refused() -> None:
    latents = torch.randn(3, 4, 8, 16)
    assert evaluate(["s_dc"], latents=latents)["s_dc"].shape == (3,)
    for call in (lambda x: evaluate(["s_dc"], latents=x), metrics.s_dc):
        with pytest.raises(InvalidParameterError, match=r"channels last; give latents\.permute\(0, 3, 1, 2\)"):
            call(latents.permute(0, 2, 3, 1))
    assert check_latents("s", torch.randn(3, 16, 4, 4)).shape == (3, 16, 4, 4)  # many channels of few pixels


def test_the_values_of_white_noise_stand_beside_those_found() -> None:
    # Three standard errors: of S_DC as if a latent held one patch, of KS 0.26 / 20, of a share 0.22 / 20, of KL
    # 1 / 400 per element over 16.
    latents = torch.randn(400, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    found = evaluate("all", latents=latents)
    for name, tolerance in {"s_dc": 0.018, "s_g": 0.039, "shapiro_wilk": 0.033, "kl_divergence": 5e-4}.items():
        assert float(found[name].mean()) == pytest.approx(found[name].attrs["white_noise"], abs=tolerance), name
    # The ranks' formula is a limit of large maps, and 8 pixels are few; a single patch has a largest |r| of its own.
    for name in ("patch_correlation", "effective_rank", "map_effective_rank"):
        assert float(found[name].mean()) == pytest.approx(found[name].attrs["white_noise"], rel=0.02), name


@each("count", [2, 6, 16, 40])
def test_the_mean_of_the_kolmogorov_statistic(count: int) -> None:
    found = evaluate(["s_g"], latents=torch.randn(count, 1, 4, 4))["s_g"].attrs["white_noise"]
    distance = np.linspace(0, 1, 400)
    exact = np.trapezoid(stats.kstwo(count).sf(distance), distance)
    assert 1 - found == pytest.approx(exact, rel=0.003)  # exact under 16; Vrbik's correction leaves O(n^-1.5) beyond


def test_a_bar_over_the_scores_is_shown_where_it_is_asked_for(
    given: dict[str, torch.Tensor | float], capsys: pytest.CaptureFixture[str]
) -> None:
    for progress in (False, True):
        evaluate(["psnr", "s_dc"], **given, progress=progress)
        assert ("scores" in capsys.readouterr().err) == progress
    with pytest.raises(InvalidParameterError, match="progress"):
        evaluate(["psnr"], **given, progress="yes")
