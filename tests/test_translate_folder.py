"""A folder of a user's own images through a user's own model: every format, and never half a file."""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, LDMPipeline, UNet2DModel
from PIL import Image

from spectral_collapse import cli, disk, translation
from spectral_collapse.datasets import folders
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError, SpectralCollapseError
from spectral_collapse.inversion import InversionMethod, InversionState, create
from spectral_collapse.networks import Model, open_model
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.translation import translate, translate_folder
from tests.gaussian import two_means
from tests.pipelines_tiny import tiny_pipeline

SIZE = 16
MINE = """
import torch
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.networks import Model
from spectral_collapse.processes import VariancePreserving

class ByY(torch.nn.Module):
    def forward(self, x, time, y=None):
        return x

class ByClass(torch.nn.Module):
    def forward(self, x, time, class_labels=None):
        return x

class Fails(ByClass):
    def forward(self, x, time, class_labels=None):
        raise ValueError("no such layer")

def broken():
    return 3

def by_y():
    return NetworkDenoiser(ByY(), VariancePreserving())

def by_class():
    return NetworkDenoiser(ByClass(), VariancePreserving())

def fails():
    return Model(NetworkDenoiser(Fails(), VariancePreserving()), None, {"image_size": 16}, "")
"""
"""A module of a user's."""


@pytest.fixture
def model() -> Model:
    return two_means(SIZE, image_size=SIZE)


