"""An energy table's YAML -> figures, curves and rules, with every mistake found reported at once.

The format, by example (``docs/energy.md`` has the full list)::

    schema: 1
    name: mine
    technology: 12 nm
    include: [cmos_16nm]                    # start from these; what stands below replaces theirs
    sources: {silicon: our test chip, 2025}
    figures:
      mac: {value: 0.4 pJ, source: silicon, confidence: verified}
    prices:
      systolic_array:
        mac_bf16: mac                       # a figure; or {sum:}, {curve:, over:}, {by:, choices:}, {zero: reason}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from sim.config.yaml_source import Located, read_yaml
from sim.core.data_files import find_data
from sim.core.errors import Problems
from sim.core.units import parse_quantity
from sim.energy.quantity import BYTE, UnitEnergy, parse_unit_energy, unit_of_action
from sim.energy.rules import CONFIDENCES, Choice, Currents, Curve, Figure, Qualified, Rule, Sum, Zero, worst
from sim.hardware.memory.bank_energy import NEEDS

FOLDER = "sim/energy/tables"
SUFFIXES = (".yaml", ".yml")
SCHEMA = 1
TOP_KEYS = ("schema", "name", "technology", "description", "include", "scale", "sources", "figures", "curves", "prices")
FIGURE_KEYS = ("value", "source", "confidence", "note", "stated_for")
FORMS = ("figure", "sum", "curve", "by", "zero", "currents")


@dataclass
class TableData:
    """What one table file says, with its includes; plain data for :class:`sim.energy.table.EnergyTable`."""

    name: str = ""
    technology: str = ""
    description: str = ""
    path: str = ""
    figures: dict[str, Figure] = field(default_factory=dict)
    curves: dict[str, tuple[tuple[int, Figure], ...]] = field(default_factory=dict)
    rules: dict[tuple[str, str], Rule] = field(default_factory=dict)
    scale: tuple[Fraction, str] | None = None
    raw: list[Located] = field(default_factory=list)


def read_table(path: Path) -> TableData:
    """Read the table file at ``path`` and all it includes. Raises InputError with every problem found."""
    problems = Problems()
    table = TableData()
    _Reader(problems).read(path, table, ())
    problems.raise_if_any()
    return table


class _Reader:
    """Reads one table and, in order, what it builds on. Figures come first, so that prices use the final ones."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def read(self, path: Path, table: TableData, inside: tuple[Path, ...]) -> None:
        document = read_yaml(path)
        if path.resolve() in inside:
            self.problems.add("a table cannot include itself", document.place, found=str(path))
            return
        keys = self.mapping(document, "an energy table", TOP_KEYS)
        schema = keys.get("schema")
        if schema is None or schema.value != SCHEMA:
            place = schema.place if schema else document.place
            found = "nothing" if schema is None else schema.value
            self.problems.add("an energy table states its schema", place, found=found, allowed=str(SCHEMA))
        nested = (*inside, path.resolve())
        for item in self._items(keys.get("include"), "include"):
            self._read_named(item, path, table, nested)
        factor = self._scale(keys.get("scale"), path, table, nested)
        self._figures(keys, table)
        if factor is not None:
            table.scale = factor
        table.raw.append(document)
        table.name, table.path = self.text(keys.get("name"), path.stem), str(path)
        table.technology = self.text(keys.get("technology"), "not stated")
        table.description = self.text(keys.get("description"), "")
        if not inside:
            self._finish(table)

    def _finish(self, table: TableData) -> None:
        for document in table.raw:
            _Prices(self, table).read(document.value if isinstance(document.value, dict) else {})

    def _read_named(self, item: Located, path: Path, table: TableData, inside: tuple[Path, ...]) -> None:
        if not isinstance(item.value, str):
            self.problems.add("the name of a table is text", item.place, found=item.plain())
            return
        found = find_data(FOLDER, item.value, SUFFIXES, what="energy table", beside=path.parent, place=item.place)
        self.read(found, table, inside)

    def _scale(
        self, scale: Located | None, path: Path, table: TableData, inside: tuple[Path, ...]
    ) -> tuple[Fraction, str] | None:
        """Read the table scaled from and multiply that table's own figures (not those it includes)."""
        if scale is None:
            return None
        keys = self.mapping(scale, "scale", ("table", "factor", "source"))
        missing = sorted({"table", "factor", "source"} - keys.keys())
        factor = self.number(keys["factor"]) if "factor" in keys else None
        if missing or factor is None:
            if missing:
                self.problems.add("scale needs table, factor and source", scale.place, found=f"no {', '.join(missing)}")
            return None
        base = TableData()
        self._read_named(keys["table"], path, base, inside)
        source = self.text(keys["source"], "")
        for name, figure in base.figures.items():
            table.figures[name] = self._scaled(figure, factor, source) if figure.origin == base.name else figure
        table.raw.extend(base.raw)
        return factor, source

    @staticmethod
    def _scaled(figure: Figure, factor: Fraction, source: str) -> Figure:
        energy = UnitEnergy(figure.energy.joules * factor, figure.energy.per)
        text = f"{float(factor):g} x ({figure.source}); {source}"
        return replace(figure, energy=energy, source=text, confidence=worst(figure.confidence, "estimate"))

    def _figures(self, keys: dict[str, Located], table: TableData) -> None:
        name = self.text(keys.get("name"), "")
        sources = self.mapping(keys.get("sources"), "sources")
        for figure_name, item in self.mapping(keys.get("figures"), "figures").items():
            figure = self._figure(figure_name, item, sources)
            if figure is not None:
                table.figures[figure_name] = replace(figure, origin=name)

    def _figure(self, name: str, item: Located, sources: dict[str, Located]) -> Figure | None:
        keys = self.mapping(item, f"figure {name!r}", FIGURE_KEYS)
        for needed in ("value", "source", "confidence"):
            if needed not in keys:
                self.problems.add(f"figure {name!r} does not state its {needed}", item.place)
        energy = self._read(keys.get("value"), parse_unit_energy)
        source, confidence = self.text(keys.get("source"), ""), self.text(keys.get("confidence"), CONFIDENCES[-1])
        if source and source not in sources:
            place = keys["source"].place
            self.problems.add("unknown source", place, found=source, allowed=sources, suggest_for=source)
        if not self.check_confidence(confidence, keys.get("confidence")) or energy is None:
            return None
        told = self.text(sources.get(source), source)
        note, stated_for = self.text(keys.get("note"), ""), self.text(keys.get("stated_for"), "")
        return Figure(name, energy, told, confidence, note, stated_for)

    def check_confidence(self, confidence: str, at: Located | None) -> bool:
        """True when ``confidence`` is one of the four words."""
        if confidence in CONFIDENCES:
            return True
        place = at.place if at else None
        allowed = ", ".join(CONFIDENCES)
        self.problems.add("unknown confidence", place, found=confidence, allowed=allowed)
        return False

    def number(self, item: Located) -> Fraction | None:
        """A number at least 0, or a ratio such as 1/4."""
        value = item.value
        try:
            number = (
                Fraction(str(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
            )
        except (ValueError, ZeroDivisionError):
            number = None
        if number is None or number < 0:
            self.problems.add("expected a number of at least 0, or a ratio such as 1/4", item.place, found=value)
            return None
        return number

    def _read(self, item: Located | None, reader: Callable[[object], UnitEnergy]) -> UnitEnergy | None:
        if item is None:
            return None
        try:
            return reader(item.plain())
        except ValueError as error:
            self.problems.add(str(error), item.place, found=item.plain())
            return None

    def mapping(self, item: Located | None, what: str, allowed: tuple[str, ...] | None = None) -> dict[str, Located]:
        """``item`` as a mapping with the ``allowed`` keys; anything else is a problem and reads as empty."""
        if item is None:
            return {}
        if not isinstance(item.value, dict):
            self.problems.add(f"{what} is a mapping", item.place, found=item.plain())
            return {}
        if allowed is not None:
            for key, value in item.value.items():
                if key not in allowed:
                    self.problems.add(
                        f"unknown key in {what}", value.place, found=key, allowed=allowed, suggest_for=key
                    )
        return item.value

    def _items(self, item: Located | None, what: str) -> list[Located]:
        if item is None:
            return []
        if not isinstance(item.value, list):
            self.problems.add(f"{what} is a list", item.place, found=item.plain())
            return []
        return item.value

    def text(self, item: Located | None, default: str) -> str:
        """``item`` as text; ``default`` when it is not there."""
        if item is None:
            return default
        if not isinstance(item.value, str):
            self.problems.add("expected text", item.place, found=item.plain())
            return default
        return item.value.strip()


class _Prices:
    """The curves and prices of one document, over the table's final figures."""

    def __init__(self, reader: _Reader, table: TableData) -> None:
        self.reader, self.table, self.problems = reader, table, reader.problems

    def read(self, keys: dict[str, Located]) -> None:
        for name, item in self.reader.mapping(keys.get("curves"), "curves").items():
            points = self._points(name, item)
            if points:
                self.table.curves[name] = points
        for kind, actions in self.reader.mapping(keys.get("prices"), "prices").items():
            for action, item in self.reader.mapping(actions, f"prices of {kind!r}").items():
                rule = self._rule(item, unit_of_action(action))
                if rule is not None:
                    self.table.rules[kind, action] = rule

    def _points(self, name: str, item: Located) -> tuple[tuple[int, Figure], ...]:
        points: list[tuple[int, Figure]] = []
        for size_text, figure_item in self.reader.mapping(item, f"curve {name!r}").items():
            figure = self._figure(figure_item, BYTE)
            try:
                size_bytes = int(parse_quantity(size_text, "size"))
            except ValueError as error:
                self.problems.add(str(error), figure_item.place, found=size_text)
                continue
            if figure is not None and size_bytes > 0 and figure.energy.joules > 0:
                points.append((size_bytes, figure))
            elif figure is not None:
                self.problems.add("a point of a curve has a capacity and an energy above 0", figure_item.place)
        points.sort(key=lambda point: point[0])
        if len(points) < 2 or len({size for size, _ in points}) != len(points):
            self.problems.add(f"curve {name!r} needs two or more different capacities", item.place)
            return ()
        return tuple(points)

    def _figure(self, item: Located, per: str) -> Figure | None:
        figure = self.table.figures.get(item.value) if isinstance(item.value, str) else None
        if figure is None:
            found = str(item.plain())
            names = self.table.figures
            self.problems.add("unknown figure", item.place, found=found, allowed=names, suggest_for=found)
        elif figure.energy.per != per:
            message = f"figure {figure.name!r} is stated per {figure.energy.per}, this action counts {per}s"
            self.problems.add(message, item.place)
            return None
        return figure

    def _rule(self, item: Located, per: str) -> Rule | None:
        if not isinstance(item.value, dict):
            figure = self._figure(item, per)
            return None if figure is None else Sum(((figure, Fraction(1)),))
        present = [form for form in FORMS if form in item.value]
        if len(present) != 1:
            found = ", ".join(present) or ", ".join(item.value) or "nothing"
            self.problems.add("a price has exactly one form", item.place, found=found, allowed=", ".join(FORMS))
            return None
        keys = item.value
        forms: dict[str, tuple[tuple[str, ...], Callable[[Any], Rule | None]]] = {
            "figure": (("figure",), lambda unit: self._rule(keys["figure"], unit)),
            "sum": (("sum",), lambda unit: self._sum(keys["sum"], unit)),
            "curve": (("curve", "over"), lambda unit: self._curve(keys, item)),
            "by": (("by", "choices", "default"), lambda unit: self._choice(keys, item, unit)),
            "zero": (("zero",), lambda unit: Zero(self.reader.text(keys["zero"], ""), unit)),
            "currents": (("currents", "otherwise"), lambda unit: self._currents(keys, item, unit)),
        }
        allowed, build = forms[present[0]]
        self.reader.mapping(item, f"a price of form {present[0]!r}", (*allowed, "note", "confidence"))
        rule = build(per)
        note = self.reader.text(keys.get("note"), "")
        confidence = self.reader.text(keys.get("confidence"), CONFIDENCES[0])
        if rule is None or not self.reader.check_confidence(confidence, keys.get("confidence")):
            return None
        return Qualified(rule, confidence, note) if "note" in keys or "confidence" in keys else rule

    def _sum(self, item: Located, per: str) -> Rule | None:
        terms: list[tuple[Figure, Fraction]] = []
        names = self.reader.mapping(item, "sum")
        for name, times_item in names.items():
            figure = self._figure(Located(name, times_item.place), per)
            times = self.reader.number(times_item)
            if figure is not None and times is not None:
                terms.append((figure, times))
        if not names:
            self.problems.add("a sum needs at least one figure", item.place)
        return Sum(tuple(terms)) if names and len(terms) == len(names) else None

    def _curve(self, keys: dict[str, Located], item: Located) -> Rule | None:
        name, over = self.reader.text(keys["curve"], ""), self.reader.text(keys.get("over"), "")
        if not over:
            self.problems.add("a curve says over which parameter (over: ...)", item.place)
        points = self.table.curves.get(name)
        if points is None:
            self.problems.add(
                "unknown curve", keys["curve"].place, found=name, allowed=self.table.curves, suggest_for=name
            )
        return Curve(name, over, points) if points and over else None

    def _currents(self, keys: dict[str, Located], item: Located, per: str) -> Rule | None:
        part = self.reader.text(keys["currents"], "")
        if part not in NEEDS:
            place = keys["currents"].place
            self.problems.add("unknown part of a device's energy", place, found=part, allowed=NEEDS, suggest_for=part)
        if "otherwise" not in keys:
            self.problems.add("a price from currents says what to do without them (otherwise: ...)", item.place)
            return None
        otherwise = self._rule(keys["otherwise"], per)
        return Currents(part, otherwise) if otherwise is not None and part in NEEDS else None

    def _choice(self, keys: dict[str, Located], item: Located, per: str) -> Rule | None:
        by, choices = self.reader.text(keys["by"], ""), self.reader.mapping(keys.get("choices"), "choices")
        rules = [(name, self._rule(choice, per)) for name, choice in choices.items()]
        found = tuple((name, rule) for name, rule in rules if rule is not None)
        default = self.reader.text(keys.get("default"), "") or None
        if not choices:
            self.problems.add("a choice needs choices", item.place)
        if default is not None and default not in choices:
            place = keys["default"].place
            self.problems.add("unknown default", place, found=default, allowed=choices, suggest_for=default)
        return Choice(by, found, default) if found and len(found) == len(rules) else None
