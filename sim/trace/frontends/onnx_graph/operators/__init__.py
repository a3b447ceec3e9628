"""Lowerings of ONNX operators, one file per family; each registers its functions by operator type."""
