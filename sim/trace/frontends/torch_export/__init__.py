"""PyTorch frontend: an exported program (``torch.export``) to a trace, from a ``.pt2`` file or the object itself.

The file is read without torch and without unpickling anything. ATen calls become standard ONNX nodes of known shapes
(:mod:`~sim.trace.frontends.torch_export.writer`) and are lowered as those. Both forms of a program are read: as
exported (``aten.linear``, ``aten.conv2d``) and after ``run_decompositions()`` (core ATen). Left out: the values of weights,
sizes that depend on data, and control flow (``torch.cond``), which is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.core.errors import Place, Problems
from sim.trace.bounds import MAX_EXTENT
from sim.trace.frontends import Frontend, frontends
from sim.trace.frontends.onnx_graph import lower_document
from sim.trace.frontends.onnx_graph.document import document_of
from sim.trace.frontends.torch_export.archive import read_archive
from sim.trace.frontends.torch_export.live import is_exported_program as is_exported_program
from sim.trace.frontends.torch_export.live import read_program
from sim.trace.frontends.torch_export.program import Call, Program
from sim.trace.frontends.torch_export.writer import GraphWriter, NotTranslated, translations
from sim.trace.model import Trace
from sim.trace.options import LowerOptions

#: What translating a damaged program may raise: arguments of the wrong kind, number, or size.
_UNFIT = (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError, AttributeError, StopIteration, OverflowError)


@frontends.register("torch_export")
class TorchExport(Frontend):
    """Exported PyTorch programs. Sizes that were exported as dynamic are named by symbol or as ``input[axis]``."""

    reads = "a PyTorch exported program (.pt2)"
    options = frozenset({"batch", "shapes", "dtype", "weights", "allow_unsupported"})

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix.lower() == ".pt2"

    @classmethod
    def lower(cls, path: Path, options: LowerOptions) -> Trace:
        return _lowered(read_archive(path), options, path.stem, path.name, Place(str(path)))


def lower_exported_program(exported: Any, options: LowerOptions) -> Trace:
    """The trace of a live ``torch.export.ExportedProgram``."""
    name = "exported_program"
    return _lowered(read_program(exported), options, name, name, Place(name))


def _lowered(program: Program, options: LowerOptions, name: str, source: str, place: Place) -> Trace:
    problems, notes = Problems(), list[str]()
    symbols = _symbols(program, options, place, problems, notes)
    problems.raise_if_any()
    writer = GraphWriter(program, symbols)
    failures = _translate(program, writer)
    if failures and not options.allow_unsupported:
        for target, text in failures.items():
            known = target.rpartition(".")[0] if target.count(".") == 2 else target
            allowed = None if known in translations else translations.names()
            problems.add(text, place, found=target, allowed=allowed, suggest_for=known)
        problems.raise_if_any()
    notes += [f"left out: {text}" for text in failures.values()]
    try:
        model = writer.model(name)
    except _UNFIT as error:
        problems.add(f"is not an exported program: {type(error).__name__} {str(error)[:200]}", place)
        problems.raise_if_any()
    header = Trace(name, (), description=f"{name}, lowered from a PyTorch exported program", source=source,
                   notes=tuple(notes))  # fmt: skip
    plain = LowerOptions(dtype=options.dtype, weights=options.weights, allow_unsupported=options.allow_unsupported)
    return lower_document(document_of(model, place), plain, header)


def _symbols(
    program: Program, options: LowerOptions, place: Place, problems: Problems, notes: list[str]
) -> Mapping[str, int]:
    """A size for every symbol: as asked for, else the one the program was exported with."""
    found: dict[str, int] = {}
    names: set[str] = set()
    used: set[str] = set()
    for number, (name, axis, extent) in enumerate(program.symbols()):
        symbol, where = str(extent), f"{name}[{axis}]"
        if not symbol.isidentifier():
            continue
        names |= {symbol, where}
        asked = [key for key in (where, symbol) if key in options.shapes]
        used |= set(asked)
        if asked:
            found[symbol] = options.shapes[asked[0]]
        elif options.batch != 1 and number == 0 and axis == 0:
            found[symbol] = options.batch
        elif symbol not in found and symbol in program.hints:
            found[symbol] = program.hints[symbol]
            notes.append(f"dimension {where} taken as {found[symbol]}, as it was exported")
        elif symbol not in found:
            problems.add(f"dimension {where} is not fixed: give it with --shape '{where}=N'", place, found=symbol)
    for key in sorted(set(options.shapes) - used):
        problems.add("--shape names no dimension of the inputs", place, found=key, allowed=names or "none: all are fixed",
                     suggest_for=key)  # fmt: skip
    first = next(iter(program.inputs), None)
    if options.batch != 1 and first is not None and isinstance(next(iter(program.metas[first].shape), 0), int):
        message = f"--batch {options.batch}: the program was exported for a fixed batch; export it with a dynamic one"
        problems.add(message, place)
    for symbol, size in found.items():
        if not 1 <= size <= MAX_EXTENT:
            problems.add(f"dimension {symbol} must be at least 1", place, found=size)
    return found


def _translate(program: Program, writer: GraphWriter) -> dict[str, str]:
    """Write every call; returns what could not be: target -> how often, where and why."""
    failed: dict[str, list[tuple[str, str]]] = {}
    for call in program.calls:
        if not any(call.outputs):
            continue  # assertions, and arithmetic of sizes: their results are known
        try:
            _one(call, writer)
        except NotTranslated as error:
            failed.setdefault(call.target, []).append((call.name, str(error)))
        except _UNFIT as error:
            reason = f"its arguments do not fit together ({type(error).__name__} {str(error)[:100]})"
            failed.setdefault(call.target, []).append((call.name, reason))
    return {target: _told(target, failures) for target, failures in sorted(failed.items())}


def _one(call: Call, writer: GraphWriter) -> None:
    known = call.target.rpartition(".")[0] if call.target.count(".") == 2 else call.target
    if known not in translations:
        known = f"{known.rstrip('_')}" if f"{known.rstrip('_')}" in translations else known
    if known not in translations:
        raise NotTranslated("there is no translation for it")
    translations.get(known)(call, writer)


def _told(target: str, failures: list[tuple[str, str]]) -> str:
    shown = ", ".join(label for label, _ in failures[:5]) + (", ..." if len(failures) > 5 else "")
    times = "once" if len(failures) == 1 else f"{len(failures)} times"
    reasons = "; ".join(list(dict.fromkeys(reason for _, reason in failures))[:3])
    return f"operator {target} ({times}: {shown}) cannot be lowered: {reasons}"
