"""What the ONNX frontend refuses: everything wrong at once, at the file's place, never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from sim.core.errors import InputError
from sim.trace.frontends.onnx_graph import lower_onnx
from sim.trace.options import LowerOptions


def saved(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, list[Any]],
    outputs: list[str],
    opsets: list[Any] | None = None,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    onnx.save_model(helper.make_model(graph, opset_imports=opsets or [helper.make_opsetid("", 17)]), str(path))
    return path


def refused(path: Path, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        lower_onnx(path, LowerOptions(**options))
    for problem in caught.value.problems:
        assert problem.place is not None and problem.place.file == str(path)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x07\x12", bytes(range(256)) * 4])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    assert "not an ONNX model" in refused(path)[0]


def test_a_truncated_real_model(tmp_path: Path) -> None:
    whole = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_squeezenet.onnx"
    path = tmp_path / "half.onnx"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert "truncated" in refused(path)[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "absent.onnx")[0]


def test_an_empty_graph(tmp_path: Path) -> None:
    found = refused(saved(tmp_path / "empty.onnx", [], {"x": [1]}, []))
    assert any("no nodes" in text for text in found) and any("no outputs" in text for text in found)


def test_a_cycle_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["b"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
    ]
    found = refused(saved(tmp_path / "cycle.onnx", nodes, {"x": [1]}, ["b"]))
    assert "cycle" in found[0] and "first, second" in found[0]


def test_missing_values_and_values_made_twice_are_reported_together(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["nowhere"], ["a"], name="one"),
        helper.make_node("Relu", ["x"], ["a"], name="two"),
    ]
    found = refused(saved(tmp_path / "wrong.onnx", nodes, {"x": [2]}, ["a", "ghost"]))
    assert any("'nowhere'" in text for text in found)
    assert any("made twice" in text for text in found)
    assert any("'ghost'" in text for text in found)


def test_all_unsupported_operators_are_listed_with_counts(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["a"], name="find"),
        helper.make_node("STFT", ["x", "x"], ["b"], name="s1"),
        helper.make_node("STFT", ["x", "x"], ["c"], name="s2"),
    ]
    found = refused(saved(tmp_path / "odd.onnx", nodes, {"x": [2, 4]}, ["a", "b", "c"]))
    assert len(found) == 2
    assert "NonZero (once: find)" in found[0]
    assert "STFT (2 times: s1, s2)" in found[1]


def test_allow_unsupported_skips_with_a_note_and_goes_on(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Det", ["x"], ["a"], name="hard"),
        helper.make_node("Relu", ["a"], ["y"], name="after"),
    ]
    trace = lower_onnx(saved(tmp_path / "skip.onnx", nodes, {"x": [4, 4]}, ["y"]), LowerOptions(allow_unsupported=True))
    assert [operator.name for operator, _ in trace.operators()] == ["after"]
    assert any("Det (once: hard)" in note for note in trace.notes)
    assert {tensor.name: tensor.role for tensor, _ in trace.tensors()} == {"a": "activation", "y": "activation"}


@pytest.mark.parametrize("op", ["If", "Loop", "Scan"])
def test_control_flow_is_refused_by_name(tmp_path: Path, op: str) -> None:
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "body", [], [])
    attributes = {"then_branch": body, "else_branch": body} if op == "If" else {"body": body}
    found = refused(saved(tmp_path / "flow.onnx", [helper.make_node(op, ["x"], ["y"], name="n", **attributes)],
                          {"x": [1]}, ["y"]))  # fmt: skip
    assert f"operator {op} (once: n)" in found[0] and "control flow" in found[0]


def test_unknown_dimensions_come_with_the_option_that_fixes_them(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "open.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": ["batch", "tokens", None]}, ["y"]
    )
    found = refused(path)
    assert len(found) == 2
    assert "--shape 'tokens=N'" in found[0] and "--shape 'x[2]=N'" in found[1]
    trace = lower_onnx(path, LowerOptions(shapes={"tokens": 7, "x[2]": 5}))
    assert next(iter(trace.tensors()))[0].shape == (1, 7, 5)


@pytest.mark.parametrize("extent", [0, -3])
def test_zero_and_negative_dimensions(tmp_path: Path, extent: int) -> None:
    path = saved(tmp_path / "zero.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": [1, extent]}, ["y"])
    assert "at least 1" in refused(path)[0] and "--shape 'x[1]=N'" in refused(path)[0]


def test_a_shape_name_that_does_not_exist_gets_the_nearest(tmp_path: Path) -> None:
    path = saved(tmp_path / "near.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": ["tokens"]}, ["y"])
    assert any("did you mean 'tokens'" in text for text in refused(path, shapes={"token": 4}))


def test_an_unknown_domain(tmp_path: Path) -> None:
    node = helper.make_node("Fused", ["x"], ["y"], domain="com.nobody")
    path = saved(tmp_path / "domain.onnx", [node], {"x": [1]}, ["y"],
                 opsets=[helper.make_opsetid("", 17), helper.make_opsetid("com.nobody", 1)])  # fmt: skip
    assert "com.nobody" in refused(path)[0]


def test_text_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.STRING, [2])],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [2])],
    )
    onnx.save_model(helper.make_model(graph), str(path))
    assert "cannot be stored" in refused(path)[0]


def test_external_data_is_not_opened(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 32], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="absent.bin")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="proj")],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 32])],
        [weight],
    )
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(tmp_path / "ext.onnx"))
    trace = lower_onnx(tmp_path / "ext.onnx", LowerOptions(weights="int8"))
    tensors = {tensor.name: (tensor.role, tensor.dtype) for tensor, _ in trace.tensors()}
    assert tensors["w"] == ("weight", "int8") and tensors["x"] == ("activation", "bf16")
