from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.studies import appendix_c, decomposition, pareto
from spectral_collapse.studies.notebook import parameters
from tests.each import each

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "pareto.ipynb"


def test_a_notebook_takes_the_parameters_of_its_studies_and_its_own() -> None:
    namespace = {"profile": "smoke", "gammas": (0.5,), "fine": 9, "charts": None}
    history = ["# Parameters\ngammas = (0.5,)\nfine = 9\n"]
    given = parameters(appendix_c.STUDY, namespace, history, beside=[decomposition.STUDY])
    assert given == {"profile": "smoke", "gammas": (0.5,)}
    with pytest.raises(InvalidParameterError, match="unknown notebook parameter 'fine'"):
        parameters(appendix_c.STUDY, namespace, history)
    namespace, history = {"profile": "smoke", "beside": []}, ["# Parameters\nbeside = []\n"]
    assert parameters(pareto.STUDY, namespace, history, own=["beside"]) == {"profile": "smoke"}
    with pytest.raises(InvalidParameterError, match="unknown notebook parameter 'beside'"):
        parameters(pareto.STUDY, namespace, history)


@each(("own", "other"), [("dataset", "datasets"), ("datasets", "dataset")])
def test_a_notebook_of_one_data_set_and_one_of_several_refuse_the_others_name(own: str, other: str) -> None:
    namespace, history = {own: "photos_x8", other: "textures_x8"}, [f"# Parameters\n{other} = 'textures_x8'\n"]
    with pytest.raises(InvalidParameterError, match=rf"unknown notebook parameter '{other}'.*, {own}\b"):
        parameters(pareto.STUDY, namespace, iter(history))
    assert parameters(pareto.STUDY, {own: "photos_x8"}, iter(history[:0])) == {own: "photos_x8"}


def test_the_pareto_notebook_has_parameters_of_its_study_and_computes_nothing_itself() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (first,) = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    given = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(first).body}
    own = {"beside": given.pop("beside")}
    assert parameters(pareto.STUDY, given | own, history=[]) == given
    assert (given["dataset"], given["profile"]) == ("textures_x8", "quick")
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    banned = (ast.For, ast.While, ast.FunctionDef, ast.BinOp, ast.ListComp)
    for cell in cells:
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, banned)]
