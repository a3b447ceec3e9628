"""One chip's trace of expert parallelism: its experts, the tokens of all chips, two all-to-alls; and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import load_architecture, lower, simulate
from sim.core.errors import InputError
from sim.trace.model import Trace
from sim.trace.summary import operator_macs, summarize

MIXTRAL = Path(__file__).parents[2] / "traces" / "configs" / "mixtral_8x7b" / "config.json"


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize("options", [{"phase": "decode", "context": 64}, {"prompt": 16}])
def test_chips_together_do_the_work_of_all_requests(ranks: int, options: dict[str, object]) -> None:
    part, whole = lower(MIXTRAL, batch=8, ep=ranks, **options), lower(MIXTRAL, batch=8, **options)
    assert summarize(part).macs * ranks == summarize(whole).macs
    experts = 32 * 8 * 3 * 4096 * 14336
    assert summarize(part).parameters == summarize(whole).parameters - experts + experts // ranks
    tokens = 8 // ranks * (1 if options.get("phase") else 16)
    sent = [one for one, _ in part.operators() if one.kind == "collective"]
    assert [one.name for one in sent] == ["layers.dispatch_all_to_all", "layers.experts.weigh_all_to_all"]
    assert {one.dims["elements"] for one in sent} == {tokens * 2 * 4096}
    assert part.parallel == (("ep", ranks),)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": 6, "ep": 3}, "the 8 experts of 'layers.experts.gate_proj' do not divide; allowed: 1, 2, 4, 8"),
        ({"batch": 3, "ep": 2}, "every chip has equally many requests; found --batch 3; allowed: a multiple of 2"),
        ({"batch": 2, "ep": 2, "phase": "decode"}, "gives chips different numbers of tokens"),
    ],
)
def test_what_cannot_be_divided_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        lower(MIXTRAL, **options)
    assert told in str(caught.value)


def test_a_model_without_experts_is_refused() -> None:
    with pytest.raises(InputError, match="the model has no experts"):
        lower(MIXTRAL.parents[1] / "llama2_7b" / "config.json", batch=2, ep=2)


def test_the_bytes_of_an_all_to_all_leave_every_chip(tmp_path: Path) -> None:
    text = MIXTRAL.read_text().replace('"num_hidden_layers": 32', '"num_hidden_layers": 1')
    (tmp_path / "config.json").write_text(text)
    trace = lower(tmp_path / "config.json", phase="decode", context=16, batch=8, ep=8)
    found = simulate(trace, load_architecture("h100_dgx"))
    between = [row["bytes"] for row in found.traffic if row["destination"].startswith("chip[")]
    blocks = 2 * 2 * 4096 * 2 // 8  # two all-to-alls; 2 experts a token, 4096 wide, 2 bytes, an eighth to each chip
    assert between == [blocks] * 56


def test_ranks_of_tensor_parallelism_divide_every_expert() -> None:
    options: dict[str, object] = {"batch": 8, "phase": "decode", "context": 64}
    part, whole = lower(MIXTRAL, ep=2, tp=4, **options), lower(MIXTRAL, **options)
    assert summarize(part).macs * 8 == summarize(whole).macs + _routers(whole, 3)
    found = simulate(part, load_architecture("h100_dgx"))
    between = {(one["source"], one["destination"]) for one in found.traffic if one["source"].startswith("chip[")}
    ring = {(f"chip[{base + one}]", f"chip[{base + (one + 1) % 4}]") for base in (0, 4) for one in range(4)}
    assert between == ring | {(f"chip[{one}]", f"chip[{one ^ 4}]") for one in range(8)}


def _routers(trace: Trace, times: int) -> int:
    """MACs of the routers, which every rank executes as a whole, ``times`` over."""
    return times * sum(operator_macs(one, blocks) for one, blocks in trace.operators() if one.name.endswith("router"))
