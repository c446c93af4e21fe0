"""No module of the package can run what a file brings: nothing in it unpickles.

What a hostile file comes to is tried where files are read: states (tests/training/test_states.py), weights and
their indices (tests/networks/test_checkpoints.py), training images (tests/training/test_pool.py).
"""

from __future__ import annotations

import ast
from pathlib import Path

import spectral_collapse

ROOT = Path(spectral_collapse.__file__).parent
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
CALLS = {
    "torch.load", "torch.save", "torch.jit.load", "load_state", "save_state", "register_for_checkpointing",
    "read_pickle", "to_pickle", "broadcast_object_list", "gather_object", "all_gather_object", "eval", "exec",
}  # fmt: skip
OPEN_TO_PICKLES = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "from_pretrained": ("use_safetensors", True),
    "torch.load": ("weights_only", True),
}
"""Calls that take pickles unless a keyword says otherwise, whatever the default of the installed version."""


ALLOWED = {"metrics/lpips_distance.py": {"torch.load"}}
"""torchvision's and LPIPS' weights are published in torch's own format only. They are read with weights_only, which
builds tensors and runs nothing, and have the published digest or lie in a folder that the user names."""
OWN_CODE = {"pages.py": {"exec"}}
"""The statements of the project's own notebooks run, as they do when the book is built."""


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def offences(source: str) -> list[str]:
    """What in a module's source could unpickle or execute, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: import {name}" for name in named if name.split(".")[0] in MODULES]
        elif isinstance(node, ast.Call):
            name, keywords = _name(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
            last = name.rpartition(".")[2]
            if name in CALLS or (last in CALLS and "." in name and last not in ("eval", "exec")):
                found.append(f"{node.lineno}: {name}")
            for call, (keyword, wanted) in OPEN_TO_PICKLES.items():
                given = getattr(keywords.get(keyword), "value", None)
                if call in (name, last) and "Tokenizer" not in name and given is not wanted:
                    found.append(f"{node.lineno}: {name} without {keyword}={wanted}")
            if getattr(keywords.get("weights_only"), "value", True) is not True:
                found.append(f"{node.lineno}: weights_only is not True")
    return found


def test_nothing_in_the_package_unpickles() -> None:
    for file in sorted(ROOT.rglob("*.py")):
        name = str(file.relative_to(ROOT))
        allowed = (ALLOWED | OWN_CODE).get(name, set())
        found = [one for one in offences(file.read_text(encoding="utf-8")) if one.partition(" ")[2] not in allowed]
        assert found == [], name


def test_the_search_finds_what_it_looks_for_and_leaves_alone_what_is_harmless() -> None:
    for source in (
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load(file)",
        "torch.load(file, weights_only=False)",
        "torch.jit.load(file)",
        "accelerator.load_state(folder)",
        "accelerator.register_for_checkpointing(average)",
        "pd.read_pickle(file)",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "AutoencoderKL.from_pretrained(name)",
        "AutoencoderKL.from_pretrained(name, use_safetensors=False)",
        "eval(text)",
    ):
        assert len(offences(source)) >= 1, source
    assert offences("import numpy as np\nnp.load(file, allow_pickle=False)\nnetwork.eval()\njson.load(file)") == []
