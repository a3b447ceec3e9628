"""A BERT layer as exporters write it: shape arithmetic, decomposed layer norm and GELU, masks, and fused forms.

Expected MACs by hand, for B requests of S tokens, width D, H heads, F in the feed-forward: B*S*D*(4*D + 2*F) for the
projections and 2*B*S*S*D for attention (Vaswani et al. 2017).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from onnx_toys import lowered, node, operators

from sim.trace.model import Trace
from sim.trace.summary import operator_macs

B, S, D, H, F = 2, 16, 64, 4, 256
MACS = B * S * D * (4 * D + 2 * F) + 2 * B * S * S * D
WEIGHTS = {
    "table": (1000, D), "q.weight": (D, D), "k.weight": (D, D), "v.weight": (D, D), "o.weight": (D, D),
    "q.bias": (D,), "k.bias": (D,), "v.bias": (D,), "o.bias": (D,), "up.weight": (D, F), "up.bias": (F,),
    "down.weight": (F, D), "down.bias": (D,), "norm.weight": (D,), "norm.bias": (D,),
}  # fmt: skip


def macs(trace: Trace) -> int:
    return sum(operator_macs(operator, blocks) for operator, blocks in trace.operators())


def _heads(which: str, order: list[int]) -> list[Any]:
    """A projection, its bias, and the reshape to heads by arithmetic on the shape of the input."""
    n = which
    return [
        node("MatMul", f"x {n}.weight", f"{n}0", name=f"{n}_proj"),
        node("Add", f"{n}.bias {n}0", f"{n}1", name=f"{n}_bias"),
        node("Shape", f"{n}1", f"{n}s", name=f"{n}_shape"),
        node("Slice", f"{n}s start two zero", f"{n}d", name=f"{n}_dims"),
        node("Concat", f"{n}d split", f"{n}t", axis=0, name=f"{n}_target"),
        node("Reshape", f"{n}1 {n}t", f"{n}2", name=f"{n}_reshape"),
        node("Transpose", f"{n}2", n, perm=order, name=f"{n}_transpose"),
    ]


def layer() -> list[Any]:
    """Embedding, attention with a mask, output projection, GELU feed-forward and layer norm, all decomposed."""
    return [
        node("Gather", "table ids", "x", name="embed"),
        *_heads("q", [0, 2, 1, 3]),
        *_heads("k", [0, 2, 3, 1]),
        *_heads("v", [0, 2, 1, 3]),
        node("MatMul", "q k", "s0", name="scores"),
        node("Div", "s0 root", "s1", name="scaled"),
        node("Where", "keep_mask s1 low", "s2", name="masked"),
        node("Softmax", "s2", "p", axis=-1, name="softmax"),
        node("MatMul", "p v", "c0", name="values"),
        node("Transpose", "c0", "c1", perm=[0, 2, 1, 3], name="merge"),
        node("Reshape", "c1 merged", "c2", name="merged_heads"),
        node("MatMul", "c2 o.weight", "o0", name="o_proj"),
        node("Add", "o0 o.bias", "o1", name="o_bias"),
        node("Add", "o1 x", "r", name="residual"),
        node("ReduceMean", "r", "m", axes=[-1], name="mean"),
        node("Sub", "r m", "d", name="centre"),
        node("Pow", "d two_f", "d2", name="square"),
        node("ReduceMean", "d2", "var", axes=[-1], name="variance"),
        node("Add", "var epsilon", "ve", name="epsilon_add"),
        node("Sqrt", "ve", "sd", name="deviation"),
        node("Div", "d sd", "n0", name="normalise"),
        node("Mul", "n0 norm.weight", "n1", name="norm_scale"),
        node("Add", "n1 norm.bias", "n", name="norm_shift"),
        node("MatMul", "n up.weight", "u0", name="up"),
        node("Add", "u0 up.bias", "u1", name="up_bias"),
        node("Div", "u1 root2", "g0", name="gelu_div"),
        node("Erf", "g0", "g1", name="gelu_erf"),
        node("Add", "g1 one", "g2", name="gelu_add"),
        node("Mul", "u1 g2", "g3", name="gelu_mul"),
        node("Mul", "g3 half", "g", name="gelu_half"),
        node("MatMul", "g down.weight", "f0", name="down"),
        node("Add", "f0 down.bias", "y", name="down_bias"),
    ]


@pytest.fixture
def decomposed(tmp_path: Path) -> Trace:
    numbers: dict[str, list[int] | float] = {
        "start": [0], "two": [2], "zero": [0], "split": [H, D // H], "merged": [0, 0, D], "root": 4.0, "low": -1e9,
        "two_f": 2.0, "epsilon": 1e-5, "root2": 1.414, "one": 1.0, "half": 0.5,
    }  # fmt: skip
    inputs: dict[str, tuple[int | str, ...]] = {"ids": ("batch", "tokens"), "mask_ids": ("batch", 1, 1, "tokens")}
    nodes = [node("Equal", "mask_ids one_i", "keep_mask", name="mask"), *layer()]
    return lowered(
        tmp_path, nodes, inputs, "y", WEIGHTS, numbers | {"one_i": [1]}, batch=B, shapes={"tokens": S}
    )  # fmt: skip


def test_an_exported_layer_has_the_macs_of_the_formula(decomposed: Trace) -> None:
    assert macs(decomposed) == MACS


def test_biases_fold_and_shapes_vanish(decomposed: Trace) -> None:
    gemms = [operator for operator in operators(decomposed) if operator.kind == "gemm"]
    assert len(gemms) == 8
    assert sum("bias" in dict(operator.inputs) for operator in gemms) == 6
    assert {(o.dims["batch"], o.dims["m"], o.dims["n"], o.dims["k"]) for o in gemms if o.dims["batch"] > 1} == {
        (B * H, S, S, D // H), (B * H, S, D // H, S),
    }  # fmt: skip
    kinds = Counter(operator.kind for operator in operators(decomposed))
    assert (kinds["embedding"], kinds["softmax"], kinds["reduce"], kinds["copy"]) == (1, 1, 2, 1)


def test_weights_are_counted_exactly(decomposed: Trace) -> None:
    found = {t.name: t.shape for t, _ in decomposed.tensors() if t.role == "weight"}
    assert found == WEIGHTS


def test_the_fused_form_has_the_same_macs(tmp_path: Path) -> None:
    def fused(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
        return node(op, inputs, outputs, domain="com.microsoft", **attributes)

    nodes = [
        fused("EmbedLayerNormalization", "ids _ table position.weight _ norm.weight norm.bias", "x", name="embed"),
        fused("Attention", "x qkv.weight qkv.bias", "a", num_heads=H, name="attention"),
        node("MatMul", "a o.weight", "o", name="o_proj"),
        fused("SkipLayerNormalization", "o x norm.weight norm.bias o.bias", "n", name="norm"),
        node("MatMul", "n up.weight", "u", name="up"),
        fused("BiasGelu", "u up.bias", "g", name="gelu"),
        node("MatMul", "g down.weight", "d", name="down"),
        node("Add", "d down.bias", "y", name="down_bias"),
    ]
    names = (
        "table",
        "o.weight",
        "o.bias",
        "up.weight",
        "up.bias",
        "down.weight",
        "down.bias",
        "norm.weight",
        "norm.bias",
    )
    weights = {name: WEIGHTS[name] for name in names}
    weights |= {"qkv.weight": (D, 3 * D), "qkv.bias": (3 * D,), "position.weight": (512, D)}
    # onnxruntime's operators have no shape rules in the onnx package: the lowering states their shapes itself.
    trace = lowered(tmp_path, nodes, {"ids": ("batch", S)}, "y", weights, batch=B)
    assert macs(trace) == MACS
    assert {t.name: t.shape for t, _ in trace.tensors() if t.role == "weight"} == weights


def test_grouped_query_attention_reads_the_past(tmp_path: Path) -> None:
    heads, kv_heads, width, past = 8, 2, 16, 31
    nodes = [
        node("GroupQueryAttention", "q k v past_k past_v", "y new_k new_v", domain="com.microsoft", num_heads=heads,
             kv_num_heads=kv_heads, do_rotary=1),
    ]  # fmt: skip
    cache = (B, kv_heads, past, width)
    inputs: dict[str, tuple[int | str, ...]] = {
        "q": (B, 1, heads * width), "k": (B, 1, kv_heads * width), "v": (B, 1, kv_heads * width),
        "past_k": cache, "past_v": cache,
    }  # fmt: skip
    trace = lowered(tmp_path, nodes, inputs, "y")
    score = next(operator for operator in operators(trace) if operator.kind == "attention_score")
    assert score.dims["requests"] == ((1, past + 1),) * B
    assert macs(trace) == 2 * B * heads * (past + 1) * width
    assert sum(operator.kind == "rotary" for operator in operators(trace)) == 2


def test_the_standard_attention_node(tmp_path: Path) -> None:
    inputs: dict[str, tuple[int | str, ...]] = {"q": (B, H, S, 16), "k": (B, 2, 24, 16), "v": (B, 2, 24, 8)}
    trace = lowered(tmp_path, [node("Attention", "q k v", "y")], inputs, "y", opset=23)
    assert macs(trace) == B * H * S * 24 * (16 + 8)
    assert [operator.kind for operator in operators(trace)] == [
        "attention_score",
        "attention_softmax",
        "attention_value",
    ]
