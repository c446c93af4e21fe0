from __future__ import annotations

import pandas as pd
import pytest

from spectral_collapse import inversion
from spectral_collapse.findings.walks import DOWN, UP, WITHOUT, walks

METHODS = ("standard", "taba", "ovg", "midpoint", "edict", "noise_floor", "ilvr", "direct")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return walks(METHODS, num_steps=25)


def of(table: pd.DataFrame, method: str, way: str) -> pd.DataFrame:
    return table[(table["method"].str.lower().str.replace(" ", "_") == method) & (table["direction"] == way)]


def test_calls_are_where_a_method_asks_the_network(table: pd.DataFrame) -> None:
    standard = of(table, "standard", UP)
    assert standard["calls"].tolist() == [1] * 25 + [0]  # none at the last level, where the latent lies
    assert of(table, "standard", DOWN)["level"].tolist() == list(range(1, 26))
    replaced = of(table, "taba", UP)
    assert replaced["calls"].tolist() == [0] + [1] * 24 + [0]  # one step of 25 is 0.04
    assert of(table, "edict", UP)["calls"].sum() == 50
    half_way = of(table, "midpoint", UP)
    assert half_way["calls"].sum() == 50
    assert (half_way["level"] % 1 == 0.5).any()
    assert of(table, "ilvr", UP)["calls"].sum() == 0


def test_drawn_noise_is_told_from_inverted_noise(table: pd.DataFrame) -> None:
    for method in ("standard", "ovg", "midpoint", "edict", "direct"):
        assert (of(table, method, UP)["drawn"].dropna() == 0).all()
    # nine of the 256 coefficients have power of their own, where a perfect network hardly takes up the noise; 1 is the
    # share in a state that was noised by the process, up to the chance of two draws of 512 numbers
    floor = of(table, "noise_floor", UP)["drawn"]
    assert floor.iloc[0] == pytest.approx(1, abs=0.1)
    assert 0.85 < floor.iloc[-1] < 1
    assert of(table, "taba", UP)["drawn"].iloc[:2].tolist() == [0, pytest.approx(1, abs=0.1)]
    assert table.loc[table["direction"] == DOWN, "drawn"].isna().all()


def test_gradients_and_memory_are_marked(table: pd.DataFrame) -> None:
    marked = table[table["calls"] > 0].groupby("method")[["gradient", "remembers"]].agg("any")
    assert list(marked.index[marked["gradient"]]) == ["OVG"]
    assert {name.split()[0].lower() for name in marked.index[marked["remembers"]]} == {"edict", "ilvr", "direct"}


def test_all_methods_but_those_that_need_a_network_have_a_row() -> None:
    assert set(WITHOUT) < set(inversion.METHODS)
    assert walks(num_steps=25)["method"].nunique() == len(inversion.METHODS) - len(WITHOUT)
