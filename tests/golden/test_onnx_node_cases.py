"""Every node case that the onnx package brings for backends: lowered or refused with reasons, never a traceback."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import onnx
import pytest

from sim.core.errors import InputError
from sim.trace.frontends.onnx_graph import lower_onnx


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_node_cases_lower_or_are_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = [case for case in collect_testcases(None) if case.model is not None]
    path, outcome = tmp_path / "case.onnx", Counter[str]()
    for case in cases:
        onnx.save_model(case.model, str(path))
        try:
            trace = lower_onnx(path)
            outcome["lowered"] += 1
            assert trace.items, case.name
        except InputError as error:
            outcome["refused"] += 1
            assert all(problem.place and problem.message for problem in error.problems), case.name
    # Refused are mostly cases whose axes or shapes are graph inputs, text, sequences, losses and random numbers.
    assert outcome["lowered"] > outcome["refused"] > 0
