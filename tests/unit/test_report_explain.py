"""explain: what it prints follows from the folder alone and adds up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_toys import toy_result

from sim.core.errors import InputError
from sim.report.explain import explain_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    toy_result().save(tmp_path)
    return tmp_path


def test_the_slowest_operator_is_explained_by_default(folder: Path) -> None:
    text = "\n".join(explain_run(folder, []))
    slowest = max(toy_result().record.operators, key=lambda one: one.active_ps)
    assert text.startswith(f"{slowest.name}: {slowest.kind}")
    for word in ("mapping", "candidates", "folds", "<- bound", "<- next bound", "stalls", "bytes moved", "energy"):
        assert word in text


def test_the_prediction_printed_is_the_arithmetic_shown(folder: Path) -> None:
    text = "\n".join(explain_run(folder, ["layer.up"]))
    found = re.search(r"= max\((\d+) \+ (\d+), \w+ (\d+) \+ (\d+)\) \+ (\d+) \+ (\d+) = (\d+) ps", text)
    assert found is not None
    compute, first, path, last, tail, store, predicted = map(int, found.groups())
    assert max(compute + first, path + last) + tail + store == predicted


@pytest.mark.parametrize("name", ["layer.up", "layer.down"])
def test_the_fold_formula_printed_evaluates_to_the_cycles_printed(folder: Path, name: str) -> None:
    text = "\n".join(explain_run(folder, [name]))
    found = re.search(r"cycles = .* = (\d+ \+ .*)\n\s+= (\d+) cycles", text)
    assert found is not None
    assert eval(found.group(1), {"max": max}) == int(found.group(2))


def test_energy_printed_is_the_operators_energy(folder: Path) -> None:
    text = "\n".join(explain_run(folder, ["layer.down"]))
    rows = re.findall(r": ([\d,]+) x ([\d.]+) (\w?)J/\w+ = ", text)
    scale = {"": 1.0, "n": 1e-9, "p": 1e-12, "f": 1e-15}
    total = sum(int(count.replace(",", "")) * float(price) * scale[prefix] for count, price, prefix in rows)
    assert total == pytest.approx(toy_result().operators[2]["energy_j"], rel=0.01)


def test_unknown_operators_are_all_told_with_the_nearest_name(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(explain_run(folder, ["layer.upp", "nothing"]))
    assert [problem.found for problem in caught.value.problems] == ["layer.upp", "nothing"]
    assert caught.value.problems[0].nearest == "layer.up"
