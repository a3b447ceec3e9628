"""Passes of tokens through a model: what prefill, decode and generate mean in lengths.

* prefill: every request's prompt at once; attention spans the prompt (the causal half is not skipped); keys and values
  are attended to as they were just computed, and appended to the cache.
* decode: one token per request. ``context`` counts the tokens it attends to, *its own included*: the token's key and
  value are appended first, then the cache of ``context`` tokens is read.
* generate N: the prefill, then N decode steps; step s attends to prompt + 1 + s tokens. So prefill(n) followed by
  decode(context = n + 1) does what generate(prompt = n, 1 step) does.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.core.errors import Place, Problems
from sim.trace.affine import Extent, affine, total
from sim.trace.options import DEFAULT_TOKENS, Lengths, LowerOptions, option_name

STEP = "step"
#: phase -> the length options it uses.
LENGTHS = {
    "prefill": frozenset({"prompt"}),
    "decode": frozenset({"context"}),
    "generate": frozenset({"prompt", "generate"}),
}


@dataclass(frozen=True)
class Pass:
    """One pass: (new tokens, tokens attended to) per request. ``cached`` is the token rows of a layer's cache.

    ``positions`` is how many distinct positions the new tokens have; ``prefix`` begins the names of its operators.
    """

    prefix: str
    requests: tuple[tuple[int, Extent], ...]
    reads_cache: bool
    cached: int
    positions: int

    @property
    def tokens(self) -> int:
        """New tokens of all requests."""
        return sum(query for query, _ in self.requests)

    @property
    def context(self) -> Extent:
        """Tokens attended to, summed over requests."""
        return total(context for _, context in self.requests)

    @property
    def scores(self) -> tuple[Extent, ...]:
        """Shape of one head's scores: (requests, query, context) where those agree, else their number."""
        if len(set(self.requests)) == 1:
            return (len(self.requests), *self.requests[0])
        if self.reads_cache:
            return (self.context,)
        return (sum(query * query for query, _ in self.requests),)


def prefill(prompts: tuple[int, ...], steps: int = 0, prefix: str = "") -> Pass:
    """The pass over the prompts; the cache has room for ``steps`` further tokens per request."""
    cached = sum(prompts) + steps * len(prompts)
    return Pass(prefix, tuple((prompt, prompt) for prompt in prompts), False, cached, max(prompts))


def decode(contexts: tuple[int, ...]) -> Pass:
    """One decode step."""
    requests = tuple((1, context) for context in contexts)
    return Pass("", requests, True, sum(contexts), len(set(contexts)))


def decode_steps(prompts: tuple[int, ...], steps: int) -> Pass:
    """The decode step of a generation, growing with the loop index :data:`STEP`."""
    requests = tuple((1, affine(prompt + 1, **{STEP: 1})) for prompt in prompts)
    return Pass("decode.", requests, True, sum(prompts) + steps * len(prompts), len(set(prompts)))


def per_request(name: str, lengths: Lengths, options: LowerOptions, problems: Problems) -> tuple[int, ...]:
    """One length per request; a list of lengths sets the batch, or must agree with it."""
    if isinstance(lengths, int):
        return (lengths,) * options.batch
    if options.batch not in (1, len(lengths)):
        message = f"{option_name(name)} gives {len(lengths)} lengths, --batch says {options.batch} requests"
        problems.add(message)
    return lengths


def prompt_lengths(options: LowerOptions, problems: Problems) -> tuple[int, ...]:
    """Prompt tokens per request."""
    return per_request("prompt", options.prompt, options, problems)


def context_lengths(options: LowerOptions, problems: Problems) -> tuple[int, ...]:
    """Tokens each request's decode step attends to."""
    return per_request("context", DEFAULT_TOKENS if options.context is None else options.context, options, problems)


def check_lengths(options: LowerOptions, place: Place, problems: Problems) -> None:
    """Report length options that the phase does not use, and one that it lacks."""
    used = LENGTHS[options.phase]
    for name in ("prompt", "context", "generate"):
        if name in options.given() and name not in used:
            allowed = ", ".join(option_name(other) for other in sorted(used))
            problems.add(f"{option_name(name)} means nothing in phase {options.phase}", place, allowed=allowed)
    if options.phase == "generate" and options.generate is None:
        problems.add("phase generate needs --generate, the number of decode steps", place)
