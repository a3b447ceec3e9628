"""How a table entry turns the parameters of a component into a price: a sum, a curve or a choice.

All of them end in *figures*, numbers that a source states. Nothing is guessed: a parameter that an entry needs and the
component does not state is a :class:`Gap`, which the caller reports.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.core.units import format_bytes
from sim.energy.quantity import OPERATION, UnitEnergy
from sim.hardware.memory.bank_energy import NEEDS, currents_missing, part_energy
from sim.hardware.memory.devices import DEVICES
from sim.hardware.memory.devices.device import rated

#: from best to worst. verified: read in the source itself; secondary: read in a third party's quotation; recalled:
#: written from memory of the source; estimate: derived or assumed, as the entry's note says.
CONFIDENCES = ("verified", "secondary", "recalled", "estimate")
SIGNIFICANT_DIGITS = 6

Parameters = Mapping[str, object]


def worst(*confidences: str) -> str:
    """The least trustworthy of ``confidences``."""
    return max(confidences, key=CONFIDENCES.index)


@dataclass(frozen=True)
class Figure:
    """One stated number: ``energy``, where from, how sure, for what (``stated_for``), of table ``origin``."""

    name: str
    energy: UnitEnergy
    source: str
    confidence: str
    note: str = ""
    stated_for: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Price:
    """Energy of one count of an action: exact ``joules`` per ``per``, the ``entry`` that says how, and its standing."""

    joules: Fraction
    per: str
    entry: str
    source: str
    confidence: str
    note: str = ""

    @property
    def joules_per_unit(self) -> float:
        """Joules per operation or per byte, for showing."""
        return float(self.joules)


@dataclass(frozen=True)
class Gap:
    """Why there is no price: what is missing, what would do. ``key``: the component's key that would close it."""

    reason: str
    found: str | None = None
    allowed: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Zero:
    """Priced at nothing, for the stated reason."""

    reason: str
    per: str

    def resolve(self, parameters: Parameters) -> Price | Gap:
        """0 J, marked as an estimate."""
        return Price(Fraction(0), self.per, "0 J", f"not modelled: {self.reason}", "estimate", self.reason)


@dataclass(frozen=True)
class Sum:
    """A weighted sum of figures."""

    terms: tuple[tuple[Figure, Fraction], ...]

    def resolve(self, parameters: Parameters) -> Price | Gap:
        """The sum, as sure as its least sure term; the parameters do not matter."""
        joules = sum((figure.energy.joules * times for figure, times in self.terms), Fraction(0))
        figures = [figure for figure, _ in self.terms]
        plain = len(figures) == 1 and self.terms[0][1] == 1
        entry = figures[0].name if plain else " + ".join(f"{times} x {figure.name}" for figure, times in self.terms)
        notes = (f"stated for {figure.stated_for}" for figure in figures if figure.stated_for)
        note = "; ".join(dict.fromkeys([*notes, *(figure.note for figure in figures if figure.note)]))
        source = "; ".join(dict.fromkeys(figure.source for figure in figures))
        confidence = worst(*(figure.confidence for figure in figures))
        return Price(joules, figures[0].energy.per, entry, source, confidence, note)


