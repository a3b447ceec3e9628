"""From what a user names to a trace: find the file, choose the frontend, lower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.core.data_files import find_data
from sim.core.errors import Place, Problems, all_of
from sim.trace.frontends import Frontend, frontends
from sim.trace.model import Trace
from sim.trace.options import LowerOptions, option_name
from sim.trace.parallel.requests import micro_batched

FOLDER = "traces"
#: A name may leave these out; the last one lets a folder with a ``config.json`` be named.
SUFFIXES = (".jsonl", "/config.json")


def load_trace(path_or_name: str | Path) -> Trace:
    """The trace in a file, or of a name in ``traces/``; a model in another form is lowered with the default options."""
    return lower(path_or_name)


def lower(model: Any, **options: Any) -> Trace:
    """The trace of a model: an ONNX file, a Hugging Face ``config.json``, a PyTorch exported program (a ``.pt2`` file, or
    the ``torch.export.ExportedProgram`` itself), a trace file, a SCALE-Sim CSV, or a name.

    ``options`` are those of :class:`~sim.trace.options.LowerOptions`. One that the model's frontend cannot use is an
    error. Raises InputError with all problems.
    """
    if not isinstance(model, (str, Path)):
        return _lower_object(model, LowerOptions.of(**options))
    chosen, path = all_of(
        lambda: LowerOptions.of(**options), lambda: find_data(FOLDER, str(model), SUFFIXES, what="model")
    )
    name, frontend = find_frontend(path)
    return _parallel(frontend.lower, path, name, frontend, chosen)


def _parallel(
    read: Callable[[Any, LowerOptions], Trace], model: Any, name: str, frontend: type[Frontend], chosen: LowerOptions
) -> Trace:
    """What one chip does: of its part of the requests, of a mixture's experts, and of every layer."""
    place = Place(str(model) if isinstance(model, Path) else name)
    chosen = micro_batched(chosen, place)
    of_stage = chosen.dp * (chosen.micro_batches or 1)
    alone = _checked(name, frontend, replace(chosen, batch=chosen.batch // of_stage), place)
    own = replace(alone, batch=alone.batch // chosen.ep)
    trace = read(model, own)
    if chosen.ep > 1:
        from sim.trace.parallel.expert import expert_parallel

        trace = expert_parallel(trace, read(model, alone), chosen.ep, place)
    if chosen.tp > 1:
        from sim.trace.parallel.tensor import tensor_parallel

        trace = tensor_parallel(trace, chosen.tp, place)
    degrees = tuple((name, degree) for name, degree in (("pp", chosen.pp), ("dp", chosen.dp)) if degree > 1)
    if not degrees and (chosen.micro_batches or 1) == 1:
        return trace
    label = "".join(f"_{name}{degree}" for name, degree in degrees)
    trace = replace(
        trace, name=trace.name + label, parallel=(*trace.parallel, *degrees), micro_batches=chosen.micro_batches or 1
    )
    if chosen.pp > 1 or not degrees:
        from sim.trace.parallel.pipeline import pipeline_stages

        pipeline_stages(trace, place)
    return trace


def _checked(name: str, frontend: type[Frontend], chosen: LowerOptions, place: Place) -> LowerOptions:
    """The options for the frontend: all but those of a later step. Raises InputError for one that it cannot use."""
    problems = Problems()
    usable = sorted(option_name(option) for option in frontend.options)
    alone = replace(chosen, tp=1, ep=1, pp=1, dp=1, micro_batches=None)
    for option in alone.given():
        if option not in frontend.options:
            message = f"{option_name(option)} means nothing for this model (frontend {name}: {frontend.reads})"
            problems.add(message, place, allowed=usable or "no options")
    problems.raise_if_any()
    return alone


def _lower_object(model: object, chosen: LowerOptions) -> Trace:
    from sim.trace.frontends.torch_export import TorchExport, is_exported_program, lower_exported_program

    if not is_exported_program(model):
        problems = Problems()
        problems.add("a model is a path, a name, or a torch.export.ExportedProgram", found=type(model).__name__)
        problems.raise_if_any()
    return _parallel(lower_exported_program, model, "torch_export", TorchExport, chosen)


def find_frontend(path: Path) -> tuple[str, type[Frontend]]:
    """The frontend whose file this is, with its name."""
    for name in frontends.names():
        if frontends.get(name).matches(path):
            return name, frontends.get(name)
    problems = Problems()
    known = "; ".join(frontends.get(name).reads for name in frontends.names())
    problems.add("no frontend reads this kind of file", Place(str(path)), allowed=known)
    problems.raise_if_any()
    raise AssertionError("unreachable")
