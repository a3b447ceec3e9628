"""Bad models: traces, configurations, SCALE-Sim topologies, files of counts. See :mod:`bad_texts` for the form."""

from __future__ import annotations

import json
from typing import Any

from bad_texts import Bad

HEADER = '{"format":"tilesim-trace","version":1,"name":"t"}\n'
X = '{"tensor":"x","role":"activation","dtype":"int8","shape":[2,3]}\n'
W = '{"tensor":"w","role":"weight","dtype":"int8","shape":[3,4]}\n'
Y = '{"tensor":"y","role":"activation","dtype":"int8","shape":[2,4]}\n'
OP = '{"op":"g","kind":"gemm","dims":{"m":2,"n":4,"k":3},"inputs":{"a":["x"],"b":["w"]},"outputs":["y"]}\n'
GOOD = HEADER + X + W + Y + OP


def _trace(name: str, text: str | bytes, *said: str) -> Bad:
    return Bad(f"trace: {name}", "trace check f.jsonl", {"f.jsonl": text}, said)


def _op(old: str, new: str) -> str:
    assert old in OP
    return HEADER + X + W + Y + OP.replace(old, new)


TRACES = [
    _trace("empty", "", "f.jsonl", "empty"),
    _trace("blank lines", "\n\n\n", "f.jsonl", "empty"),
    _trace("binary", bytes(range(256)), "f.jsonl:"),
    _trace("not UTF-8", GOOD.encode() + b'{"tensor":"\xff"}', "f.jsonl:6:12", "byte 0xff"),
    _trace("not JSON", "hello\n", "f.jsonl:1:1", "not JSON"),
    _trace("JSON cut off", GOOD[:-20], "f.jsonl:5:", "not JSON"),
    _trace("a list", "[1]\n", "f.jsonl:1:1", "JSON object"),
    _trace("another format", '{"format":"other"}\n', "f.jsonl:1:2", "found 'other'"),
    _trace("another version", HEADER.replace("1", "7"), "f.jsonl:1:", "version", "allowed: 1"),
    _trace("a version that is true", HEADER.replace("1", "true"), "f.jsonl:1:", "version"),
    _trace("no operators", HEADER + X, "f.jsonl:1:", "no operators"),
    _trace("NaN", _op('"m":2', '"m":NaN'), "f.jsonl:5", "NaN"),
    _trace("a number beyond a double", _op('"m":2', '"m":1e999'), "f.jsonl:5", "1e999"),
    _trace("a number of 5000 digits", _op('"m":2', '"m":' + "9" * 5000), "f.jsonl:5"),
    _trace("a key twice", _op('"m":2', '"m":2,"m":2'), "f.jsonl:5:39", "'m' is given twice"),
    _trace("an unknown key", _op('"kind"', '"knd"'), "f.jsonl:5:11", "did you mean 'kind'"),
    _trace("an unknown kind", _op("gemm", "gem"), "f.jsonl:5:11", "did you mean 'gemm'"),
    _trace("an unknown dimension", _op('"k":3', '"k":3,"q":1'), "f.jsonl:5:", "no such dimension"),
    _trace("a missing dimension", _op(',"k":3', ""), "f.jsonl:5:", "missing: k"),
    _trace("a dimension of zero", _op('"m":2', '"m":0'), "f.jsonl:5:33", "at least 1"),
    _trace("a negative dimension", _op('"m":2', '"m":-2'), "f.jsonl:5:33", "at least 1"),
    _trace("half a dimension", _op('"m":2', '"m":2.5'), "f.jsonl:5:33", "whole number"),
    _trace("an absurd dimension", _op('"m":2', '"m":99999999999999'), "f.jsonl:5:33", "absurdly large"),
    _trace("a sum of nothing", _op('"m":2', '"m":"2 +"'), "f.jsonl:5:33"),
    _trace("an index of no loop", _op('"m":2', '"m":"2 + step"'), "f.jsonl:5:33", "'step' is not the index"),
    _trace("a dimension 900 lists deep", _op('"m":2', '"m":' + "[" * 900 + "]" * 900), "f.jsonl:5", "levels deep"),
    _trace("brackets 100000 deep", HEADER + "[" * 100_000, "f.jsonl:2", "nested too deeply"),
    _trace("an unknown port", _op('"b"', '"bb"'), "f.jsonl:5:", "did you mean 'b'"),
    _trace("an undeclared tensor", _op('["x"]', '["xx"]'), "f.jsonl:5:", "did you mean 'x'"),
    _trace("sizes that do not fit", _op('"n":4', '"n":5'), "f.jsonl:5:", "the dimensions need 15"),
    _trace("an unknown attribute", _op(',"outputs"', ',"attributes":{"sparsty":"2:4"},"outputs"'), "'sparsity'"),
    _trace("a tensor twice", HEADER + X + X + W + Y + OP, "f.jsonl:3:2", "already declared"),
    _trace("an operator twice", GOOD + OP, "f.jsonl:6:2", "already defined"),
    _trace("an unknown role", GOOD.replace("weight", "wieght"), "f.jsonl:3:", "did you mean 'weight'"),
    _trace("an unknown data type", GOOD.replace("int8", "itn8", 1), "f.jsonl:2:", "did you mean 'int8'"),
    _trace("a shape of zero", GOOD.replace("[2,3]", "[0,3]"), "f.jsonl:2:", "at least 1"),
    _trace("an absurd shape", GOOD.replace("[2,3]", "[1099511627776,1099511627776]"), "f.jsonl:2:", "absurdly large"),
    _trace("an output that nothing makes", GOOD.replace('"name":"t"', '"name":"t","outputs":["yy"]'), "f.jsonl:1:", "'y'"),
    _trace("a cycle", HEADER + X + W + Y + OP.replace('"x"', '"y"'), "f.jsonl:5:"),
    _trace("a block left open", GOOD + '{"repeat":"i","count":2}\n', "f.jsonl:6:1", "not closed"),
    _trace("the end of no block", GOOD + '{"end":"i"}\n', "f.jsonl:6:2", "none is open"),
    _trace("a block of zero iterations", GOOD + '{"repeat":"i","count":0}\n{"end":"i"}\n', "f.jsonl:6:", "not a count"),
    _trace("an absurd count", GOOD + '{"repeat":"i","count":99999999999}\n{"end":"i"}\n', "f.jsonl:6:", "not a count"),
    _trace("a name of 2000 characters", GOOD + OP.replace('"g"', '"' + "g" * 2000 + '"'), "f.jsonl:6:2", "1000 printable"),
    _trace("a name with a line end", GOOD + OP.replace('"g"', '"g\\n"'), "f.jsonl:6:2", "printable"),
    _trace("half a character", GOOD + OP.replace('"g"', '"\\ud800"'), "f.jsonl:6:2", "surrogate"),
    _trace("a line of 300000 keys", HEADER + "{" + ",".join(f'"k{i}":1' for i in range(300_000)) + "}", "f.jsonl:2:1"),
    _trace("a line of 3 million numbers", HEADER + '{"op":"a","op":"b","dims":[' + "0," * 3_000_000 + "0]}", "f.jsonl:2:11"),
    _trace("20000 bad lines", HEADER + "x\n" * 20_000, "f.jsonl:1001:1", "the first 1000 problems"),
    _trace("too many lines", "\n" * 1_000_001, "too many lines"),
    Bad("trace: a folder", "trace check f.jsonl", {"f.jsonl": None}, ("f.jsonl",)),
    Bad("trace: a link to itself", "trace check f.jsonl", {"f.jsonl": "@f.jsonl"}, ("f.jsonl",)),
    Bad("trace: an option it cannot use", "lower f.jsonl --batch 2", {"f.jsonl": GOOD}, ("f.jsonl", "--batch")),
    Bad("trace: a suffix nobody reads", "lower f.tflite", {"f.tflite": "x"}, ("no frontend", "ONNX")),
    Bad("trace: not there", "lower resnet51", {}, ("did you mean 'resnet50'",)),
]  # fmt: skip

GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 128, "vocab_size": 100}
MOE = {
    "model_type": "mixtral", "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2, "vocab_size": 100,
    "max_position_embeddings": 128, "hidden_act": "silu",
}  # fmt: skip


def _config(name: str, change: dict[str, Any] | str | bytes, *said: str, options: str = "") -> Bad:
    text = change if isinstance(change, (str, bytes)) else json.dumps(GPT2 | change, indent=0)
    return Bad(f"config: {name}", f"lower f.json --prompt 8 {options}".strip(), {"f.json": text}, said)


def _moe(name: str, change: dict[str, Any], *said: str, counts: str | bytes | None = "") -> Bad:
    files: dict[str, str | bytes | None] = {"f.json": json.dumps(MOE | change, indent=0)}
    extra = ""
    if counts != "":
        files["e.txt"], extra = counts, " --experts e.txt"
    return Bad(f"experts: {name}", f"lower f.json --prompt 8{extra}", files, said)


CONFIGS = [
    _config("empty", "", "f.json:1:1", "not JSON"),
    _config("a list", "[]", "f.json:1:1", "JSON object; found []"),
    _config("binary", b"\x89PNG\r\n\x1a\n", "f.json:1:1"),
    _config("cut off", '{"model_type": "gpt2", ', "f.json:1:"),
    _config("no model type", '{"n_embd": 64}', "f.json", "'model_type' is missing"),
    _config("an unknown model type", {"model_type": "gtp2"}, "f.json:2:1", "did you mean 'gpt2'"),
    _config("a model type that is a number", {"model_type": 3}, "f.json:2:1"),
    _config("a model type 990 lists deep", '{"model_type":' + "[" * 900 + "]" * 900 + "}", "levels deep"),
    _config("a key twice", '{"model_type":"gpt2","n_embd":4,\n"n_embd":4}', "f.json:2:1", "given twice"),
    _config("a missing key", {"n_head": None}, "n_head"),
    _config("heads that do not divide", {"n_head": 5}, "f.json:4:1", "not divisible"),
    _config("zero heads", {"n_head": 0}, "f.json:4:1"),
    _config("negative layers", {"n_layer": -1}, "f.json:5:1"),
    _config("absurdly many layers", {"n_layer": 10**9}, "f.json:5:1", "at most 10000"),
    _config("an absurd width", {"n_embd": 10**30}, "f.json:3:1"),
    _config("a text for a size", {"n_embd": "64"}, "f.json:3:1"),
    _config("half a size", {"n_embd": 64.5}, "f.json:3:1"),
    _config("a truth value for a size", {"n_embd": True}, "f.json:3:1"),
    _config("a number beyond a double", '{"model_type":"gpt2","n_embd":1e999}', "1e999"),
    _config("Infinity", '{"model_type":"gpt2","n_embd":Infinity}', "Infinity"),
    _config("an unknown activation", {"activation_function": "gleu"}, "f.json:8:1", "did you mean"),
    _config("a flag that is none", {"tie_word_embeddings": "yes"}, "f.json:8:1", "true or false"),
    _config("what is not modelled", {"add_cross_attention": True}, "f.json:8:1", "not modelled"),
    _config("an unknown phase", {}, "--phase", "did you mean 'decode'", options="--phase decod"),
    _config("a prompt in decode", {}, "--prompt", options="--phase decode"),
    _config("generate without steps", {}, "--generate", options="--phase generate"),
    _config("an unknown data type", {}, "--dtype", options="--dtype bf61"),
    _config("a shape", {}, "--shape", options="--shape seq=4"),
    _config("experts of a dense model", {}, "--experts", options="--experts f.json"),
    _config("too many numbers", '{"model_type":"gpt2","a":1,"a":2,"b":[' + "0," * 2_000_000 + "0]}", "given twice"),
    _config("too large", b" " * 10_000_001, "too large"),
    Bad("config: a folder", "lower f.json", {"f.json": None}, ("f.json",)),
    _moe("more per token than there are", {"num_experts_per_tok": 9}, "f.json:9:1", "at most 4"),
    _moe("key/value heads that do not divide", {"num_key_value_heads": 3}, "f.json", "divisible"),
    _moe("too few counts", {}, "e.txt", "found 3", counts="1 2 3"),
    _moe("a word", {}, "e.txt:2:3", "found x", counts="1 2\n3 x"),
    _moe("negative", {}, "e.txt:1:3", "found -2", counts="1 -2 3 4"),
    _moe("all zero", {}, "e.txt", "at least 2 experts", counts="0 0 0 0"),
    _moe("empty", {}, "e.txt", "no numbers", counts="# none\n"),
    _moe("binary", {}, "e.txt:1:1", "UTF-8", counts=b"\xff\x00"),
    _moe("a folder", {}, "e.txt", "cannot read", counts=None),
    Bad("prompts: not there", "lower f.json --prompt p.txt", {"f.json": json.dumps(GPT2)}, ("p.txt: --prompt: cannot",)),
    Bad("prompts: a fraction", "lower f.json --prompt p.txt", {"f.json": json.dumps(GPT2), "p.txt": "8\n2.5"},
        ("p.txt:2:1", "found 2.5")),
    Bad("prompts: absurd", "lower f.json --prompt p.txt", {"f.json": json.dumps(GPT2), "p.txt": "9" * 99}, ("p.txt:1:1",)),
]  # fmt: skip


