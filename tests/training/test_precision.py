from __future__ import annotations

import platform
import warnings
from types import SimpleNamespace

import pytest
import torch

from spectral_collapse.training import precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def _cpu(monkeypatch: pytest.MonkeyPatch, machine: str, mkldnn: bool, avx512: bool, amx: bool) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    ops = SimpleNamespace(mkldnn=SimpleNamespace(_is_mkldnn_bf16_supported=lambda: mkldnn))
    monkeypatch.setattr(torch, "ops", ops)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)


@pytest.mark.parametrize(
    ("machine", "mkldnn", "avx512", "amx", "computes"),
    [
        ("x86_64", True, True, False, True),
        ("x86_64", True, False, True, True),
        ("x86_64", True, False, False, False),  # AVX-512 alone, for which mkldnn imitates bfloat16
        ("AMD64", True, False, False, False),
        ("x86_64", False, False, False, False),
        ("aarch64", True, False, False, True),
        ("aarch64", False, False, False, False),
    ],
)
def test_a_cpu_computes_in_bfloat16_if_it_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, machine: str, mkldnn: bool, avx512: bool, amx: bool, computes: bool
) -> None:
    _cpu(monkeypatch, machine, mkldnn, avx512, amx)
    assert precision.computes_in_bfloat16(CPU) is computes
    assert precision.choose("auto", CPU) == ("bf16" if computes else "no")


def test_this_machine_answers_a_gpu_without_its_imitation_and_other_devices_stay_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert precision.computes_in_bfloat16(CPU) in (True, False)
    assert precision.choose("auto", torch.device("mps")) == "no"
    for supported in (True, False):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, s=supported: s or including_emulation
        )
        assert precision.computes_in_bfloat16(CUDA) is supported


@pytest.mark.parametrize(
    ("asked", "saved", "has", "chosen", "words"),
    [
        ("auto", None, True, "bf16", ""),
        ("auto", None, False, "no", ""),
        ("auto", "no", True, "no", ""),
        ("auto", "bf16", True, "bf16", ""),
        ("auto", "bf16", False, "bf16", "the saved state was trained in it, so it is kept"),
        ("auto", ["bf16"], False, "no", ""),  # of a state that is not ours: refused when it is compared
        ("no", "bf16", True, "no", ""),
        ("bf16", None, False, "bf16", "precision 'auto' avoids it"),
        ("bf16", None, True, "bf16", ""),
    ],
)
def test_which_precision_is_used(
    monkeypatch: pytest.MonkeyPatch, asked: str, saved: object, has: bool, chosen: str, words: str
) -> None:
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda _: has)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert precision.choose(asked, CPU, saved) == chosen
    assert [words in str(one.message) for one in said] == ([True] if words else [])
