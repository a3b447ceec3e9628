"""Times tilesim from outside: each case is a fresh process, run several times after one warm-up.

CPU time and peak memory are the operating system's figures for the finished process (``os.wait4``). These numbers show
speed; no test depends on them. Usage: ``scripts/bench [--runs N] [CASE ...]``; ``--list`` names the cases. Long cases
(marked) run once unless ``--runs`` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.executable).parent
CONFIG = "configs/llama2_7b"
CROSSBAR = str(Path(__file__).parent / "bench_crossbar.yaml")
"""``mesh_16core`` without its mesh: the difference is what the routed fabric costs."""
PROBED = ("resnet50", "llama2_7b_decode")
"""Traces on which the cost of probes is measured."""


INSTEAD = {
    "mapping": "the mapper against random mappings (minutes)",
    "memory": "the memory engines, in requests and row runs/s",
    "mesh": "what a routed mesh adds to a layer of Llama-2-7B",
    "network": "the network models, in cycles and packets/s",
    "pim": "a GPT3-7B block at batch 256 on NPU and PIM",
}
"""Benchmarks of their own, each in the file of its name."""


class Case(NamedTuple):
    """A command line (after ``tilesim``), and whether it takes more than a few seconds."""

    arguments: tuple[str, ...]
    long: bool = False


CASES = {
    "help": Case(("--help",)),
    "resnet50_tpu_v4": Case(("run", "resnet50", "-a", "tpu_v4", "--quiet")),
    "resnet50_scalesim_32x32": Case(("run", "resnet50", "-a", "scalesim_32x32", "--quiet")),
    "llama2_7b_decode": Case(("run", "llama2_7b_decode", "-a", "tpu_v4", "--quiet")),
    "llama2_7b_prefill_2048": Case(("run", "llama2_7b_prefill", "-a", "tpu_v4", "--quiet")),
    "llama2_7b_generate_512_16": Case(
        ("run", CONFIG, "-a", "tpu_v4", "--phase", "generate", "--prompt", "512", "--generate", "16", "--quiet")
    ),
    "llama2_7b_generate_512_512": Case(
        ("run", CONFIG, "-a", "tpu_v4", "--phase", "generate", "--prompt", "512", "--generate", "512", "--quiet"),
        long=True,
    ),
    "bert_base": Case(("run", "bert_base", "-a", "tpu_v4", "--quiet")),
    "resnet50_report": Case(("run", "resnet50", "-a", "tpu_v4", "--quiet", "-o", "{folder}/out")),
    "llama2_7b_decode_report": Case(("run", "llama2_7b_decode", "-a", "tpu_v4", "--quiet", "-o", "{folder}/out")),
    "llama2_70b_decode_tp8": Case(
        (
            "run",
            "configs/llama2_70b",
            "-a",
            "h100_dgx",
            "--tp",
            "8",
            "--phase",
            "decode",
            "--context",
            "1024",
            "--quiet",
        )
    ),
    "resnet50_mesh_16core": Case(("run", "resnet50", "-a", "mesh_16core", "--quiet")),
    "llama2_7b_512_mesh_16core": Case(("run", CONFIG, "-a", "mesh_16core", "--prompt", "512", "--quiet"), long=True),
    "llama2_7b_512_crossbar": Case(("run", CONFIG, "-a", CROSSBAR, "--prompt", "512", "--quiet"), long=True),
    "mobilenet_v2_edge_npu": Case(("run", "mobilenet_v2", "-a", "edge_npu", "--quiet")),
}


class Sample(NamedTuple):
    """One finished process."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    tiles: int


def run_once(case: Case, folder: Path) -> Sample:
    """Run a case in a fresh process; the tiles come from the report it writes."""
    report = folder / "report.json"
    arguments = [str(BIN / "tilesim"), *(one.format(folder=folder) for one in case.arguments)]
    if case.arguments[0] == "run":
        arguments += ["--json", str(report)]
    start = os.times().elapsed
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    wall = os.times().elapsed - start
    if os.waitstatus_to_exitcode(status):
        assert process.stderr is not None
        sys.exit(f"{' '.join(arguments)} failed:\n{process.stderr.read().decode()}")
    tiles = json.loads(report.read_text()).get("events", {}).get("tiles", 0) if report.exists() else 0
    return Sample(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, tiles)


def measure(name: str, case: Case, runs: int | None) -> None:
    """Print one row: medians over the runs."""
    with tempfile.TemporaryDirectory() as folder:
        count = runs if runs is not None else (1 if case.long else 5)
        if not case.long:
            run_once(case, Path(folder))
        samples = [run_once(case, Path(folder)) for _ in range(count)]
    cpu = statistics.median(sample.cpu_s for sample in samples)
    wall = statistics.median(sample.wall_s for sample in samples)
    peak = max(sample.peak_mb for sample in samples)
    tiles = samples[0].tiles
    rate = f"{tiles / cpu:10,.0f}" if tiles else f"{'':>10}"
    print(f"{name:28} {cpu:9.2f} {wall:9.2f} {peak:9.0f} {tiles:10,} {rate} {count:5}", flush=True)


PROBES = """
import json, time, timeit, sim
from sim.core.probe import Probe
from sim.report.page.run_page import run_page
from sim.report.simulation import simulate

def seconds(work):
    times = []
    for _ in range({runs}):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return min(times), found

trace, machine = sim.load_trace("{trace}"), sim.load_architecture("tpu_v4")
simulate(trace, machine, timeline=False)
off, _ = seconds(lambda: simulate(trace, machine, timeline=False))
on, result = seconds(lambda: simulate(trace, machine))
page, _ = seconds(lambda: sum(map(len, run_page(result))))
probe = Probe()
look = min(timeit.repeat("probe.listening", globals={{"probe": probe}}, number=10**6, repeat=3)) / 10**6
news = int(result.recorder.slices().merged.sum()) + sum(len(times) for times, _ in result.recorder.level_points().values())
print(json.dumps([off, on, page, look * news]))
"""


def measure_probes(trace: str, runs: int) -> None:
    """Print what recording costs, what asking for listeners costs when there are none, and the page's own time."""
    code = PROBES.format(trace=trace, runs=runs)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    off, on, page, asked = json.loads(done.stdout)
    print(
        f"probes, {trace}: off {off:.3f} s (asking {100 * asked / off:.2f} % of it), "
        f"recording +{100 * (on / off - 1):.1f} %, "
        f"report.html {page:.3f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="cases to run (default: all that are not long)")
    parser.add_argument("--runs", type=int, help="counted runs of each case")
    parser.add_argument("--all", action="store_true", help="long cases too")
    parser.add_argument("--probes", action="store_true", help="what recording costs, too (always without CASE)")
    for name, told in INSTEAD.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"instead: {told}")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name}{'  (long)' if case.long else ''}" for name, case in CASES.items()))
        return
    for name in INSTEAD:
        if getattr(options, name):
            getattr(import_module(f"bench_{name}"), f"bench_{name}")()
            return
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        sys.exit(f"unknown case {', '.join(unknown)}; --list names them")
    names = options.cases or [name for name, case in CASES.items() if options.all or not case.long]
    print(f"{'case':28} {'cpu s':>9} {'wall s':>9} {'peak MB':>9} {'tiles':>10} {'tiles/s':>10} {'runs':>5}")
    for name in names:
        measure(name, CASES[name], options.runs)
    if not options.cases or options.probes:
        for trace in PROBED:
            measure_probes(trace, options.runs or 5)


if __name__ == "__main__":
    main()
