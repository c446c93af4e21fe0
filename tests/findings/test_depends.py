"""Sentences on the images' fine detail with several networks."""

from __future__ import annotations

from spectral_collapse.findings import depends
from tests.benchmark_study import detailed


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
