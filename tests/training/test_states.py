from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from diffusers.training_utils import EMAModel

from spectral_collapse import results
from spectral_collapse.training import states
from spectral_collapse.training.history import History
from spectral_collapse.training.states import Progress, Trained

FILES = [f"{name}.safetensors" for name in ("network", "average", "optimizer", "history")]


class Two(torch.nn.Module):
    """Two layers, of which one is not used, so that it gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)


def _trained(seed: int, steps: int) -> Trained:
    torch.manual_seed(seed)
    network = Two()
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    trained = Trained(network, optimizer, EMAModel(network.parameters(), decay=0.9), History())
    _train(trained, steps)
    return trained


def _train(trained: Trained, steps: int) -> None:
    for step in range(steps):
        loss = trained.network.used(torch.ones(1, 3) + step).square().sum()
        loss.backward()
        trained.optimizer.step()
        trained.optimizer.zero_grad()
        trained.average.step(trained.network.parameters())
        trained.history.losses.append(loss.item())


def _save(run: Path, trained: Trained, step: int) -> Path:
    known = {"learning_rate": 0.1, "averaged": trained.average.optimization_step, "recipe": {"name": "a"}}
    states.save(run, trained, step=step, seconds=1.5, **known)
    return run / f"step-{step:07d}"


def _everything(trained: Trained) -> list[torch.Tensor]:
    moments = trained.optimizer.state_dict()["state"]
    return [
        *trained.network.state_dict().values(),
        *trained.average.shadow_params,
        *(moments[key][name] for key in sorted(moments) for name in ("exp_avg", "exp_avg_sq", "step")),
        torch.tensor(trained.history.losses, dtype=torch.float64),
        torch.tensor(trained.average.optimization_step),
    ]


def _resumed(run: Path, into: Trained) -> Progress | None:
    return states.resume(states.readable(run), into, lambda *_: None)


def test_a_state_comes_back_bit_by_bit(tmp_path: Path) -> None:
    trained, other = _trained(0, 4), _trained(1, 2)
    _save(tmp_path, trained, 4)
    progress = _resumed(tmp_path, other)
    assert (progress.step, progress.seconds, progress.learning_rate, progress.recipe) == (4, 1.5, 0.1, {"name": "a"})
    for found, expected in zip(_everything(other), _everything(trained), strict=True):
        assert torch.equal(found, expected)
    for one in (trained, other):
        _train(one, 3)
    for found, expected in zip(_everything(other), _everything(trained), strict=True):
        assert torch.equal(found, expected)


def test_the_last_two_states_are_kept_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for step in (2, 9_999_999, 10_000_000):
        _save(tmp_path, _trained(0, 1), step)
    assert [folder.name for folder in states.saved(tmp_path)] == ["step-9999999", "step-10000000"]


class Hostile:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.mark}'",)


def _sign(folder: Path, **fields: object) -> None:
    """Changes fields of a state and makes its digests those of what it has, as one who forges it would."""
    file = folder / "progress.json"
    digests = {
        name.removesuffix(".safetensors"): hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES
    }
    said = {**json.loads(file.read_text()), "files": digests, **fields}
    del said["digest"]
    file.write_text(json.dumps({**said, "digest": hashlib.sha256(results.canonical(said).encode()).hexdigest()}))


def _change(**fields: object) -> Callable[[Path], None]:
    return lambda folder: _sign(folder, **fields)


def _edit(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Changes a file and leaves the digests."""
    return lambda folder: (folder / name).write_bytes(edit((folder / name).read_bytes()))


def _digit(old: str, new: str) -> Callable[[Path], None]:
    return _edit("progress.json", lambda content: content.replace(old.encode(), new.encode()))


def _put(name: str, content: bytes, signed: bool = False) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / name).write_bytes(content)
        if signed:
            _sign(folder)

    return put


