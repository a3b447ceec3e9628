"""The study of switching experts: its figures come out of runs, and the page in docs/ is what the script makes."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study() -> ModuleType:
    file = ROOT / "scripts" / "study_sn40l.py"
    if not file.exists():
        pytest.skip("scripts are not part of the wheel")
    spec = importlib.util.spec_from_file_location("study_sn40l", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_switch_takes_the_bytes_at_the_ddrs_rate_and_repeats_are_free(study: ModuleType) -> None:
    trace, node = study.expert_share(context=128), study.machine()
    found = study.switches(trace, node, [0, 1, 0])
    assert len(found.copy_ps) == 2, "the third request finds its expert in HBM"
    form = study.closed_form_ps(found.copy_bytes // 2, node)
    assert found.copy_ps == [pytest.approx(form, rel=0.01)] * 2
    page = (ROOT / "docs" / "studies" / "sn40l.md").read_text(encoding="utf-8")
    assert f"| {found.copy_bytes // 2:,} |" in page and f"simulated | {found.copy_ps[0] / 1e9:.2f} ms" in page


def test_ratios_to_machines_with_a_host_link_are_those_of_the_bandwidths(study: ModuleType) -> None:
    trace = study.expert_share(context=128)
    at = {rate: study.switches(trace, study.machine(Fraction(rate, 8)), [0]).copy_ps[0] for rate in (1000, 64, 32)}
    assert at[64] / at[1000] == pytest.approx(1000 / 64, rel=0.01)
    assert at[32] / at[1000] == pytest.approx(1000 / 32, rel=0.01)
    assert int(at[32] / at[1000]) == 31 and int(at[64] / at[1000]) == 15, "as published"


def test_requests_to_experts_that_do_not_exist_are_refused_all_at_once(study: ModuleType) -> None:
    from sim.core.errors import InputError
    from sim.run.expert_jobs import ExpertRequests

    with pytest.raises(InputError) as caught:
        ExpertRequests(study.expert_share(context=16), 2, [0, 2, 1, -1])
    assert "request 1" in str(caught.value) and "request 3" in str(caught.value)
