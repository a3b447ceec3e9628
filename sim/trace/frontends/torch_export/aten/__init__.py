"""Translations of ATen operators to ONNX nodes, one file per family; each registers its functions by operator name."""
