"""From what a user names to a trace: find the file, choose the frontend, lower."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.core.data_files import find_data
from sim.core.errors import Place, Problems, all_of
from sim.trace.frontends import Frontend, frontends
from sim.trace.model import Trace
from sim.trace.options import LowerOptions, option_name

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
    place = Place(str(path))
    alone = _checked(name, frontend, chosen, place)
    if chosen.ep > 1:
        return _expert_parallel(frontend, path, chosen, alone)
    return _parallel(frontend.lower(path, alone), chosen, place)


def _checked(name: str, frontend: type[Frontend], chosen: LowerOptions, place: Place) -> LowerOptions:
    """The options for the frontend: all but those of a later step. Raises InputError for one that it cannot use."""
    problems = Problems()
    usable = sorted(option_name(option) for option in frontend.options)
    alone = replace(chosen, tp=1, ep=1)
    for option in alone.given():
        if option not in frontend.options:
            message = f"{option_name(option)} means nothing for this model (frontend {name}: {frontend.reads})"
            problems.add(message, place, allowed=usable or "no options")
    problems.raise_if_any()
    return alone


def _parallel(trace: Trace, chosen: LowerOptions, place: Place) -> Trace:
    """The trace of one rank, if there are several."""
    if chosen.tp == 1:
        return trace
    from sim.trace.parallel.tensor import tensor_parallel

    return tensor_parallel(trace, chosen.tp, place)


def _lower_object(model: object, chosen: LowerOptions) -> Trace:
    from sim.trace.frontends.torch_export import TorchExport, is_exported_program, lower_exported_program

    if not is_exported_program(model):
        problems = Problems()
        problems.add("a model is a path, a name, or a torch.export.ExportedProgram", found=type(model).__name__)
        problems.raise_if_any()
    place = Place("exported_program")
    if chosen.ep > 1:
        problems = Problems()
        problems.add("--ep needs a model that can be lowered for any batch, which an exported program cannot", place)
        problems.raise_if_any()
    alone = _checked("torch_export", TorchExport, chosen, place)
    return _parallel(lower_exported_program(model, alone), chosen, place)


def _expert_parallel(frontend: type[Frontend], path: Path, chosen: LowerOptions, alone: LowerOptions) -> Trace:
    """One chip's trace: its part of the requests, and its experts for the tokens of all."""
    from sim.trace.parallel.expert import expert_parallel

    problems, place, ranks = Problems(), Place(str(path)), chosen.ep
    if chosen.tp > 1:
        problems.add("--ep and --tp together are not modelled yet", place, found=f"--ep {ranks} --tp {chosen.tp}")
    if chosen.batch % ranks:
        message = f"--ep {ranks}: every chip has equally many requests"
        problems.add(message, place, found=f"--batch {chosen.batch}", allowed=f"a multiple of {ranks}")
    if isinstance(chosen.prompt, tuple) or isinstance(chosen.context, tuple):
        problems.add(f"--ep {ranks}: every chip has requests of the same lengths", place, allowed="one length for all")
    problems.raise_if_any()
    own = frontend.lower(path, replace(alone, batch=chosen.batch // ranks))
    return expert_parallel(own, frontend.lower(path, alone), ranks, place)


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
