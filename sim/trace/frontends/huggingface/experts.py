"""How many tokens each expert of a mixture gets."""

from __future__ import annotations

from sim.core.errors import Place, Problems
from sim.trace.frontends.huggingface.routing import MOST_DRAWN, Drawn, read_drawn
from sim.trace.options import read_counts

Routing = tuple[int, ...] | Drawn | None
"""A histogram of tokens, a random draw, or evenly (None)."""


def expert_rows(tokens: int, experts: int, top_k: int, histogram: Routing) -> tuple[int, ...]:
    """Tokens per expert; they sum to tokens * top_k and none exceeds ``tokens``, since a token's experts differ.

    Evenly by default, the first experts getting the remainder; as drawn; else in proportion to ``histogram`` by largest
    remainder, earlier experts first among equals. What an expert cannot take goes to the others in the same proportion.
    """
    if isinstance(histogram, Drawn):
        drawn = histogram.rows(min(tokens, MOST_DRAWN), experts, top_k)
        return drawn if tokens <= MOST_DRAWN else expert_rows(tokens, experts, top_k, drawn)
    if histogram is None:
        share, rest = divmod(tokens * top_k, experts)
        return tuple(share + (expert < rest) for expert in range(experts))
    rows = [0] * experts
    open_experts = [expert for expert in range(experts) if histogram[expert]]
    left = tokens * top_k
    while left:
        weight = sum(histogram[expert] for expert in open_experts)
        full = [expert for expert in open_experts if histogram[expert] * left >= tokens * weight]
        if not full:
            for expert, count in _largest_remainder(left, [(expert, histogram[expert]) for expert in open_experts]):
                rows[expert] = count
            break
        for expert in full:
            rows[expert] = tokens
        left -= tokens * len(full)
        open_experts = [expert for expert in open_experts if expert not in full]
    return tuple(rows)


def _largest_remainder(count: int, weights: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Split ``count`` in proportion to (key, weight) pairs."""
    whole = sum(weight for _, weight in weights)
    shares = [(key, *divmod(count * weight, whole)) for key, weight in weights]
    rest = count - sum(share for _, share, _ in shares)
    lucky = {key for key, _, _ in sorted(shares, key=lambda entry: (-entry[2], entry[0]))[:rest]}
    return [(key, share + (key in lucky)) for key, share, _ in shares]


def read_histogram(path: str, experts: int, top_k: int, problems: Problems) -> Routing:
    """How tokens are drawn, or a token count per expert from a file; None after a problem."""
    before = len(problems)
    drawn = read_drawn(path, problems)
    if drawn is not None:
        return drawn
    counts = read_counts(path, "--experts", problems, smallest=0)
    if len(problems) > before:
        return None
    if len(counts) != experts:
        problems.add("--experts must give one count per expert", Place(path), found=len(counts), allowed=str(experts))
        return None
    if sum(1 for count in counts if count) < top_k:
        problems.add(
            f"--experts must give at least {top_k} experts tokens, since each token goes to {top_k}", Place(path)
        )
        return None
    return counts