def _csv(name: str, text: str | bytes, *said: str, line: str = "lower f.csv") -> Bad:
    return Bad(f"topology: {name}", line, {"f.csv": text}, said)


TOPOLOGIES = [
    _csv("empty", "", "f.csv", "no layers"),
    _csv("no layers", "Layer,M,N,K\n", "f.csv", "no layers"),
    _csv("no header", "a,1,2,3\nb,1,2,3\n", "f.csv:1:1", "header"),
    _csv("too few sizes", "Layer,M,N,K\na,1,2\n", "f.csv:2:1", "found 2"),
    _csv("zero", "Layer,M,N,K\na,0,2,3\n", "f.csv:2:3", "found 0"),
    _csv("negative", "Layer,M,N,K\na,-1,2,3\n", "f.csv:2:3", "found -1"),
    _csv("a word", "Layer,M,N,K\na,1,x,3\n", "f.csv:2:5", "found x"),
    _csv("absurd", "Layer,M,N,K\na,1,2,99999999999999999999\n", "f.csv:2:7"),
    _csv("another script's digits", "Layer,M,N,K\na,1,2,١\n", "f.csv:2:7"),
    _csv("a sparsity above one", "Layer,M,N,K\na,1,2,3,5:4\n", "f.csv:2:9", "0 < N <= M"),
    _csv(
        "a filter larger than the input", "L,h,w,fh,fw,c,n,s\na,4,4,5,4,1,1,1\n", "f.csv:2:7", "larger than the input"
    ),
    _csv("a sparsity of 5000 digits", f"Layer,M,N,K\na,1,2,3,1:{'9' * 5000}\n", "f.csv:2:9", "0 < N <= M"),
    _csv("both kinds", "L\na,1,2,3\nb,4,4,3,3,1,1,1\n", "f.csv", "mixed"),
    _csv("not UTF-8", b"L,M,N,K\n\xff,1,2,3\n", "f.csv:2:1"),
    _csv("a line of a million cells", "L\n" + "1," * 1_000_000, "f.csv:2:1", "absurdly long"),
    _csv("20000 bad lines", "L\n" + "a,1\n" * 20_000, "f.csv:2:1", "the first 1000 problems"),
    _csv("an option it cannot use", "L,M,N,K\na,1,2,3\n", "--batch", line="lower f.csv --batch 2"),
]
