from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from spectral_collapse.errors import DataError, DownloadError, InvalidParameterError
from spectral_collapse.metrics import weights
from spectral_collapse.metrics.weights import SOURCES, VARIABLE, MissingWeightsError, Source, download, find


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has, `find` does not see it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))


def put(folder: Path, name: str, content: bytes = b"random") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SOURCES[name].filename
    path.write_bytes(content)
    return path


def test_what_is_nowhere_is_missing_with_a_reason() -> None:
    with pytest.raises(MissingWeightsError, match=r"alexnet-owt-7be5be79\.pth are not on this machine") as caught:
        find("alex")
    assert VARIABLE in str(caught.value)
    assert isinstance(caught.value, DataError)
    with pytest.raises(InvalidParameterError, match="inception"):
        find("resnet")


def test_a_named_folder_is_trusted_and_its_hash_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "mine", "vgg")
    digest = hashlib.sha256(b"random").hexdigest()
    assert find("vgg", tmp_path / "mine") == weights.Found(path, digest, False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    assert find("vgg").sha256 == digest
    other = put(tmp_path / "argument", "vgg", b"other")
    assert find("vgg", tmp_path / "argument").path == other


@pytest.mark.parametrize("cache", ["torch/hub/checkpoints", "temporary", "home/downloads/weights"])
def test_a_cache_must_have_the_published_checksum(cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / cache, "squeeze")
    with pytest.raises(DataError, match=r"b8a52dc0.* is published"):
        find("squeeze")
    digest = hashlib.sha256(b"random").hexdigest()
    monkeypatch.setitem(SOURCES, "squeeze", Source(SOURCES["squeeze"].url, digest[:8]))
    assert find("squeeze") == weights.Found(path, digest, True)


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = put(tmp_path, "vgg")
    find("vgg", tmp_path)
    path.write_bytes(b"new")
    assert find("vgg", tmp_path).sha256 == hashlib.sha256(b"new").hexdigest()


def test_a_download_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrive(archives: list, folder: Path, unpack: bool, progress: bool) -> list[Path]:
        assert archives[0].url == SOURCES["squeeze"].url
        assert not unpack
        return [put(folder, "squeeze", b"arrived")]

    monkeypatch.setattr(weights, "fetch", arrive)
    with pytest.raises(DownloadError, match="was thrown away"):
        download("squeeze", progress=False)
    assert not list((tmp_path / "home").rglob("*.pth"))
    digest = hashlib.sha256(b"arrived").hexdigest()
    monkeypatch.setitem(SOURCES, "squeeze", Source(SOURCES["squeeze"].url, digest[:8]))
    assert download("squeeze", progress=False) == find("squeeze")


def test_what_others_publish_are_the_same_files() -> None:
    from torchvision import models

    for name, kind in (("alex", "AlexNet"), ("vgg", "VGG16"), ("squeeze", "SqueezeNet1_1")):
        published = getattr(models, f"{kind}_Weights").IMAGENET1K_V1
        assert SOURCES[name].url == published.url
        assert torch.hub.HASH_REGEX.search(published.url).group(1) == SOURCES[name].sha256
    from cleanfid.downloads_helper import inception_url

    assert SOURCES["inception"].url == inception_url
