"""Chakra execution traces, binary and JSON: work, bytes, dependencies, collectives, and damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chakra_files import STEP, Node, binary, json_parts, node

import sim
from sim.core.errors import InputError
from sim.trace.check import check_trace
from sim.trace.frontends.chakra import gemm_of
from sim.trace.graph import trace_graph
from sim.trace.reader import read_trace
from sim.trace.summary import summarize
from sim.trace.writer import write_trace


def _lowered(folder: Path, nodes: list[Node], **options: Any) -> sim.trace.model.Trace:  # type: ignore[name-defined]
    path = folder / "step.0.et"
    path.write_bytes(binary(nodes))
    return sim.lower(path, **options)


def test_the_reader_agrees_with_protobuf(tmp_path: Path) -> None:
    """The same bytes through google.protobuf, from a descriptor built here."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="et.proto", package="c", syntax="proto3")
    attribute = file.message_type.add(name="Attribute")
    for name, number, kind in (("name", 1, 9), ("int64_val", 9, 3), ("string_val", 29, 9), ("sint64_val", 17, 18)):
        attribute.field.add(name=name, number=number, type=kind, label=1)
    message = file.message_type.add(name="Node")
    for name, number, kind, label in (("id", 1, 4, 1), ("name", 2, 9, 1), ("type", 3, 5, 1), ("data_deps", 5, 4, 3)):
        message.field.add(name=name, number=number, type=kind, label=label)
    message.field.add(name="attr", number=10, type=11, label=3, type_name=".c.Attribute")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("c.Node"))()
    made.id, made.name, made.type = 2**63 + 5, "héllo", 4
    made.data_deps.extend([1, 300, 2**40])
    made.attr.add(name="num_ops", int64_val=2**40)
    made.attr.add(name="negative", sint64_val=-77)
    made.attr.add(name="text", string_val="x")
    data = made.SerializeToString()
    from sim.trace.frontends.chakra.nodes import _node

    found = _node(memoryview(data))
    assert (found.id, found.name, found.kind, found.after) == (2**63 + 5, "héllo", "COMP_NODE", (1, 300, 2**40))
    assert found.attributes == {"num_ops": 2**40, "negative": -77, "text": "x"}


def test_work_and_bytes_are_those_of_the_nodes(tmp_path: Path) -> None:
    trace = _lowered(tmp_path, STEP, shapes={"ranks": 8})
    check_trace(trace)
    products = {op.name: op.dims for op, _ in trace.operators() if op.kind == "gemm"}
    for name, elements in (("n3", 3 * 1024**2), ("n4", 64 * 1024**2)):
        s, k = products[name]["m"], products[name]["k"]
        assert s * s * k == pytest.approx(1024**3, rel=0.002)  # type: ignore[operator]
        assert 2 * s * k + s * s == pytest.approx(elements, rel=0.03)  # type: ignore[operator]
    collectives = {op.name: op for op, _ in trace.operators() if op.kind == "collective"}
    assert dict(collectives["n5"].dims) == {"elements": 1 << 19, "ranks": 8}
    assert dict(collectives["n7"].dims) == {"elements": 4 << 19, "ranks": 4}
    assert [collectives[name].attributes["function"] for name in ("n5", "n7")] == ["all_reduce", "all_gather"]
    assert any("1 of COMM_COLL_NODE" in note for note in trace.notes)


def test_dependencies_are_kept_through_what_is_left_out(tmp_path: Path) -> None:
    graph = trace_graph(_lowered(tmp_path, STEP, shapes={"ranks": 8}))
    assert list(graph.edges) == [("n2", "n3"), ("n3", "n4"), ("n4", "n5"), ("n5", "n7")]


def test_json_is_the_same_trace(tmp_path: Path) -> None:
    path = tmp_path / "step.0.et.json"
    path.write_text("\n".join(json.dumps(part, indent=2) for part in json_parts(STEP)))
    assert sim.lower(path, shapes={"ranks": 8}).items == _lowered(tmp_path, STEP, shapes={"ranks": 8}).items


def test_round_trip_and_run(tmp_path: Path) -> None:
    trace = _lowered(tmp_path, [*STEP[:4], node(5, "MEM_STORE_NODE", (4,), tensor_size=1 << 20)])
    write_trace(trace, tmp_path / "trace.jsonl")
    assert read_trace(tmp_path / "trace.jsonl") == trace
    result = sim.simulate(trace, sim.load_architecture("tpu_v4"))
    assert result.macs_executed == summarize(trace).macs


@pytest.mark.parametrize(("macs", "elements"), [(1, 1), (10, 10**6), (10**9, 1), (10**12, 3 * 10**8), (10**6, 10**9)])
def test_a_product_of_given_work(macs: int, elements: int) -> None:
    s, k = gemm_of(macs, elements)
    assert s * s * k == pytest.approx(macs, rel=0.2 if macs < 100 else 0.006)
    if 3 * macs ** (2 / 3) > elements:
        assert abs(s - k) <= 2 + 0.01 * s, "more work than so few elements can give: the cube"


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([node(1, "COMP_NODE", num_ops=4), node(1, "COMP_NODE", num_ops=4)], "given twice"),
        ([node(1, "COMP_NODE", (9,), num_ops=4)], "not there"),
        ([node(1, "COMP_NODE", (2,), num_ops=4), node(2, "COMP_NODE", (1,), num_ops=4)], "cycle"),
        ([node(1, "COMM_COLL_NODE", comm_type=0, comm_size=4)], "--shape ranks=N"),
        ([node(1, "COMM_COLL_NODE", comm_type=77, comm_size=4)], "not known"),
        ([node(1, "METADATA_NODE")], "nothing is left"),
        ([node(1, "COMP_NODE", num_ops=2**62)], "absurdly"),
        # Found by fuzzing: something that depends on a refused node.
        ([node(1, "COMM_COLL_NODE", comm_type=77, comm_size=4), node(2, "COMP_NODE", (1,), num_ops=4)], "not known"),
        ([], "no nodes"),
    ],
)
def test_bad_traces_are_refused(tmp_path: Path, nodes: list[Node], said: str) -> None:
    with pytest.raises(InputError, match=said):
        _lowered(tmp_path, nodes)


@pytest.mark.parametrize("cut", [1, 3, 40, 90])
def test_truncated_files_are_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "bad.et").write_bytes(binary(STEP)[:-cut])
    with pytest.raises(InputError, match=r"not a Chakra|nothing is left|not there"):
        sim.lower(tmp_path / "bad.et")