@dataclass(frozen=True)
class Curve:
    """A figure per capacity, interpolated on log(capacity)-log(energy) between the stated ``points`` (bytes, figure).

    Beyond the stated capacities the last segment is continued, and the price is then an estimate that says so.
    """

    name: str
    over: str
    points: tuple[tuple[int, Figure], ...]

    def resolve(self, parameters: Parameters) -> Price | Gap:
        """The price at the capacity that parameter ``over`` (bytes) states."""
        found = parameters.get(self.over)
        if isinstance(found, bool) or not isinstance(found, (int, Fraction)) or found <= 0:
            return Gap(f"needs {self.over}, a capacity in bytes greater than 0", repr(found))
        size_bytes = int(found)
        sizes = [size for size, _ in self.points]
        low = max(0, min(sum(size <= size_bytes for size in sizes) - 1, len(sizes) - 2))
        (low_bytes, low_figure), (high_bytes, high_figure) = self.points[low], self.points[low + 1]
        sources = "; ".join(dict.fromkeys((low_figure.source, high_figure.source)))
        outside = not sizes[0] <= size_bytes <= sizes[-1]
        where = "extrapolated from" if outside else "between"
        entry = f"curve {self.name} at {format_bytes(size_bytes)}, {where} {low_figure.name} and {high_figure.name}"
        if size_bytes in (low_bytes, high_bytes):
            figure = low_figure if size_bytes == low_bytes else high_figure
            joules, confidence, note = figure.energy.joules, figure.confidence, "a stated capacity"
        else:
            share = math.log(size_bytes / low_bytes) / math.log(high_bytes / low_bytes)
            joules = _interpolate(low_figure.energy.joules, high_figure.energy.joules, share)
            confidence = "estimate" if outside else worst(low_figure.confidence, high_figure.confidence)
            stated = f"{format_bytes(sizes[0])} to {format_bytes(sizes[-1])}"
            note = f"extrapolated beyond the stated {stated}" if outside else f"interpolated log-log within {stated}"
        return Price(joules, low_figure.energy.per, entry, sources, confidence, note)


def _interpolate(low: Fraction, high: Fraction, share: float) -> Fraction:
    value = float(low) * (float(high) / float(low)) ** share
    return Fraction(f"{value:.{SIGNIFICANT_DIGITS}g}")


@dataclass(frozen=True)
class Choice:
    """One rule per value of a text parameter; a value may carry a suffix: HBM2_2400 is an HBM2."""

    by: str
    choices: tuple[tuple[str, Rule], ...]
    default: str | None = None

    def resolve(self, parameters: Parameters) -> Price | Gap:
        """The price of the chosen rule."""
        found = parameters.get(self.by)
        names = tuple(name for name, _ in self.choices)
        value = self.default if found is None else str(found)
        if value is None:
            return Gap(f"needs {self.by}", "nothing", names, self.by)
        chosen = next((rule for name, rule in self.choices if value == name or value.startswith(f"{name}_")), None)
        if chosen is None:
            return Gap(f"does not know this {self.by}", value, names, self.by)
        price = chosen.resolve(parameters)
        if isinstance(price, Gap):
            return price
        said = f"{self.by} {value}" if found is not None else f"{self.by} {value} (the table's default)"
        return replace(price, entry=f"{price.entry} for {said}")


@dataclass(frozen=True)
class Qualified:
    """A rule with the entry's own note, and a confidence it cannot exceed."""

    rule: Rule
    confidence: str
    note: str

    def resolve(self, parameters: Parameters) -> Price | Gap:
        """The rule's price, with the note in front and the worse confidence."""
        price = self.rule.resolve(parameters)
        if isinstance(price, Gap):
            return price
        note = "; ".join(text for text in (self.note, price.note) if text)
        return replace(price, confidence=worst(price.confidence, self.confidence), note=note)


@dataclass(frozen=True)
class Currents:
    """One command or standby cycle (``part``) from the currents in a DRAM device's row; without them ``otherwise``."""

    part: str
    otherwise: Rule

    def resolve(self, parameters: Parameters) -> Price | Gap:
        """V x mA x ns of the device as the component uses it, or the other rule's price."""
        name, rate = parameters.get("device"), parameters.get("bandwidth")
        base = DEVICES.get(str(name))
        if base is None or currents_missing(base, self.part):
            return self.otherwise.resolve(parameters)
        channels = parameters.get("channels")
        device = rated(
            base, channels if isinstance(channels, int) else None, rate if isinstance(rate, Fraction) else None
        )
        joules = Fraction(f"{part_energy(device, self.part):.{SIGNIFICANT_DIGITS}g}") / 10**12
        entry = f"{self.part} of {base.name} from {', '.join(NEEDS[self.part])}"
        return Price(joules, OPERATION, entry, base.source, "secondary", "current differences as in Micron TN-46-03")


Rule = Zero | Sum | Curve | Choice | Qualified | Currents