def draw(file: Path, mode: str = "RGB", size: tuple[int, int] = (SIZE, SIZE), seed: int = 0) -> None:
    """A dark noisy picture."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
    pixels = np.random.default_rng(seed).integers(40, 90, shape)
    Image.fromarray((pixels * 257).astype(np.uint16) if mode == "I;16" else pixels.astype(np.uint8)).save(file)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Seven images of all kinds."""
    folder = tmp_path / "images"
    draw(folder / "a.png")
    draw(folder / "a.jpg", seed=1)
    draw(folder / "grey.bmp", "L", seed=2)
    draw(folder / "sub" / "deep" / "sixteen.tif", "I;16", seed=3)
    draw(folder / "sub" / "Zürich 東京.png", "I;16", seed=4)
    draw(folder / "wide.webp", size=(40, 24), seed=5)
    draw(folder / "z.ppm", seed=6)
    (folder / ".hidden.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def test_every_kind_of_image_is_translated_under_its_own_name(model: Model, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = translate_folder(model, images, out, num_steps=20, batch_size=3, keep_latents=True)
    names = {"a.png.png", "a.jpg.png", "grey.png", "sub/deep/sixteen.png", "sub/Zürich 東京.png", "wide.png", "z.png"}
    assert set(contents(out)) == names
    assert (found.translated, found.kept, found.changed, found.problems) == (7, 0, 1, {})
    for name in names:
        pixels = np.asarray(Image.open(out / name))
        assert pixels.shape[:2] == (SIZE, SIZE)
        assert pixels.mean() == pytest.approx(65 + 127.5, abs=5)  # the means of both domains are 1 apart
        assert np.load((out / name).with_suffix(".npy")).shape == (1, 3, SIZE, SIZE)
    assert np.asarray(Image.open(out / "grey.png")).ndim == 2
    rows = list(csv.DictReader((out / "manifest.csv").open(encoding="utf-8")))
    assert {row["file"]: row["made_of"] for row in rows}["wide.webp"] == "resized from 40 x 24"
    whole = folders.stack({"a.png": images / "a.png"}, "images")
    expected = translate(model, create("standard"), whole, 0, num_steps=20).images[0]
    written = torch.tensor(np.asarray(Image.open(out / "a.png.png"))).permute(2, 0, 1)
    torch.testing.assert_close(written / 127.5 - 1, expected, atol=1 / 250, rtol=0)  # a byte's rounding


def test_stopped_anywhere_and_asked_again_it_makes_the_same_files(
    model: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"method": create("taba", fraction=0.5), "num_steps": 4, "keep_latents": True, "tiles": True}
    whole = tmp_path / "whole"
    translate_folder(model, images, whole, batch_size=7, **settings)
    assert len(contents(whole)) == 7
    write, out, stops = disk.write, tmp_path / "out", 0
    for after in range(10):  # files, of which the next is lost
        left = [after % 4 + 1]

        def stopping(target: Path, content: bytes, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            write(target, content)

        monkeypatch.setattr(disk, "write", stopping)
        try:
            translate_folder(model, images, out, batch_size=2, **settings)
        except KeyboardInterrupt:
            stops += 1
    assert stops > 3
    monkeypatch.setattr(disk, "write", write)
    with (out / "manifest.csv").open("a") as file:
        file.write("z.ppm,z.p")  # a row that was cut off
    assert translate_folder(model, images, out, batch_size=3, **settings).kept >= 6
    assert contents(out) == contents(whole)
    assert translate_folder(model, images, out, **settings).translated == 0
    draw(images / "z.ppm", seed=9)
    os.utime(images / "z.ppm", ns=(1, 1))
    assert translate_folder(model, images, out, **settings).translated == 1


def test_a_large_image_comes_out_of_tiles_as_it_went_in(model: Model, images: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    parts, made_of = folders.fitted(pixels, (16, 16), tiles=True)
    assert made_of == f"{len(parts)} tiles"
    back = folders.joined(parts, (37, 50))
    torch.testing.assert_close(back, torch.tensor(pixels).permute(2, 0, 1) / 127.5 - 1, atol=1e-5, rtol=0)
    translate_folder(model, images, tmp_path / "out", num_steps=3, tiles=True)
    assert Image.open(tmp_path / "out" / "wide.png").size == (40, 24)


def unet(folder: Path, classes: int | None = None, channels: int = 3, **scheduler: object) -> Path:
    """The folder of a pipeline with a tiny UNet2DModel."""
    network = UNet2DModel(
        sample_size=SIZE, block_out_channels=(8,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
        norm_num_groups=4, layers_per_block=1, num_class_embeds=classes, in_channels=channels, out_channels=channels,
    )  # fmt: skip
    DDPMPipeline(network, DDIMScheduler(**scheduler)).save_pretrained(folder)
    return folder


def test_models_of_diffusers_in_folders(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pixels(*arguments: str) -> np.ndarray:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        model = arguments[: arguments[0][0] != "-"]
        command = ["translate", *model, str(images), *arguments[len(model) :], "--output", str(tmp_path / "out")]
        assert cli.main([*command, "--steps", "2", "--device", "cpu", "--no-progress"]) == 0
        return np.asarray(Image.open(tmp_path / "out" / "z.png")).astype(float)

    a, b = (str(unet(tmp_path / name)) for name in "ab")
    assert pixels(a).shape == (SIZE, SIZE, 3)
    assert np.abs(pixels("--source-model", a, "--target-model", b) - pixels(a)).mean() > 1
    assert (pixels("--source-model", a, "--target-model", a) == pixels(a)).all()
    bare = tmp_path / "bare"
    shutil.copytree(Path(a) / "unet", bare)
    shutil.copytree(Path(a) / "scheduler", bare / "scheduler")
    assert (pixels(str(bare)) == pixels(a)).all()
    classes = str(unet(tmp_path / "classes", 7))
    two = pixels(classes, "--source-class", "3", "--target-class", "5", "--dtype", "bfloat16")
    assert np.abs(two - pixels(classes, "--source-class", "3", "--target-class", "6")).mean() > 1
    assert pixels(str(unet(tmp_path / "grey", channels=1))).ndim == 2
    tiny_pipeline().save_pretrained(tmp_path / "words")
    words = ("--source-prompt", "sketch", "--target-prompt", "photo", "--guidance", "2")
    assert pixels(str(tmp_path / "words"), *words).shape == (64, 64, 3)
    (tmp_path / "custom.py").write_text(
        "from diffusers import DDPMPipeline\n"
        f"def net():\n    return DDPMPipeline.from_pretrained({a!r}, use_safetensors=True)\n"
        "def broken():\n    return 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert (pixels("--model", "custom:net") == pixels(a)).all()
    monkeypatch.setattr("spectral_collapse.networks.own.DiffusionPipeline.download", lambda name, **options: a)
    assert (pixels("owner/name") == pixels(a)).all()


@pytest.mark.parametrize("kind", ["AutoencoderKL", "VQModel"])
def test_a_network_of_latents_without_prompts(kind: str, tmp_path: Path) -> None:
    """Images go through the autoencoder on both sides, with its scale, as in diffusers' own pipeline."""
    torch.manual_seed(0)
    network = UNet2DModel.from_config(UNet2DModel.load_config(unet(tmp_path / "pixels") / "unet"))
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    sizes = {"block_out_channels": (8, 8), "latent_channels": 3, "norm_num_groups": 4, "scaling_factor": 0.5}
    autoencoder = getattr(diffusers, kind)(**blocks, **sizes)
    LDMPipeline(autoencoder, network, DDIMScheduler()).save_pretrained(tmp_path / "latent")
    model = open_model(tmp_path / "latent")
    assert model.card["image_size"] == 2 * SIZE
    image = torch.rand(1, 3, 2 * SIZE, 2 * SIZE) * 2 - 1
    with torch.no_grad():
        code = autoencoder.eval().encode(image)
        code = code.latents if kind == "VQModel" else code.latent_dist.mean
        decoded = autoencoder.decode(code).sample.clamp(-1, 1)
    torch.testing.assert_close(model.encode(image), code * 0.5)
    torch.testing.assert_close(model.decode(code * 0.5), decoded)
    assert translate(model, create("standard"), image, 0, num_steps=2).images.shape == image.shape


def test_what_is_wrong_is_said_in_one_sentence(
    model: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing of the user's is touched."""
    out, empty, theirs = (tmp_path / name for name in ("out", "empty", "theirs"))
    empty.mkdir()
    draw(theirs / "precious.png")
    broken = tmp_path / "broken"
    draw(broken / "fine.png")
    (broken / "bad.png").write_bytes((broken / "fine.png").read_bytes()[:60])
    np.save(broken / "not.npy", np.zeros(3))
    stack = tmp_path / "stack" / "scan.tif"
    draw(stack, "I;16")
    first = Image.open(stack)
    first.save(stack, save_all=True, append_images=[first] * 4)
    plain, labelled = unet(tmp_path / "plain"), unet(tmp_path / "labelled", 2)
    grey = unet(tmp_path / "grey", channels=1)
    zero = unet(tmp_path / "zero", prediction_type="v_prediction", rescale_betas_zero_snr=True)
    tiny_pipeline().save_pretrained(tmp_path / "words")
    pickled = unet(tmp_path / "pickled")
    (pickled / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    other = unet(tmp_path / "other", beta_end=0.03)
    (tmp_path / "theirs.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    translate_folder(model, images, out, num_steps=3)
    before = contents(out)
    cases = [
        (lambda: translate_folder(model, empty, tmp_path / "o"), "holds no image"),
        (lambda: translate_folder(model, tmp_path / "none", tmp_path / "o"), "does not exist"),
        (lambda: translate_folder(model, images / "a.png", tmp_path / "o"), "is a file"),
        (lambda: translate_folder(model, images, theirs), "holds 'precious.png', and no settings.json"),
        (lambda: translate_folder(model, images, images), "is the folder of the images"),
        (lambda: translate_folder(model, images, images / "a.png"), "is a file; name a folder"),
        (lambda: translate_folder(model, images, out, num_steps=4), "num_steps was 3, and is 4 now"),
        (lambda: translate_folder(model, images, out, "taba"), "none of 50 steps|method was 'standard'"),
        (lambda: translate_folder(model, images, out, "tabu"), "unknown inversion method 'tabu'"),
        (lambda: translate_folder(model, broken, tmp_path / "o", strict=True, num_steps=2), "bad.png.*as an image"),
        (lambda: translate_folder(model, stack.parent, tmp_path / "o", num_steps=2), "5 pictures"),
        (lambda: translate_folder(plain, images, tmp_path / "o", guidance=2.0), "needs a null label"),
        (lambda: translate_folder(labelled, images, tmp_path / "o", guidance=2.0), "2 labels and none for null"),
        (lambda: open_model(zero), "rescale_betas_zero_snr"),
        (lambda: open_model(tmp_path / "words"), "give prompts for the source and for the target"),
        (lambda: open_model(pickled), "with safetensors"),
        (lambda: open_model(plain, source="a", target="b"), "reads no prompts"),
        (lambda: open_model(plain / "scheduler"), "holds no model_index.json and no config.json"),
        (lambda: open_model(source_model=plain, target_model=other), "different noise processes"),
        (lambda: open_model(source_model=plain, target_model=grey), "take 3 and 1 channels; give two alike"),
        (lambda: open_model(source_model=plain), "source_model and target_model together"),
        (lambda: open_model("theirs:broken"), "returned 3; it must return"),
        (lambda: open_model("theirs:nothing"), "failed: AttributeError"),
        (lambda: open_model("theirs.py:broken"), "names a file; name its module: theirs:broken"),
        (lambda: open_model("theirs:by_class", source=0, target=1), "whose domains it has fixed"),
        (lambda: open_model("theirs:by_y"), "takes its labels as 'y'"),
        (lambda: open_model(labelled, source=1, target=1), "both class 1; a translation needs two classes"),
        (lambda: open_model(plain, dtype="int8"), "unknown dtype 'int8'"),
        (lambda: open_model("nobody/nothing"), "the Hugging Face Hub did not give a pipeline of this name"),
    ]
    for call, said in cases:
        with pytest.raises(SpectralCollapseError, match=said):
            call()
    assert contents(out) == before
    assert list(theirs.iterdir()) == [theirs / "precious.png"]
    capsys.readouterr()
    for arguments, said in (
        (["plain", "images", "--output", "p", "--set", "x"], "--set takes KEY=VALUE"),
        (["plain", "images", "--output", "p", "--model", "theirs:broken"], "MODEL and --model were given"),
        (["images", "--output", "p"], "give one model"),
        (["plain/scheduler", "images", "--output", "p"], "holds no model_index.json and no config.json; name the"),
        (["broken/fine.png", "images", "--output", "p"], "'broken/fine.png' is a file, and no folder; name the folder"),
        (["plain", "images", "--output", "p", "--batch", "0"], "--batch: it must be a whole number of at least 1, and"),
        (
            ["--model", "theirs:fails", "images", "--output", "p", "--no-progress"],
            "the network failed: ValueError: no such layer",
        ),
        (["plain", "images", "--output", "p", "--steps", "x"], "--steps: it must be a whole number of at least 1, and"),
    ):
        assert cli.main(["translate", *arguments]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    found = translate_folder(model, broken, tmp_path / "left", num_steps=2)
    assert (found.translated, list(found.problems)) == (1, ["bad.png"])


def test_outputs_of_another_computation_do_not_stay(images: Path, tmp_path: Path) -> None:
    """Of the same weights under the same names."""

    def of(sign: int, prediction: str = "epsilon", process: object = None, **given: object) -> Model:
        class Mine(torch.nn.Conv2d):
            def forward(self, x: torch.Tensor, time: torch.Tensor, class_labels: torch.Tensor) -> torch.Tensor:
                return sign * super().forward(x)

        network = Mine(3, 3, 1)
        torch.nn.init.ones_(network.weight)
        torch.nn.init.zeros_(network.bias)
        denoiser = NetworkDenoiser(network, process or VariancePreserving(), prediction, **given)
        return Model(denoiser, None, {"image_size": SIZE}, "")

    def scaled(factor: float) -> InversionMethod:
        @dataclass(frozen=True)
        class Scaled(InversionMethod):
            name = "scaled"

            def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
                return states[-1] * factor

        return Scaled()

    out = tmp_path / "out"
    translate_folder(of(1), images, out, scaled(1.0), num_steps=3)
    assert translate_folder(of(1), images, out, scaled(1.0), num_steps=3).translated == 0
    for other, method, said in (
        (of(1, "velocity"), scaled(1.0), "prediction was"),
        (of(1, process=VariancePreserving(beta_end=0.02)), scaled(1.0), "process was"),
        (of(1, classes=[0, 2]), scaled(1.0), "conditioning was"),
        (of(-1), scaled(1.0), "model_code was"),
        (of(1), scaled(2.0), "method_code was"),
    ):
        with pytest.raises(InvalidParameterError, match=said):
            translate_folder(other, images, out, method, num_steps=3)


def test_outputs_of_images_that_are_damaged_or_gone_do_not_stay_unsaid(
    model: Model, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    translate_folder(model, images, out, num_steps=2)
    (images / "z.ppm").write_bytes(b"no image")
    (images / "grey.bmp").unlink()
    with pytest.warns(UserWarning, match=r"images that are no longer there \(1\), such as grey\.bmp"):
        found = translate_folder(model, images, out, num_steps=2)
    assert list(found.problems) == ["z.ppm"]
    assert not [name for name in contents(out) if name.startswith("z")]


def test_an_image_that_is_mended_later_gets_the_noise_of_its_position(
    model: Model, images: Path, tmp_path: Path
) -> None:
    settings = {"method": create("taba", fraction=0.5), "num_steps": 4}
    translate_folder(model, images, tmp_path / "whole", **settings)
    whole, good = contents(tmp_path / "whole"), (images / "a.png").read_bytes()
    (images / "a.png").write_bytes(b"no image")
    assert list(translate_folder(model, images, tmp_path / "out", **settings).problems) == ["a.png"]
    (images / "a.png").write_bytes(good)
    assert translate_folder(model, images, tmp_path / "out", **settings).translated == 1
    assert contents(tmp_path / "out") == whole


def test_a_full_disk_and_numbers_that_overflow_lose_nothing(
    model: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, replace = tmp_path / "out", os.replace
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", lambda a, b: replace(a, b) if "wide" not in str(b) else _full(b))
        with pytest.raises(OSError, match="No space left"):
            translate_folder(model, images, out, num_steps=2, batch_size=2)
    assert not [file for file in out.rglob("*") if file.suffix == ".tmp"]
    assert translate_folder(model, images, out, num_steps=2).kept == 5
    endless = translation.translate

    def overflow(*given: object) -> object:
        raise NotFiniteError("NaN at step 1 of 2")

    monkeypatch.setattr(translation, "translate", overflow)
    with pytest.raises(NotFiniteError, match=r"among a\.jpg, a\.png, grey\.bmp"):
        translate_folder(model, images, tmp_path / "second", num_steps=2, batch_size=3)
    monkeypatch.setattr(translation, "translate", endless)


def test_a_damaged_manifest_or_settings_lose_nothing(model: Model, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    translate_folder(model, images, out, num_steps=2)
    before = contents(out)
    for damaged in ("", "no table", "no table\nbut\ntext\n"):
        (out / "manifest.csv").write_text(damaged)
        assert translate_folder(model, images, out, num_steps=2).translated == len(before)
        assert translate_folder(model, images, out, num_steps=2).kept == len(before)
    assert contents(out) == before
    (out / "settings.json").write_text("{")
    with pytest.raises(InvalidParameterError, match=r"settings\.json in output .* is damaged; name another folder"):
        translate_folder(model, images, out, num_steps=2)
    assert contents(out) == before


def test_an_output_that_cannot_be_written_is_said_before_anything_is_computed(
    model: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "translate", None)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Not a directory: '.*out'"):
        translate_folder(model, images, tmp_path / "file" / "out", num_steps=2)


def _full(target: object) -> None:
    raise OSError(28, "No space left on device", str(target))


def test_a_folder_of_label_maps_is_named_as_such(model: Model, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.full((SIZE, SIZE), number, np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    with pytest.warns(UserWarning, match="maps of labels"):
        translate_folder(model, tmp_path / "masks", tmp_path / "out", num_steps=2)


def test_a_size_below_one_and_several_sizes_are_no_batch(images: Path) -> None:
    with pytest.raises(InvalidParameterError, match="size must be a whole number from 1 to 8192; 0 was given"):
        folders.stack(folders.find(images, "images"), "images", (0, 0))
    with pytest.raises(DataError, match=r"2 sizes: 16 x 16 .*40 x 24"):
        folders.stack(folders.find(images, "images"), "images")
