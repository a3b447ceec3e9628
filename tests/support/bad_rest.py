"""Bad reference tables, results, command lines and places to write to. See :mod:`bad_texts` for the form."""

from __future__ import annotations

from bad_models import GOOD
from bad_texts import MACHINE, VECTOR, Bad

COLUMNS = "kind,M,N,K,dataflow,rows,cols,compute_cycles"
RUN = "run f.jsonl -a f.yaml"
FILES: dict[str, str | bytes | None] = {"f.jsonl": GOOD, "f.yaml": MACHINE + VECTOR}


def _table(name: str, text: str | bytes, *said: str) -> Bad:
    return Bad(f"table: {name}", "validate systolic --data t.csv", {"t.csv": text}, said)


TABLES = [
    _table("empty", "", "t.csv", "line of column names"),
    _table("no rows", COLUMNS + "\n", "t.csv", "at least one row"),
    _table("a missing column", COLUMNS.replace("cols", "colls") + "\ngemm,1,2,3,os,4,4,5\n", "t.csv:1:1", "'cols'",
           "found the columns", "did you mean 'colls'"),
    _table("a column twice", COLUMNS + ",M\ngemm,1,2,3,os,4,4,5,1\n", "t.csv:1:46", "twice"),
    _table("a short row", COLUMNS + "\ngemm,1,2\n", "t.csv:2:8", "found 3"),
    _table("an unknown word", COLUMNS + "\ngemm,1,2,3,oss,4,4,5\n", "t.csv:2:12", "did you mean 'os'"),
    _table("zero", COLUMNS + "\ngemm,0,2,3,os,4,4,5\n", "t.csv:2:6", "at least 1"),
    _table("negative", COLUMNS + "\ngemm,1,2,3,os,4,4,-5\n", "t.csv:2:19", "at least 0"),
    _table("a fraction", COLUMNS + "\ngemm,1.5,2,3,os,4,4,5\n", "t.csv:2:6", "whole number"),
    _table("not a number", COLUMNS + ",overall_util_pct\ngemm,1,2,3,os,4,4,5,nan\n", "t.csv:2:21", "found nan"),
    _table("infinite", COLUMNS + ",overall_util_pct\ngemm,1,2,3,os,4,4,5,inf\n", "t.csv:2:21", "found inf"),
    _table("400 digits", COLUMNS + f"\ngemm,{'9' * 400},2,3,os,4,4,5\n", "t.csv:2:6", "whole number"),
    _table("an empty cell", COLUMNS + "\ngemm,,2,3,os,4,4,5\n", "t.csv:2:6", "empty here"),
    _table("not UTF-8", b"\xff\xfea,b\n", "t.csv:1:1", "UTF-8"),
    _table("10000 bad rows", COLUMNS + "\n" + "x\n" * 10_000, "t.csv:2:", "the first 1000 problems"),
    _table("an absurd size", COLUMNS + "\ngemm,1,2,3,os,99999999,4,5\n", "t.csv:2:15", "at most 65536"),
    Bad("table: commands that are no counts", "validate pim_aim_micro --data t.csv",
        {"t.csv": "name,order,cycles,ch0_cmds,ch0_active\nx,,2,MAC16=,\n"}, ("t.csv:2:6", "such as TMOD=1")),
    Bad("table: an absurd number of requests", "validate dram --data t.csv",
        {"t.csv": "config,address_mapping,channels,pattern,granule_bytes,N,issue_width,gap_cycles,finish_cycles,stat_cycles,"
                  "avg_read_latency_cycles,activates,refreshes\nHBM2_2400,x,1,seq_rd,64,1000000000,1,0,1,1,1,1,1\n"},
        ("at most 10000000",)),
    Bad("table: an absurd network", "validate noc_zero_load --data t.csv",
        {"t.csv": "topology,packet_size,num_vcs,vc_buf_size,routing_delay,vc_alloc_delay,sw_alloc_delay,st_final_delay,"
                  "credit_delay,speculative,use_noc_latency,link_hops,lat_min\nmesh9999x9999,1,1,1,1,1,1,1,1,0,0,1,1\n"},
        ("t.csv:2:1", "unknown network")),
    Bad("table: a folder", "validate systolic --data t.csv", {"t.csv": None}, ("t.csv", "cannot read")),
    Bad("table: not there", "validate systolic --data t.csv", {}, ("t.csv", "cannot read")),
    Bad("table: one too many", "validate systolic --data a.csv --data b.csv", {}, ("--data", "2 files for 1 suites")),
    Bad("suite: unknown, and data", "validate systolc --data a.csv --data b.csv", {},
        ("did you mean 'systolic'", "2 files for 1 suites")),
]  # fmt: skip

