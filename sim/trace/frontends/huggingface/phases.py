"""Passes of tokens through a model: what prefill, decode and generate mean in lengths.

* prefill: every request's prompt at once; attention spans the prompt (the causal half is not skipped); keys and values
  are attended to as they were just computed, and appended to the cache.
* decode: one token per request. ``context`` counts the tokens it attends to, *its own included*: the token's key and
  value are appended first, then the cache of ``context`` tokens is read.
* generate N: the prefill, then N decode steps; step s attends to prompt + 1 + s tokens. So prefill(n) followed by
  decode(context = n + 1) does what generate(prompt = n, 1 step) does.
* a layer with a sliding window attends to, and caches, min(context, window) tokens. In the prefill that is a rectangle
  of queries by window: the ramp of the first tokens is not skipped, as the causal half is not.
* with an encoder, the prefill runs it over the sources and caches keys and values of its result once per layer; decode
  reads those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from sim.core.errors import Place, Problems
from sim.trace.affine import Extent, affine, extent_at, scaled, total
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
    """One pass: (new tokens, tokens attended to) per request.

    ``capacities`` are the tokens per request that a layer's cache has room for; ``positions`` is how many distinct
    positions the new tokens have; ``prefix`` begins the names of its operators; ``sources`` are the encoder's tokens
    per request, for models that have one.
    """

    prefix: str
    requests: tuple[tuple[int, Extent], ...]
    reads_cache: bool
    capacities: tuple[int, ...]
    positions: int
    sources: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """New tokens of all requests."""
        return sum(query for query, _ in self.requests)

    @property
    def context(self) -> Extent:
        """Tokens attended to, summed over requests."""
        return total(context for _, context in self.requests)

    @property
    def longest(self) -> Extent:
        """The longest context of a request; of growing ones that which starts longest, since all grow alike."""
        return max((context for _, context in self.requests), key=_first)

    @property
    def cached(self) -> int:
        """Token rows of a layer's cache."""
        return sum(self.capacities)

    @property
    def appended(self) -> int:
        """Token rows this pass adds to a layer's cache: of a prompt longer than the cache only the last stay."""
        return sum(min(query, room) for (query, _), room in zip(self.requests, self.capacities, strict=True))

    @property
    def score_count(self) -> Extent:
        """Scores of one head, all requests."""
        return total(scaled(context, query) for query, context in self.requests)

    @property
    def scores(self) -> tuple[Extent, ...]:
        """Shape of one head's scores: (requests, query, context) where those agree, else their number."""
        if len(set(self.requests)) == 1:
            return (len(self.requests), *self.requests[0])
        return (self.score_count,)

    def windowed(self, window: int | None) -> Pass:
        """This pass as a layer sees it that attends to the last ``window`` tokens and caches no more.

        A growing context is on one side of the window all the time: :func:`decode_steps` cuts there.
        """
        if window is None:
            return self
        requests = tuple((query, context if _first(context) <= window else window) for query, context in self.requests)
        return replace(self, requests=requests, capacities=tuple(min(room, window) for room in self.capacities))

    def across(self) -> Pass:
        """This pass as cross-attention sees it: every new token attends to its request's source."""
        requests = tuple((query, source) for (query, _), source in zip(self.requests, self.sources, strict=True))
        return replace(self, requests=requests, capacities=self.sources)


def _first(extent: Extent) -> int:
    """The extent in the first step."""
    return extent_at(extent, {STEP: 0})


def whole(lengths: tuple[int, ...], prefix: str = "") -> Pass:
    """The pass of an encoder over whole sequences; nothing is cached."""
    return Pass(prefix, tuple((length, length) for length in lengths), False, (0,) * len(lengths), max(lengths))


def prefill(prompts: tuple[int, ...], steps: int = 0, prefix: str = "", sources: tuple[int, ...] = ()) -> Pass:
    """The pass over the prompts; the cache has room for ``steps`` further tokens per request."""
    requests = tuple((prompt, prompt) for prompt in prompts)
    capacities = tuple(prompt + steps for prompt in prompts)
    return Pass(prefix, requests, False, capacities, max(prompts), sources)


def decode(contexts: tuple[int, ...], sources: tuple[int, ...] = ()) -> Pass:
    """One decode step."""
    requests = tuple((1, context) for context in contexts)
    return Pass("", requests, True, contexts, len(set(contexts)), sources)


def decode_steps(
    prompts: tuple[int, ...], steps: int, windows: Iterable[int] = (), sources: tuple[int, ...] = ()
) -> tuple[tuple[Pass, int], ...]:
    """The decode steps of a generation: passes that grow with the loop index :data:`STEP`, each with its step count.

    More than one when a context outgrows a window of the model: it grows no longer from there on.
    """
    cuts = {window - prompt for window in windows for prompt in prompts}
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < steps), steps]
    capacities = tuple(prompt + steps for prompt in prompts)
    found = []
    for number, (first, last) in enumerate(pairwise(edges)):
        requests = tuple((1, affine(prompt + 1 + first, **{STEP: 1})) for prompt in prompts)
        prefix = "decode." if len(edges) == 2 else f"decode_{number}."
        found.append((Pass(prefix, requests, True, capacities, len(set(prompts)), sources), last - first))
    return tuple(found)


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


def source_lengths(requests: int, options: LowerOptions, problems: Problems) -> tuple[int, ...]:
    """Source tokens per request of a model with an encoder: ``--prompt``, one or as many as there are requests."""
    if isinstance(options.prompt, int):
        return (options.prompt,) * requests
    if len(options.prompt) != requests:
        problems.add(f"--prompt gives {len(options.prompt)} source lengths for {requests} requests")
        return (max(options.prompt),) * requests
    return options.prompt


def check_lengths(
    options: LowerOptions, place: Place, problems: Problems, lengths: Mapping[str, frozenset[str]] = LENGTHS
) -> None:
    """Report length options that the phase does not use, and one that it lacks."""
    used = lengths[options.phase]
    for name in ("prompt", "context", "generate"):
        if name in options.given() and name not in used:
            allowed = ", ".join(option_name(other) for other in sorted(used))
            problems.add(f"{option_name(name)} means nothing in phase {options.phase}", place, allowed=allowed)
    if options.phase == "generate" and options.generate is None:
        problems.add("phase generate needs --generate, the number of decode steps", place)
