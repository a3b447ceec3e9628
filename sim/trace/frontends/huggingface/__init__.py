"""Hugging Face ``config.json`` -> trace, one file per model family.

A config states sizes, not a graph: the graph of each family is written here, from the published architecture. A new
family of decoders is one small file that reads its keys into a :class:`~.decoder.Decoder`.
"""