RESULTS = [
    Bad("result: an empty folder", "explain .", {}, ("result.json",)),
    Bad("result: not a folder", "explain f", {"f": "x"}, ("result.json",)),
    Bad("result: not JSON", "explain .", {"result.json": "{"}, ("result.json", "not the result")),
    Bad("result: a list", "explain .", {"result.json": "[]"}, ("result.json", "not the result")),
    Bad("result: an empty record", "explain .", {"result.json": '{"record": {}}'}, ("result.json", "not the result")),
    Bad("result: deep", "explain .", {"result.json": "[" * 100_000}, ("result.json", "not the result")),
    Bad("result: not UTF-8", "explain .", {"result.json": b"\xff"}, ("result.json", "not the result")),
    Bad("result: neither of two", "diff a b", {"a": None}, ("a/result.json", "b/result.json")),
    Bad("result: no timeline", "timeline .", {}, ("allowed: a folder written by",)),
]

FLAGS = [
    Bad("flags: all wrong at once", "run NOSUCH -a NOSUCH2 --dataflow foo --set bad --batch x --shape q -o /dev/null/x", {},
        ("NOSUCH;", "NOSUCH2;", "found foo", "found bad", "--batch", "--shape", "/dev/null is not a folder")),
    Bad("flags: all wrong in a comparison", "compare resnet51 -a tpu_v5 -a tpu_v44 --dataflow os,wx --set =3", {},
        ("'resnet50'", "tpu_v5", "tpu_v44", "found wx", "PATH=VALUE")),
    Bad("flags: all wrong in lower", "lower resnet51 --batch 0 -o /dev/null/x", {}, ("'resnet50'", "--batch", "/dev/null")),
    Bad("flags: all wrong in the machine and the trace", RUN, FILES | {"f.jsonl": "x", "f.yaml": "y"},
        ("f.jsonl:1:1", "f.yaml:1:1")),
    Bad("flags: an override and the file", "arch check f.yaml --set a.rws=3", {"f.yaml": MACHINE.replace("dram", "drum")},
        ("--set a.rws=3", "did you mean 'rows'", "did you mean 'dram'")),
    Bad("flags: an unknown option", f"{RUN} --dataflw os", FILES, ("--dataflw", "--dataflow")),
    Bad("flags: an unknown command", "rum f.jsonl", FILES, ("rum",)),
    Bad("flags: no architecture", "run f.jsonl", FILES, ("--arch",)),
    Bad("flags: no model", "run -a f.yaml", FILES, ("MODEL",)),
    Bad("flags: an option without its value", f"{RUN} --set", FILES, ("--set",)),
    Bad("flags: an argument too many", f"{RUN} g.jsonl", FILES, ("g.jsonl",)),
    Bad("flags: an unknown dataflow", f"{RUN} --dataflow auot", FILES, ("--dataflow: ", "did you mean 'auto'")),
    Bad("flags: a dataflow left out", "compare f.jsonl -a f.yaml --dataflow os,", FILES, ("--dataflow: ", "found nothing")),
    Bad("flags: a folder as model and machine", "run d -a d", {"d": None}, 
        ("no model of this name, which is a folder", "no architecture of this")),
    Bad("flags: a machine without a fabric", "network f.yaml --traffic uniform", FILES, ("f.yaml:1:1", "found no links")),
    Bad("set: no value", f"{RUN} --set a.rows", FILES, ("--set", "found a.rows")),
    Bad("set: no path", f"{RUN} --set =4", FILES, ("--set", "found =4")),
    Bad("set: no such path", f"{RUN} --set b.rows=4", FILES, ("--set b.rows=4", "did you mean 'a.rows'")),
    Bad("set: no such key", f"{RUN} --set a.rosw=4", FILES, ("--set a.rosw=4", "did you mean 'rows'")),
    Bad("set: the wrong type", f"{RUN} --set a.rows=many", FILES, ("--set a.rows=many", "rows")),
    Bad("set: zero", f"{RUN} --set a.rows=0", FILES, ("--set a.rows=0", "rows")),
    Bad("set: the wrong unit", f"{RUN} --set p.capacity=1GHz", FILES, ("--set p.capacity=1GHz", "unknown unit 'GHz'")),
    Bad("set: not YAML", f"{RUN} --set a.rows=[", FILES, ("--set a.rows=[",)),
    Bad("set: a tag", f"{RUN} --set a.rows=!!python/name:os.system", FILES, ("--set a.rows=", "tags")),
    Bad("set: not finite", f"{RUN} --set a.rows=.inf", FILES, ("--set a.rows=.inf", "not finite")),
    Bad("set: twice", f"{RUN} --set a.rows=4 --set a.rows=8", FILES, ("a.rows is given twice",)),
    Bad("set: three mistakes", f"{RUN} --set a.rosw=4 --set x --set q.y=1", FILES, ("'rows'", "found x", "--set q.y=1")),
    Bad("batch: zero", "lower f.jsonl --batch 0", FILES, ("--batch", "found 0")),
    Bad("batch: a word", "lower f.jsonl --batch two", FILES, ("--batch", "found two")),
    Bad("batch: absurd", "lower f.jsonl --batch 99999999999", FILES, ("--batch", "99999999999")),
    Bad("batch: a fraction", "lower f.jsonl --batch 1.5", FILES, ("--batch", "found 1.5")),
    Bad("generate: negative", "lower f.jsonl --generate -3", FILES, ("--generate", "-3")),
    Bad("context: zero", "lower f.jsonl --context 0", FILES, ("--context",)),
    Bad("shape: no size", "lower f.jsonl --shape seq", FILES, ("--shape", "found seq")),
    Bad("shape: zero", "lower f.jsonl --shape seq=0", FILES, ("--shape",)),
    Bad("shape: twice", "lower f.jsonl --shape a=1 --shape a=2", FILES, ("--shape", "given twice")),
    Bad("data type: unknown", "lower f.jsonl --weights in4", FILES, ("--weights",)),
    Bad("memory: an unknown device", "memory HBM33", {}, ("did you mean 'HBM",)),
    Bad("memory: an unknown pattern", "memory HBM3_6400 --pattern seq_rdd", {}, ("did you mean 'seq_rd'",)),
    Bad("timeline: an unknown format", "timeline . --format chrom", {}, ("'chrome'",)),
    Bad("explain: an unknown option", "explain . --operatr x", {}, ("--operatr",)),
]  # fmt: skip

