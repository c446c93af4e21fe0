"""The images' fine detail, and sentences on it with several networks and autoencoders."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import depends, fine_detail, space
from spectral_collapse.findings.registered import margin
from spectral_collapse.statistics import Interval
from spectral_collapse.studies.benchmark import AUTOENCODER, TARGET
from tests.benchmark_study import detailed, made


@pytest.mark.parametrize(("times", "held"), [(1.5, False), (1.1, None), (0.9, None), (0.5, True)])
def test_nearer_means_by_more_than_the_registered_margin(times: float, held: bool | None) -> None:
    study = detailed(standard=2.0, other=2.0 * times)
    assert abs(np.log(1.1)) < margin("hf_ratio") < np.log(1.5)
    assert fine_detail.closer(study, "other") is held
    assert fine_detail.nearer({"one": study}, "other") == (held is True, held is False)


def test_averages_of_a_family_share_their_images_and_those_of_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gap is 0.1 with an interval of 0.2 down and 0.4 up."""
    monkeypatch.setattr(fine_detail, "gap", lambda *given: Interval(0.1, -0.1, 0.5))
    for other, scale in (("BBBC021 x16", 1), ("Edges2Shoes", 1 / np.sqrt(2))):
        found = {title: made({"standard": {}}, title=title) for title in ("BBBC021 x8", other)}
        more = fine_detail.more(found, "taba", "standard")
        assert np.log(more) == pytest.approx((0.1, 0.1 - 0.2 * scale, 0.1 + 0.4 * scale))


def test_families_count_alike_however_many_data_sets_they_have() -> None:
    off = {"BBBC021 x8": 2.0, "BBBC021 x16": 2.0, "BBBC021 x32": 2.0, "Edges2Shoes": 8.0}
    found = {title: detailed(standard=factor).assign_attrs(title=title) for title, factor in off.items()}
    assert fine_detail.average(found, "standard") == pytest.approx(4)  # not 2.8, the mean over data sets


def test_each_run_of_a_method_that_draws_noise_counts() -> None:
    """One run with twice the target's energy and one with half of it are off by a factor of 2, not right on average."""
    study = detailed(other=xr.DataArray([2.0, 0.5], dims="seed"))
    assert fine_detail.energy(study, "other").mean == pytest.approx(1)
    assert fine_detail.miss(study, "other").mean == pytest.approx(2)
    assert fine_detail.left(study, "other").mean == pytest.approx(2)


def test_the_fit_is_what_a_factor_for_all_images_cannot_mend() -> None:
    apart = np.linspace(-1, 1, 12) ** 3
    study = detailed(standard=np.exp(apart), other=np.exp(2 * apart), louder=5 * np.exp(apart))
    assert fine_detail.left(study, "standard").mean == pytest.approx(np.exp(np.abs(apart).mean()))
    assert fine_detail.misfit(study, "louder").to_numpy() == pytest.approx(np.abs(apart))
    assert fine_detail.fits(study, "louder") is None
    assert fine_detail.fits(study, "other") is False
    assert fine_detail.fits(study, "standard", "other") is True
    study["hf_excess"].loc[{"point": "standard"}] = 7.0  # the same in all, as a drawing of one texture has
    alike = (fine_detail.misfit(study, name) for name in ("standard", fine_detail.TARGET))
    np.testing.assert_allclose(*alike, rtol=1e-12)


def test_the_table_of_the_figure_has_a_row_per_method_and_data_set() -> None:
    study = made({"standard": {}, "taba": {}})
    table = fine_detail.amount_and_fit({"one": study, "two": study}, ("standard", "taba", "ovg"))
    assert table.groupby("series").size().to_dict() == {"standard": 2, "TABA": 2}
    assert table["left"].iloc[0] == fine_detail.left(study, "standard").mean


def test_detail_follows_the_image_where_it_fits_better_than_one_amount_for_all() -> None:
    study = made({"standard": {}})
    target = study["reference_hf_excess"].sel(reference="target", drop=True)
    target[:] = np.linspace(-2, 2, target.size)
    for held in (True, False):  # the targets' own detail, or that of other targets
        study["hf_excess"].loc[{"point": "standard"}] = target.to_numpy()[:: 1 if held else -1]
        assert fine_detail.follows(study) is held
        assert fine_detail.unfitted({"one": study}) == [study.attrs["title"]] * (not held)


def test_what_a_cure_does_is_counted_by_network_and_concluded_only_of_the_same_data() -> None:
    mended, worsened = detailed(standard=4.0, taba=4.0, ovg=1.0), detailed(standard=2.0, taba=2.0, ovg=9.0)
    networks = {"with a": {"one": mended, "two": mended}, "with b": {"one": worsened}}
    assert depends.helped(networks, "ovg") == (
        "OVG brings fine detail nearer to the targets on 2 of 2 data sets with a and on none with b (farther away on "
        "1)."
    )
    assert depends.counts(networks).to_dict("index") == {
        "TABA": {"with a": "0 (0)", "with b": "0 (0)"},
        "OVG": {"with a": "2 (0)", "with b": "0 (1)"},
    }
    assert depends.conclusion({"": {"a": {"one": mended}, "b": {"one": worsened}}}).startswith(
        "Images depend on the network"
    )
    assert depends.conclusion({"": {"a": {"one": mended}, "b": {"two": worsened}}}) == ""
    assert depends.conclusion({"": {"a": {"one": mended}, "b": {"one": mended}}}) == ""


def test_two_networks_are_compared_on_the_same_images() -> None:
    far, near = detailed(standard=4.0), detailed(standard=1.0)
    found = {"epsilon": {"one": far, "two": near, "three": far}, "x0": {"one": near, "two": far}}
    near["psnr"] = near["psnr"] - 1
    said = "on 1 of 2 data sets and farther on 1; PSNR to the targets is lower on 1"
    assert depends.compared(found, "x0", "epsilon") == said
    assert depends.by_factor({"one": far}).endswith("of their targets: 4.00 [4.00, 4.00] on Made up.")
    for other, trend in ((near, "less"), (detailed(standard=9.0), "more")):
        told = depends.by_factor({"one": far, "two": other.assign_attrs(title="Other")})
        assert told.endswith(f" At the largest factor they keep {trend} of it than at the smallest.")


def test_the_answer_says_what_the_autoencoder_keeps_of_true_targets() -> None:
    pixel = made({"standard": {}})
    target = pixel["reference_hf_excess"].sel(reference=[TARGET])
    coded = (target + np.log(0.5)).assign_coords(reference=[AUTOENCODER])
    others = pixel.drop_vars([name for name in pixel if "reference" in pixel[name].dims]).drop_vars("reference")
    kept = {name: pixel[name] for name in pixel if "reference" in pixel[name].dims and name != "reference_hf_excess"}
    filled = {name: one.reindex(reference=[*one["reference"].data, AUTOENCODER]) for name, one in kept.items()}
    latent = others.assign(
        filled | {"reference_hf_excess": xr.concat([pixel["reference_hf_excess"], coded], "reference")}
    )
    said = space.answer({"latent": {"one": latent}, "pixel": {"one": pixel}})
    assert said.endswith(f"keep this share of their fine detail: 0.50 on {pixel.attrs['title']}.")
    assert "Encoded" not in space.answer({"latent": {"one": pixel}, "pixel": {}})
