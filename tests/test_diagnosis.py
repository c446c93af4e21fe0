"""Does a model collapse? Shown on models of which the answer is known, and on a page that is looked at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spectral_collapse import cli, inversion
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.diagnosis import Verdict, cheap_methods, diagnose
from spectral_collapse.diagnosis import report as reports
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError, SpectralCollapseError
from spectral_collapse.networks import Model
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.store import packing

SIZE, COUNT, STEPS = 32, 8, 20


def spectrum(high: float) -> torch.Tensor:
    """Variance of each coefficient: 0.05 at low frequencies, `high` above half the Nyquist frequency."""
    frequency = torch.fft.fftfreq(SIZE)
    return torch.where(torch.hypot(frequency[:, None], frequency) > 0.25, high, 0.05)


@pytest.fixture(scope="module")
def model() -> Model:
    """Sources without detail, targets with it; a network that is perfect for both."""
    spectra = {0: spectrum(1e-7), 1: spectrum(0.02), 2: spectrum(0.01)}
    card = {"image_size": SIZE, "name": "smooth to sharp"}
    return Model(GaussianDenoiser(VariancePreserving(), spectra), None, card, "")


def images(high: float, seed: int) -> torch.Tensor:
    white = torch.randn(COUNT, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    return torch.fft.ifft2(torch.fft.fft2(white, norm="ortho") * spectrum(high).sqrt(), norm="ortho").real.clamp(-1, 1)


@pytest.fixture(scope="module")
def collapsed(model: Model) -> Verdict:
    return Verdict(diagnose(model, images(1e-7, 0), images(0.02, 1), num_steps=STEPS))


def test_a_collapse_is_told_with_its_reach_and_its_cure(collapsed: Verdict) -> None:
    """Of a perfect network for sources without detail the standard latents have none, and entry noise is the cure."""
    assert collapsed.collapses is True
    assert collapsed.loses is True
    assert collapsed.power("standard").high < 0.1
    assert collapsed.power("white noise").mean == pytest.approx(1, abs=0.05)
    assert collapsed.power("noise_floor").mean == pytest.approx(1, abs=0.15)  # 20 steps of Euler
    assert collapsed.recommended in set(cheap_methods(STEPS)) - {"standard", "dpm_solver"}
    latents, reach, cure = collapsed.sentences()
    assert latents.startswith("The latents collapse: those of the standard inversion have 0.0")
    assert reach.startswith("It reaches the images")
    assert cure.startswith(f"{collapsed.recommended} ")
    assert "network calls an image" in cure


def test_images_of_the_target_domain_do_not_collapse(model: Model) -> None:
    """With many steps: Euler's take an eighth of such powers up, and another down, where samples lose one eighth."""
    found = Verdict(diagnose(model, images(0.02, 2), num_steps=300, source_label=1, methods=some()))
    assert (found.collapses, found.loses) == (False, False)
    assert found.recommended == "standard"
    assert found.sentences()[2].startswith("Nothing has to be mended")
    assert found.study.attrs["reference"] == "samples of white noise"


def some() -> dict[str, inversion.InversionMethod]:
    return {name: inversion.create(name) for name in ("standard", "noise_floor")}


