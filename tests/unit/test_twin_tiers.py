"""Searches shared among placements: copies of one memory are twins, and which of them holds what changes no choice."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from sim.config.load import load_architecture
from sim.config.policy import MappingPin
from sim.hardware.layout import Layout
from sim.mapping.engines.core_class import CoreClass
from sim.mapping.matrix_search import MatrixSearch
from sim.mapping.matrix_shape import MatrixRegionShape
from sim.mapping.plan import Sources
from sim.mapping.twin_tiers import TwinTiers
from sim.trace.work import MatrixSegment

BITS = Fraction(16)
PIN = MappingPin(cores={"m": 4, "n": 4})


def shape_in(a: int, b: int, c: int) -> MatrixRegionShape:
    """A small product with its operands and results in the tiers of these numbers."""
    one = Sources(((a, 1),), 0, False)
    tiers = one, replace(one, tiers=((b, 1),), persistent=True), replace(one, tiers=((c, 1),))
    return MatrixRegionShape(MatrixSegment(1, 16, 16, 16), None, "bf16", BITS, BITS, BITS, *tiers, (), ())


def layout_of(architecture: str) -> Layout:
    return Layout(load_architecture(architecture))


def test_placements_of_one_pattern_share_a_search_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_of("mesh_16core")
    engine = CoreClass.of(layout, {core.index: 0 for core in layout.cores})[0]
    searched: list[MatrixRegionShape] = []
    best = MatrixSearch.best

    def counted(search: MatrixSearch) -> object:
        searched.append(search.shape)
        return best(search)

    monkeypatch.setattr(MatrixSearch, "best", counted)
    shapes = [shape_in(0, 1, 2), shape_in(3, 0, 1), shape_in(2, 3, 0), shape_in(0, 1, 0), shape_in(3, 1, 3)]
    found = [engine.search(shape, PIN) for shape in shapes]
    assert searched == [shapes[0], shapes[3]]
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4]
    assert found[1] == best(MatrixSearch(layout, engine.cores, shapes[1], PIN, engine.capacity))
    assert found[4] == best(MatrixSearch(layout, engine.cores, shapes[4], PIN, engine.capacity))


def test_tiers_that_differ_are_no_twins() -> None:
    layout = layout_of("tpu_v4")
    twins = TwinTiers(layout, layout.cores[0])
    off_chip = next(tier.index for tier in layout.tiers if not tier.on_chip)
    near = next(tier.index for tier in layout.tiers if tier.on_chip)
    assert twins.pattern(shape_in(off_chip, off_chip, near)) != twins.pattern(shape_in(near, near, off_chip))