WEIGHTS = _trained(0, 1).network.state_dict()
MOMENTS = {f"{key}.used.weight": torch.ones(1) for key in ("exp_avg", "exp_avg_sq", "step")}
DAMAGES: dict[str, Callable[[Path], None]] = {
    **{f"{name} is missing": lambda folder, name=name: (folder / name).unlink() for name in [*FILES, "progress.json"]},
    **{
        f"{name} has one bit changed": _edit(name, lambda old: old[:-5] + bytes([old[-5] ^ 1]) + old[-4:])
        for name in FILES
    },
    **{f"{name} is empty": _put(name, b"") for name in [*FILES, "progress.json"]},
    **{f"{name} is a pickle": _put(name, b"PICKLE", signed=True) for name in FILES},
    **{f"{name} is of zeros": _put(name, bytes(100), signed=True) for name in FILES},
    **{f"{name} is of another state": _put(name, safetensors.torch.save(WEIGHTS), signed=True) for name in FILES[2:]},
    "the state is a file": lambda folder: (shutil.rmtree(folder), folder.write_bytes(b"no folder")),
    "progress.json is a list": _put("progress.json", b"[]"),
    "progress.json is null": _put("progress.json", b"null"),
    "progress.json is truncated": _put("progress.json", b'{"format": 2, "st'),
    "progress.json is no text": _put("progress.json", bytes(range(128, 256))),
    "progress.json is deep": _put("progress.json", b'{"recipe": ' + 100_000 * b"["),
    "progress.json is a folder": lambda folder: (
        (folder / "progress.json").unlink(),
        (folder / "progress.json").mkdir(),
    ),
    "files null": _change(files=None),
    "files a list": _change(files=[]),
    "files none": _change(files={}),
    "files of another folder": _change(files={"../../x": "0"}),
    "digest a number": _change(files={"network": 1}),
    "recipe null": _change(recipe=None),
    "step text": _change(step="8"),
    "step of another": _change(step=7),
    "step negative": _change(step=-8),
    "step a fraction": _change(step=8.5),
    "step true": _change(step=True),
    "seconds text": _change(seconds="a"),
    "rate null": _change(learning_rate=None),
    "averaged text": _change(averaged="8"),
    "format unknown": _change(format=3),
    "averaged is another number": _digit('"averaged":8', '"averaged":0'),
    "averaged is far too large": _digit('"averaged":8', '"averaged":1000000000000000000000000000000'),
    "seconds is another number": _digit('"seconds":1.5', '"seconds":1.4'),
    "rate is another number": _digit('"learning_rate":0.1', '"learning_rate":0.3'),
    "recipe is another": _digit('"name":"a"', '"name":"b"'),
    "digest is another": _edit("progress.json", lambda old: old[:-3] + bytes([old[-3] ^ 1]) + old[-2:]),
    "digest is missing": _edit("progress.json", lambda old: old.partition(b',"digest"')[0] + b"}"),
    "another key": _change(surprise=1),
    "weights of other shapes": _put(
        FILES[0], safetensors.torch.save(WEIGHTS | {"used.weight": torch.zeros(5, 5)}), signed=True
    ),
    "weights too many": _put(FILES[0], safetensors.torch.save(WEIGHTS | {"more": torch.zeros(2)}), signed=True),
    "moments of other shapes": _put("optimizer.safetensors", safetensors.torch.save(MOMENTS), signed=True),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_state_that_is_not_whole_is_passed_over(tmp_path: Path, damage: str) -> None:
    trained = _trained(0, 4)
    _save(tmp_path, trained, 4)
    expected = [tensor.clone() for tensor in _everything(trained)]
    _train(trained, 4)
    folder = _save(tmp_path, trained, 8)
    DAMAGES[damage](folder)
    if damage.endswith("a pickle"):
        name = damage.removesuffix(" is a pickle")
        _put(name, pickle.dumps(Hostile(tmp_path / "mark")), signed=True)(folder)
    other = _trained(1, 2)
    with pytest.warns(UserWarning, match=r"step-0000008' cannot be read \(.+\); trying the one before it") as warned:
        progress = _resumed(tmp_path, other)
    assert [str(one.message).count("\n") for one in warned] == [0]
    assert progress.step == 4
    for found, wanted in zip(_everything(other), expected, strict=True):
        assert torch.equal(found, wanted)
    assert not (tmp_path / "mark").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _save(tmp_path, trained, 8)  # and the run can write its state there again
        assert next(states.readable(tmp_path))[1].step == 8


def test_pickles_beside_a_state_are_not_looked_at(tmp_path: Path) -> None:
    folder = _save(tmp_path, _trained(0, 4), 4)
    for name in ("custom_checkpoint_0.pkl", "optimizer.bin", "random_states_0.pkl", "pytorch_model.bin"):
        (folder / name).write_bytes(pickle.dumps(Hostile(tmp_path / "mark")))
    assert _resumed(tmp_path, _trained(1, 1)).step == 4
    assert not (tmp_path / "mark").exists()


def test_leftovers_are_swept_and_a_state_that_was_being_replaced_is_put_back(tmp_path: Path) -> None:
    trained = _trained(0, 4)
    folder = _save(tmp_path, trained, 4)
    (tmp_path / ".step-0000008.new").mkdir()
    (tmp_path / ".step-0000002.gone").mkdir()
    (tmp_path / ".step-0000002.gone" / "network.safetensors").write_bytes(b"half")
    (tmp_path / f".training.nc-{'0' * 32}.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    folder.rename(tmp_path / ".step-0000004.old")
    states.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "step-0000004"]
    assert _resumed(tmp_path, _trained(1, 1)).step == 4
