"""Why the fastest variant of a comparison is fastest: the terms of two time accounts set side by side.

The terms of an account add up to a time, so the differences of the terms add up to the difference of the times. Beneath
them stands what moved: bytes per memory, and for the memory that the slower one waits for, how much of the longer time at
that memory comes from more bytes (*traffic*, at the faster one's rate) and how much from fewer bytes a second (*bandwidth*).
"""

from __future__ import annotations

from typing import Any

from sim.core.units import format_si
from sim.report.time_account import RUN_WAITS, Account

NAMES = {
    "compute": "compute at peak rate", "unfilled": "array utilization (PEs without work)", "fill_drain": "fill and drain",
    "vector": "vector unit", "waiting": "waiting", "idle": "no work assigned to the arrays",
}  # fmt: skip
NEGLIGIBLE = 0.005
"""Share of the difference below which a term is not worth a word."""
Moved = dict[str, dict[str, int]]


def reasons(best: str, accounts: dict[str, Account], moved: dict[str, Moved]) -> dict[str, Any]:
    """Plain data: ``best``, and for every other variant the time it takes more, by term, and what it moves more."""
    return {
        "best": best,
        "against": {
            name: _against(accounts[best], account, moved[best], moved[name])
            for name, account in accounts.items()
            if name != best
        },
    }


def _against(best: Account, other: Account, best_moved: Moved, other_moved: Moved) -> dict[str, Any]:
    names = dict.fromkeys([*best.terms_ps, *other.terms_ps])
    terms = {name: other.terms_ps.get(name, 0) - best.terms_ps.get(name, 0) for name in names}
    ranked = sorted(terms, key=lambda name: (-terms[name], name))
    tiers = sorted({*best_moved, *other_moved})
    found = {
        "slower_ps": other.total_ps - best.total_ps,
        "terms_ps": terms,
        "largest": ranked[0] if ranked and terms[ranked[0]] > 0 else None,
        "waiting_for": other.waiting_for,
        "bytes": {tier: _bytes(other_moved, tier) - _bytes(best_moved, tier) for tier in tiers},
    }
    return found | {"memory_ps": _memory(best, other, best_moved, other_moved)}


def _memory(best: Account, other: Account, best_moved: Moved, other_moved: Moved) -> dict[str, Any] | None:
    """The longer time at the memory that ``other`` waits for: because of traffic, and because of bandwidth."""
    tier = other.waiting_for
    mine, theirs = best.demand_ps.get(tier or "", 0), other.demand_ps.get(tier or "", 0)
    had, has = _bytes(best_moved, tier or ""), _bytes(other_moved, tier or "")
    if not (mine and theirs and had and has):
        return None
    traffic = (has - had) * mine // had
    return {"name": tier, "traffic": traffic, "bandwidth": theirs - mine - traffic}


def _bytes(moved: Moved, tier: str) -> int:
    return sum(moved.get(tier, {}).values())


def term_name(term: str) -> str:
    """What a term is called in text."""
    return f"arrays waiting: {term.removeprefix(RUN_WAITS)}" if term.startswith(RUN_WAITS) else NAMES.get(term, term)


def run_text(best: str, name: str, against: dict[str, Any], first_ps: int) -> str:
    """One sentence: how much slower the run ``name`` is than ``best`` and in which terms. ``first_ps``: the best's time."""
    slower = against["slower_ps"]
    if not slower:
        return f"{name} is as fast as {best}: {_terms(against)}"
    share = f" ({100 * slower / first_ps:.1f} %)" if first_ps else ""
    return f"{name} takes {format_si(slower / 1e12, 's', 3)}{share} more than {best}: {_terms(against)}"


def operator_text(best: str, name: str, against: dict[str, Any]) -> str:
    """One sentence: how much longer an operator computes in ``name`` than in ``best``; no share, for runs are not made of
    these."""
    slower = against["slower_ps"]
    longer = f"computes {format_si(slower / 1e12, 's', 3)} longer than" if slower else "computes as long as"
    return f"{name} {longer} {best}: {_terms(against)}"


def _terms(against: dict[str, Any]) -> str:
    """The terms of a difference, bytes, and time at the memory waited for."""
    terms = against["terms_ps"]
    scale = max((abs(value) for value in terms.values()), default=0)
    told = sorted(
        (one for one in terms if abs(terms[one]) > NEGLIGIBLE * scale), key=lambda one: (-abs(terms[one]), one)
    )
    parts = [f"{term_name(one)}{_whom(one, against)} {_signed(terms[one])}" for one in told]
    text = ", ".join(parts) or "the same in every term"
    moved = [f"{tier} {'+' if amount > 0 else '-'}{format_si(abs(amount), 'B')}"
             for tier, amount in against["bytes"].items() if amount]  # fmt: skip
    text += f"; moved: {', '.join(moved)}" if moved else ""
    memory = against["memory_ps"]
    if memory and (memory["traffic"] or memory["bandwidth"]):
        text += (f"; time at {memory['name']}: {_signed(memory['traffic'])} by traffic, "
                 f"{_signed(memory['bandwidth'])} by bandwidth")  # fmt: skip
    return text


def _whom(term: str, against: dict[str, Any]) -> str:
    return f" for {against['waiting_for']}" if term == "waiting" and against["waiting_for"] else ""


def _signed(duration_ps: int) -> str:
    return f"{'-' if duration_ps < 0 else '+'}{format_si(abs(duration_ps) / 1e12, 's', 3)}"
