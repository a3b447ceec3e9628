"""Tokens of a mixture drawn to experts: every token chooses ``top_k`` different experts at random, from a seed.

``uniform``: all experts alike, as Duplex draws its workloads (Yun et al., MICRO 2024, section 6). ``zipf``: expert number r
(from 1) with a weight of 1 / r^exponent, and a token's experts one after another without putting back (Gumbel's maximum:
Vieira, "Gumbel-max trick and weighted reservoir sampling", 2014). Every layer of a model gets the counts of one draw, for
layers are written once. Left out: tokens of a batch that resemble each other. Of more tokens than ``MOST_DRAWN``, that
many are drawn, and the others follow in proportion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sim.core.errors import Problems

KINDS = ("uniform", "zipf")
MAX_SEED = 2**32 - 1
MAX_EXPONENT = 100.0
_WRITTEN = re.compile(r"(uniform|zipf)((?::[^:/\\]*)*)")
MOST_DRAWN = 1 << 20
_CHUNK = 1 << 12
"""Tokens drawn at once; bounds memory."""


@dataclass(frozen=True)
class Drawn:
    """Experts drawn with weights 1 / rank^``exponent`` (0: uniform) from ``seed``."""

    exponent: float
    seed: int

    def rows(self, tokens: int, experts: int, top_k: int) -> tuple[int, ...]:
        """Tokens per expert; they sum to tokens * top_k and none exceeds ``tokens``."""
        import numpy as np

        random = np.random.RandomState(self.seed)  # whose stream numpy keeps for good
        weights = -self.exponent * np.log(np.arange(1, experts + 1))
        counts = np.zeros(experts, dtype=np.int64)
        for start in range(0, tokens, _CHUNK):
            drawn = random.random_sample((min(_CHUNK, tokens - start), experts))
            keys = weights - np.log(-np.log(np.clip(drawn, np.finfo(float).tiny, None)))
            chosen = np.argsort(-keys, axis=1, kind="stable")[:, :top_k]
            counts += np.bincount(chosen.ravel(), minlength=experts)
        return tuple(int(count) for count in counts)


def read_drawn(text: str, problems: Problems) -> Drawn | None:
    """``uniform[:SEED]`` or ``zipf[:EXPONENT[:SEED]]``; None when it is a file's name instead, or after a problem."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    kind, values = match.group(1), match.group(2).split(":")[1:]
    most = KINDS.index(kind) + 1
    if len(values) > most:
        form = "uniform[:SEED] or zipf[:EXPONENT[:SEED]]"
        problems.add("--experts: too many values", found=text, allowed=form)
        return Drawn(0.0, 0)
    exponent = _number(values.pop(0), problems) if kind == "zipf" and values else float(kind == "zipf")
    return Drawn(exponent, _seed(values[0], problems) if values else 0)


def _number(text: str, problems: Problems) -> float:
    if re.fullmatch(r"\d{1,3}(\.\d{1,9})?", text) and float(text) <= MAX_EXPONENT:
        return float(text)
    problems.add("--experts: not an exponent", found=text, allowed=f"a number from 0 to {MAX_EXPONENT:g}")
    return 0.0


def _seed(text: str, problems: Problems) -> int:
    if re.fullmatch(r"\d{1,10}", text) and int(text) <= MAX_SEED:
        return int(text)
    problems.add("--experts: not a seed", found=text, allowed=f"a whole number from 0 to {MAX_SEED}")
    return 0