def test_numbers_that_only_some_images_support_are_open(collapsed: Verdict) -> None:
    power = collapsed.study["hf_power"].copy()
    power.loc[{"series": "standard"}] = np.tile([0.1, 1.1], COUNT // 2)
    s_dc = collapsed.study["s_dc"].copy()
    s_dc.loc[{"series": "standard"}] = 0.993
    found = Verdict(collapsed.study.assign(hf_power=power, s_dc=s_dc))
    assert found.collapses is None
    assert found.sentences()[0].startswith("These images leave it open")


def test_what_of_two_numbers_tells_the_collapse_is_said(collapsed: Verdict) -> None:
    for high, s_dc, alone in ((0.9, 0.1, "S_DC"), (0.1, 0.9, "power")):
        power, found = collapsed.study["hf_power"].copy(), collapsed.study["s_dc"].copy()
        power.loc[{"series": "standard"}], found.loc[{"series": "standard"}] = high, s_dc
        verdict = Verdict(collapsed.study.assign(hf_power=power, s_dc=found))
        assert verdict.sentences()[0].startswith(f"The latents collapse, by their {alone} alone: ")
    power.loc[{"series": "standard"}], found.loc[{"series": "standard"}] = 12.0, 0.9
    latents, images, _ = Verdict(collapsed.study.assign(hf_power=power, s_dc=found)).sentences()
    assert latents.startswith("The latents do not collapse, but have too much power: ")
    assert images.startswith("The images lack detail: ")


def test_where_nothing_mends_it_the_page_says_what_else_to_try(model: Model) -> None:
    """And never offers the method that collapses."""
    found = diagnose(
        model, images(1e-7, 0), images(0.02, 1), num_steps=13, methods={"standard": inversion.create("standard")}
    )
    assert Verdict(found).recommended == ""
    assert reports.commands(found, "M", "I", "T") == (
        "spectral-collapse diagnose M I --target T --output all --all --steps 50"
    )
    page = reports.page(found)
    assert "<h2>Look further</h2>" in page
    assert "spectral-collapse translate" not in page


def test_a_method_looks_alike_in_both_spectra_and_like_no_other_line(collapsed: Verdict) -> None:
    looks = []
    for figure in reports.figures(collapsed.study)[2:]:
        color, dash = (_scale(figure.chart.to_dict(), kind) for kind in ("color", "strokeDash"))
        pairs = zip(map(str, color["range"]), map(str, dash["range"]), strict=True)
        looks.append(dict(zip(color["domain"], pairs, strict=True)))
        assert len(set(looks[-1].values())) == len(looks[-1])
    for name in collapsed.study["method"].values:
        assert looks[0][name] == looks[1][name]


def _scale(chart: object, kind: str) -> dict[str, list[object]]:
    """The first scale of an encoding with a domain of its own, wherever in a chart it is."""
    if isinstance(chart, dict):
        found = chart.get(kind)
        if isinstance(found, dict) and "domain" in (found.get("scale") or {}):
            return found["scale"]
        chart = list(chart.values())
    if isinstance(chart, list):
        return next((found for one in chart if (found := _scale(one, kind))), {})
    return {}


def test_energies_are_those_of_the_pairs_or_of_the_set(collapsed: Verdict) -> None:
    study = collapsed.study
    assert study.attrs["paired"] == 1
    gaps = study["excess"].sel(output="standard") - study["reference_excess"].values
    assert collapsed.energy("standard").mean == pytest.approx(float(np.exp(gaps.mean())))
    apart = Verdict(study.assign_attrs(paired=0))
    assert apart.energy("standard").mean == pytest.approx(float(np.exp(study["excess"].sel(output="standard").mean())))
    own, usual = np.log(collapsed.energy("standard")), np.log(apart.energy("standard"))
    assert own[0] == pytest.approx(usual[0], abs=1e-6)


def test_too_much_detail_in_one_image_does_not_make_up_for_too_little_in_another(collapsed: Verdict) -> None:
    excess, own = collapsed.study["excess"].copy(), collapsed.study["reference_excess"].values
    for name in collapsed.study["method"].values[1:]:
        excess.loc[{"output": name}] = own + np.tile([-2.0, 2.0], COUNT // 2)
    found = Verdict(collapsed.study.assign(excess=excess))
    assert found.energy("taba").mean == pytest.approx(1)
    assert found.distance("taba") == pytest.approx(2)
    assert "does not mend all of it" in found.sentences()[2]


def test_a_method_that_cannot_work_is_noted(model: Model) -> None:
    found = diagnose(model, images(1e-7, 0)[:2], num_steps=13, all_methods=True)
    assert "null_class was left out" in found.attrs["notes"] or "null_class" not in found["method"]
    assert {"standard", "ovg", "edict"} <= set(found["method"].values.tolist())


def write(folder: Path, batch: torch.Tensor) -> Path:
    folder.mkdir()
    for number, image in enumerate(batch):
        pixels = ((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_the_command_writes_one_page_that_needs_nothing_else(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources, targets = write(tmp_path / "in", images(1e-7, 0)), write(tmp_path / "true", images(0.02, 1))
    monkeypatch.setattr("spectral_collapse.networks.open_model", lambda *given, **options: model)
    command = ["diagnose", "<mine>", str(sources), "--target", str(targets), "--output", str(tmp_path / "r"), "--steps"]
    assert cli.main([*command, "13", "--sample", "6", "--check", "--no-progress"]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("The latents collapse")
    assert last.endswith("r.nc has the numbers")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert len(page) < 3e6
    assert not re.search(r'(?:src|href)="https?:', page.partition("<script>(function")[0])
    assert "<mine>" not in page
    assert page.count("spectral-collapse-chart") > 4
    stored = packing.read(tmp_path / "r.nc")
    best = json.loads(stored.attrs["options"])[Verdict(stored).recommended]
    mine = "&#x27;&lt;mine&gt;&#x27;"
    assert f"spectral-collapse translate {mine} {sources} --output translated {best} --steps 13" in page
    assert f"score translated --source {sources} --target {targets}" in page
    assert cli.main([*command, "13"]) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "file").touch()
    monkeypatch.setattr("spectral_collapse.diagnosis.diagnose", None)
    assert cli.main([*command[:5], "--output", str(tmp_path / "file" / "r")]) == 2
    assert "Not a directory" in capsys.readouterr().err


def test_what_cannot_be_diagnosed_is_said_in_one_sentence(model: Model, tmp_path: Path) -> None:
    batch = images(1e-7, 0)
    (tmp_path / "empty").mkdir()
    one = write(tmp_path / "one", batch[:1])
    cases = [
        (DataError, lambda: diagnose(model, tmp_path / "empty"), "holds no image"),
        (DataError, lambda: diagnose(model, one), "give two at least"),
        (InvalidParameterError, lambda: diagnose(model, one, tmp_path / "empty/../one"), "is the folder of the images"),
        (DataError, lambda: diagnose(model, batch, tmp_path / "none"), "does not exist"),
        (InvalidParameterError, lambda: diagnose(model, batch[..., :16]), "must be N x 3 x 32 x 32"),
        (InvalidParameterError, lambda: diagnose(model, batch, count=1), "count must be"),
        (NotFiniteError, lambda: diagnose(model, batch * torch.nan), "NaN"),
        (
            InvalidParameterError,
            lambda: diagnose(model, batch.numpy()),
            r"images must be a folder, .*torch\.from_numpy",
        ),
        (InvalidParameterError, lambda: diagnose(model, batch, methods={}), "methods must be names, such as"),
        (InvalidParameterError, lambda: diagnose(model, batch, methods="taba"), "methods must be names, such as"),
        (
            InvalidParameterError,
            lambda: diagnose(model, batch, methods={"source": inversion.create("standard")}),
            "'source' is the name of another series",
        ),
        (SpectralCollapseError, lambda: diagnose("nothing", batch), "no checkpoint 'nothing'"),
    ]
    for kind, call, said in cases:
        with pytest.raises(kind, match=said):
            call()


def test_methods_by_name_with_texts_and_without_defaults(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Strong(inversion.InversionMethod):
        strength: float
        name = "strong"

    methods = {"standard": inversion.create("standard", told="next"), "strong": Strong(2.0)}
    monkeypatch.setattr(inversion, "METHODS", {"standard": inversion.METHODS["standard"], "strong": Strong})
    batch = images(1e-7, 0)[:2]
    found = diagnose(model, batch, num_steps=4, methods=methods)
    options = {"standard": "--method standard --set told=next", "strong": "--method strong --set strength=2"}
    assert json.loads(found.attrs["options"]) == options
    found = diagnose(model, batch, num_steps=4, methods=["standard"], all_methods=True)
    assert list(found["method"].values) == ["standard"]
    assert "strong was left out: method 'strong' needs strength" in found.attrs["notes"]


def test_constant_targets_leave_energies_out_and_the_page_says_so(model: Model) -> None:
    found = diagnose(model, images(1e-7, 0)[:3], torch.zeros(5, 3, SIZE, SIZE), num_steps=13, methods=some())
    assert "energies were not measured" in found.attrs["notes"]
    verdict = Verdict(found)
    assert verdict.sentences()[1] == "Whether it reaches the images was not measured."
    assert verdict.recommended == "noise_floor"
    assert "energies were not measured" in reports.page(found)


def test_draws_are_the_same_for_the_same_seed(model: Model) -> None:
    same = images(1e-7, 0)[:2]
    two = [diagnose(model, same, num_steps=13, methods=some(), batch_size=n) for n in (1, 2)]
    np.testing.assert_allclose(two[0]["hf_power"], two[1]["hf_power"], rtol=1e-5)
