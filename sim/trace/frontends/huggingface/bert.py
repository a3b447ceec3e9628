"""BERT: encoder blocks with the norm after each residual, and a pooler (Devlin et al., arXiv:1810.04805)."""

from __future__ import annotations

from typing import ClassVar

from sim.trace.builder import TraceBuilder, part
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.attention import Attention, AttentionNames
from sim.trace.frontends.huggingface.blocks import PostNorm, write_stack
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import describe_source
from sim.trace.frontends.huggingface.families import Family, families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.gpt2 import equal_heads
from sim.trace.frontends.huggingface.writer import INDEX_DTYPE, BlockWriter
from sim.trace.model import Trace
from sim.trace.options import LowerOptions

NAMES = AttentionNames("query", "key", "value", "attention_output")


@families.register("bert")
class Bert(Family):
    """``model_type: bert``: one pass over whole sequences; there is no cache and no decode phase."""

    options = Family.options | {"prompt"}
    #: Positions of the table that no token uses.
    reserved_positions: ClassVar[int] = 0

    @classmethod
    def lower(cls, config: ModelConfig, options: LowerOptions) -> Trace:
        hidden = config.count("hidden_size")
        heads = equal_heads(config, "num_attention_heads", "hidden_size", hidden)
        config.unsupported(["is_decoder", "add_cross_attention"])
        positions = config.count("max_position_embeddings")
        tables = {
            "word": config.count("vocab_size"), "position": positions, "type": config.count("type_vocab_size", 2),
        }  # fmt: skip
        function = config.choice("hidden_act", ACTIVATIONS, "gelu")
        feed_forward = Plain(hidden, config.count("intermediate_size"), function)
        attention = Attention(hidden, heads, "qkvo", cached=False, names=NAMES)
        block = PostNorm(hidden, "layer_norm", (
            (attention, "attention_residual", "attention_norm"), (feed_forward, "output_residual", "output_norm"),
        ))  # fmt: skip
        layers = config.layers()
        lengths = phases.prompt_lengths(options, config.problems)
        usable = max(1, positions - cls.reserved_positions)
        if max(lengths) > usable:
            message = f"{max(lengths)} tokens are more than the model has positions"
            config.add(message, "max_position_embeddings", allowed=f"at most {usable}")
        config.problems.raise_if_any()
        builder = TraceBuilder(
            config.name,
            description=f"{config.name}, encoder with pooler",
            source=describe_source(config, options),
            dtype=options.dtype,
            weight_dtype=options.weight_dtype,
        )
        writer = BlockWriter(builder, phases.whole(lengths))
        encoded = write_stack(writer, (block,) * layers, _embed(writer, tables, hidden))
        return builder.build([encoded, _pool(writer, encoded, hidden)])


def _embed(writer: BlockWriter, tables: dict[str, int], hidden: int) -> str:
    run = writer.run
    distinct = {"word": run.tokens, "position": run.positions, "type": run.tokens}
    index = {
        name: writer.builder.tensor(f"{name}_ids", (run.tokens,), "index", INDEX_DTYPE) for name in ("word", "type")
    }
    parts = []
    for name, rows in tables.items():
        table = writer.builder.weight(f"embed_{name}.weight", (rows, hidden))
        parts.append(writer.embedding(f"embed_{name}", table, rows, hidden, index.get(name), distinct[name]))
    both = writer.elementwise("embed_add_position", "add", parts[0], run.tokens, hidden, y=parts[1])
    all_three = writer.elementwise("embed_add_type", "add", both, run.tokens, hidden, y=parts[2])
    return writer.norm("layer_norm", "embed_norm", all_three, run.tokens, hidden)


def _pool(writer: BlockWriter, x: str, hidden: int) -> str:
    """The first token of every sequence through a linear layer and tanh."""
    sequences = len(writer.run.requests)
    first = part(x, sequences * hidden)
    pooled = writer.linear("pooler", first, sequences, hidden, hidden, bias=True)
    return writer.elementwise("pooler_tanh", "tanh", pooled, sequences, hidden)
