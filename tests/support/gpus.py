"""Small machines with a roofline engine, alone or beside a core."""

from __future__ import annotations

GPU = """
name: gpu
clocks: {core: 1 GHz}
chip:
  gpu: {kind: roofline, types: {bf16: 2 TFLOP/s, int8: 2 TOP/s}, sustained: 0.5, vector: 1 TFLOP/s}
  hbm: {kind: dram, bandwidth: 100 GB/s, capacity: 1 GiB}
  links:
    - {kind: bus, connects: [gpu, hbm], width: 100 B, clock: core}
"""
BESIDE = """
name: core_and_gpu
clocks: {core: 1 GHz}
chip:
  core:
    mxu: {kind: systolic_array, rows: 16, cols: 16, dataflow: ws, types: {bf16: 1, int8: 1}, clock: core}
    vpu: {kind: vector_unit, lanes: 16, clock: core}
    pad: {kind: scratchpad, capacity: 256 KiB, banks: 16, width: 32 B, resident_share: 1/1000000000, clock: core}
  gpu: {kind: roofline, types: {bf16: 2 TFLOP/s, int8: 2 TOP/s}, vector: 1 TFLOP/s}
  hbm: {kind: dram, bandwidth: 100 GB/s, capacity: 1 GiB}
  links:
    - {kind: bus, connects: [core.pad, gpu, hbm], width: 100 B, clock: core}
"""
