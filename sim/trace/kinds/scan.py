"""State-space scans: recurrences over the tokens of a sequence, independent of each other across channels.

Counted as the recurrence itself, token by token; the chunked forms that trade it for matrix products (Mamba-2,
arXiv:2405.21060, section 6) give the same result at another cost and are not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.trace.kinds import OperatorKind, Resolved, operator_kinds
from sim.trace.work import VectorWork, Work


@operator_kinds.register("selective_scan")
class SelectiveScan(OperatorKind):
    """Per channel c of a sequence and token t: h = exp(delta A) h + (delta x) B, y = C . h + D x; h has ``state``
    elements (Mamba, arXiv:2312.00752, equations 2 and 4 with the simplified discretisation of B).

    ``channels`` share step sizes delta and factors D in ``heads``, and B and C in ``groups``. ``decays``: distinct values
    of A, one per channel and state element (Mamba) or one per head (Mamba-2). ``lengths``: tokens of each sequence. Every
    sequence reads its state at port ``state`` (where it continues one) and leaves the new one as second result.

    Operations per token: decays: delta A (mul) and its exp; channels: delta x (mul), D x (mac); channels * state: times
    B (mul), update (mac), times C (mac). A sequence of a channel is one row: its tokens follow each other.
    """

    dims = {"channels": None, "state": None, "heads": None, "decays": None, "groups": 1}
    lists = ("lengths",)
    ports = ("x", "delta", "a", "b", "c", "d")
    optional_ports = ("state",)

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        tokens, sequences = sum(dims["lengths"]), len(dims["lengths"])
        channels, cells = dims["channels"], dims["channels"] * dims["state"]
        operations = {
            "exp": dims["decays"],
            "mac": 2 * cells + channels,
            "mul": cells + channels + dims["decays"],
        }
        counts = tuple((name, tokens * count) for name, count in sorted(operations.items()))
        return VectorWork(sequences * channels, tokens * channels, counts)

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        found = []
        channels, heads = dims["channels"], dims["heads"]
        for name in ("heads", "groups"):
            if channels % dims[name]:
                found.append(f"channels {channels} is not divisible by {name} {dims[name]}")
        allowed = (heads, channels * dims["state"])
        if dims["decays"] not in allowed:
            found.append(f"decays must be one per head ({allowed[0]}) or per channel and state element ({allowed[1]})")
        if not dims["lengths"] or min(dims["lengths"]) < 1:
            found.append("lengths must be the positive token counts of one sequence at least")
        return found

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        tokens, sequences = sum(dims["lengths"]), len(dims["lengths"])
        x, shared = tokens * dims["channels"], tokens * dims["groups"] * dims["state"]
        state = sequences * dims["channels"] * dims["state"]
        return {
            "x": x,
            "delta": tokens * dims["heads"],
            "a": dims["decays"],
            "b": shared,
            "c": shared,
            "d": dims["heads"],
            "state": state,
            "outputs": x + state,
        }