OUTPUTS = [
    Bad("output: below a file", f"{RUN} -o f.yaml", FILES, ("f.yaml is not a folder",)),
    Bad("output: deep below a file", f"{RUN} -o f.yaml/a/b", FILES, ("f.yaml is not a folder",)),
    Bad("output: a link to itself", f"{RUN} -o o", FILES | {"o": "@o"}, ("o",)),
    Bad("output: its report is a folder", f"{RUN} -o o", FILES | {"o/report.json": None}, ("o/report.json", "folder")),
    Bad(
        "output: its timeline is a folder",
        f"{RUN} -o o",
        FILES | {"o/timeline.json": None},
        ("o/timeline.json", "folder"),
    ),
    Bad("output: JSON into a folder", f"{RUN} --json o -o q", FILES | {"o": None}, ("o: cannot write", "folder")),
    Bad("output: JSON below a file", f"{RUN} --json f.yaml/x -o q", FILES, ("f.yaml is not a folder",)),
    Bad("output: a trace into a folder", "lower f.jsonl -o o", FILES | {"o": None}, ("o: cannot write",)),
    Bad("output: a comparison below a file", "compare f.jsonl -a f.yaml -o f.yaml", FILES, ("f.yaml is not a folder",)),
    Bad("output: validation into a folder", "validate systolic --json o", {"o": None}, ("o: cannot write",)),
]
