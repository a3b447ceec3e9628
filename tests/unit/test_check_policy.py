"""Strategies that nobody knows and keys that say nothing are refused together, each with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import gemm, small

from sim.config.load import load_architecture
from sim.core.errors import InputError
from sim.mapping.check_policy import check_policy
from sim.run.simulate import run_trace
from sim.trace.decoder_block import decoder_block

WRONG = """extends: neupims
name: wrong
policy:
  dispatch: by_experts
  scheduler: lockstep
  placement: interleav
"""


def test_unknown_strategies_are_told_at_once_at_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    with pytest.raises(InputError) as caught:
        run_trace(
            decoder_block("one", 256, 2, 128, 1024, [64]), load_architecture(str(path), {"policy.residency": "lur"})
        )
    said = {one.place.line: str(one) for one in caught.value.problems if one.place is not None}
    assert sorted(said) == [0, 4, 5, 6] and len(caught.value.problems) == 4
    assert "'by_expert'" in said[4] and "'lock_step'" in said[5] and "'interleave'" in said[6]
    assert "--set policy.residency=lur" in said[0] and "'lru'" in said[0]


def test_what_says_how_sub_batches_are_done_is_refused_without_any(tmp_path: Path) -> None:
    path = tmp_path / "idle.yaml"
    policy = "policy:\n  sub_batch_split: in_order\n  scheduler: lock_step\n  placement: spred\n"
    path.write_text(f"extends: neupims\nname: idle\n{policy}")
    with pytest.raises(InputError) as caught:
        check_policy(load_architecture(str(path)))
    said = {one.place.line: str(one) for one in caught.value.problems if one.place is not None}
    assert sorted(said) == [4, 5, 6] and len(caught.value.problems) == 3
    assert "policy.sub_batch_split: in_order says nothing without sub-batches; found sub_batches: 1" in said[4]
    assert "policy.scheduler: lock_step says nothing without sub-batches" in said[5]
    path.write_text(f"extends: neupims\nname: busy\n{policy.replace('spred', 'spread')}  sub_batches: 2\n")
    check_policy(load_architecture(str(path)))


def test_a_pin_that_no_operator_takes_is_warned_of() -> None:
    pins = "{g: {tile: {m: 4}}, 'g*': {tile: {m: 8}}, other: {tile: {m: 8}}}"
    told = [text for text in run_trace(gemm(8, 8, 8), small(pins=pins)).warnings if "policy.mapping" in text]
    assert [text.partition(" pins nothing")[0] for text in told] == ["policy.mapping['g*']", "policy.mapping['other']"]
