"""explain on every operator of ResNet-50: each formula it prints, computed again from the printed text, gives the number
printed behind it."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from functools import cache
from math import ceil, floor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import sim
from sim.core.units import format_si
from sim.report.explain import explain_run
from sim.report.result import Result

OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip
SCALE = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}


def value(text: str) -> Any:
    """The value of an arithmetic expression; ceil, floor and max are the only functions."""
    functions: dict[str, Any] = {"ceil": ceil, "floor": floor, "max": max}

    def of(node: Any) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Div):
                whole, rest = divmod(of(node.left), of(node.right))
                return whole if rest == 0 else of(node.left) / of(node.right)
            return OPERATIONS[type(node.op)](of(node.left), of(node.right))
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name), text
        return functions[node.func.id](*(of(one) for one in node.args))

    return of(ast.parse(text, mode="eval").body)


@cache
def run() -> tuple[Result, dict[str, str]]:
    """The run, and what explain says of each of its operators."""
    result = sim.simulate(sim.load_trace("resnet50"), sim.load_architecture("tpu_v4"))
    with TemporaryDirectory() as folder:
        result.save(folder)
        names = [one.name for one in result.record.operators]
        texts = "\n".join(explain_run(Path(folder), names)).split("\n\n")
    return result, dict(zip(names, texts, strict=False))


def explained() -> list[tuple[Any, dict[str, Any], str]]:
    """(record, report row, text) of each operator."""
    result, texts = run()
    assert len(texts) == len(result.operators)
    return [(one, row, texts[one.name]) for one, row in zip(result.record.operators, result.operators, strict=True)]


def test_every_prediction() -> None:
    count = 0
    for one, _, text in explained():
        found = re.findall(r"^ +(?:=) (max\(.*\).*) = (\d+) ps$", text, re.M)
        assert len(found) == len(one.mapping), one.name
        for (formula, printed), choice in zip(found, one.mapping, strict=True):
            assert value(re.sub(r"(memory|scratchpad|vector) ", "", formula)) == int(printed) == choice["predicted_ps"]
            count += 1
    assert count >= 54


def test_every_count_of_folds_and_cycles() -> None:
    count = 0
    for one, _, text in explained():
        folds = re.findall(r"folds = b \* .*? = (.*) = (\d+), T", text)
        cycles = re.findall(r"cycles = .* = (\d+ .*)\n +(?:=) (\d+) cycles", text)
        arrays = sum(choice["engine"] == "array" for choice in one.mapping)
        assert len(folds) == len(cycles) == arrays, one.name
        for formula, printed in [*folds, *cycles]:
            assert value(formula) == int(printed), one.name
            count += 1
    assert count >= 100


def test_every_demand_of_a_memory_and_the_bound() -> None:
    for one, row, text in explained():
        demands = dict(re.findall(r"^    (chip\S+) +\S+ \S+ \((\d+) ps\)", text.partition("  stalls")[0], re.M))
        assert {path: int(duration) for path, duration in demands.items()} == one.demand_ps
        for formula, printed in re.findall(r"(floor\(.*\)) = (\d+) ps", text):
            assert value(re.sub(r" B(/s)?", "", formula)) == int(printed), one.name
        assert text.count("floor(") + text.count("busy time of its busiest lane") == len(demands), one.name
        if one.region == one.name and demands:
            assert re.search(rf"{re.escape(row['bound_by'])} .*<- bound", text), one.name


def test_every_energy_is_counts_times_prices() -> None:
    for one, row, text in explained():
        parts = re.findall(r": ([\d,]+) x ([\d.]+) (\w?)J/\w+ = ([\d.]+) (\w?)J", text)
        total = 0.0
        for count, price, prefix, joules, scale in parts:
            product = int(count.replace(",", "")) * float(price) * SCALE[prefix]
            assert product == pytest.approx(float(joules) * SCALE[scale], rel=0.011), one.name
            total += product
        assert total == pytest.approx(row["energy_j"], rel=0.01), one.name
        if parts:
            assert f"energy {format_si(row['energy_j'], 'J', 4)} = sum" in text, one.name


def test_times_stalls_and_bytes_are_those_of_the_record() -> None:
    result, _ = run()
    for number, (one, row, text) in enumerate(explained()):
        assert f"({one.active_ps} ps) in {one.count} executions" in text
        printed = sum(map(int, re.findall(r"\((\d+) ps\) over \d+ lanes", text)))
        lanes = [lane for component in result.record.components for lane in component.lanes]
        assert printed == sum(sum(lane.stall_by.get(number, {}).values()) for lane in lanes), one.name
        for tier, moved in row["bytes"].items():
            assert re.search(rf"{re.escape(tier)} +{moved['read']:,} read, {moved['written']:,} written", text), (
                one.name
            )


def test_alternatives_cost_what_is_said_and_are_no_better() -> None:
    shown = 0
    for one, _, text in explained():
        for choice in one.mapping:
            for other in choice["alternatives"]:
                assert f"{other['predicted_ps']} ps, " in text, one.name
                assert other["predicted_ps"] >= choice["best_ps"]
                shown += 1
    assert shown > 100
