"""BERT: encoder blocks with the norm after each residual, and a pooler (Devlin et al., arXiv:1810.04805)."""

from __future__ import annotations

from sim.trace.builder import TraceBuilder, part
from sim.trace.frontends.huggingface import phases
from sim.trace.frontends.huggingface.config import ModelConfig
from sim.trace.frontends.huggingface.decoder import describe_source
from sim.trace.frontends.huggingface.families import Family, families
from sim.trace.frontends.huggingface.feed_forward import ACTIVATIONS, Plain
from sim.trace.frontends.huggingface.writer import INDEX_DTYPE, BlockWriter, Heads
from sim.trace.model import Trace
from sim.trace.options import LowerOptions


@families.register("bert")
class Bert(Family):
    """``model_type: bert``: one pass over whole sequences; there is no cache and no decode phase."""

    options = Family.options | {"prompt"}

    @classmethod
    def lower(cls, config: ModelConfig, options: LowerOptions) -> Trace:
        hidden, heads = config.count("hidden_size"), config.count("num_attention_heads")
        config.divides("num_attention_heads", "hidden_size", heads, hidden)
        config.unsupported(["is_decoder", "add_cross_attention"])
        positions = config.count("max_position_embeddings")
        tables = {
            "word": config.count("vocab_size"), "position": positions, "type": config.count("type_vocab_size", 2),
        }  # fmt: skip
        function = config.choice("hidden_act", ACTIVATIONS, "gelu")
        feed_forward = Plain(hidden, config.count("intermediate_size"), function)
        layers = config.count("num_hidden_layers")
        lengths = phases.prompt_lengths(options, config.problems)
        if max(lengths) > positions:
            message = f"{max(lengths)} tokens are more than the model has positions"
            config.add(message, "max_position_embeddings", allowed=f"at most {positions}")
        config.problems.raise_if_any()
        builder = TraceBuilder(
            config.name,
            description=f"{config.name}, encoder with pooler",
            source=describe_source(config, options),
            dtype=options.dtype,
            weight_dtype=options.weight_dtype,
        )
        writer = BlockWriter(builder, phases.prefill(lengths))
        embedded = _embed(writer, tables, hidden)
        with builder.repeat("layer", layers, "layers", {embedded: "layers.output_norm.out"}):
            _block(writer, embedded, Heads(heads, heads, hidden // heads), feed_forward)
        return builder.build([embedded, _pool(writer, embedded, hidden)])


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


def _block(writer: BlockWriter, x: str, heads: Heads, feed_forward: Plain) -> None:
    rows, hidden = writer.run.tokens, heads.query * heads.width
    q, k, v = (
        writer.linear(f"layers.{name}", x, rows, hidden, hidden, bias=True) for name in ("query", "key", "value")
    )
    attended = writer.attention(heads, q, k, v)
    out = writer.linear("layers.attention_output", attended, rows, hidden, hidden, bias=True)
    added = writer.elementwise("layers.attention_residual", "add", out, rows, hidden, y=x)
    middle = writer.norm("layer_norm", "layers.attention_norm", added, rows, hidden)
    out = feed_forward.write(writer, middle)
    added = writer.elementwise("layers.output_residual", "add", out, rows, hidden, y=middle)
    writer.norm("layer_norm", "layers.output_norm", added, rows, hidden)


def _pool(writer: BlockWriter, x: str, hidden: int) -> str:
    """The first token of every sequence through a linear layer and tanh."""
    sequences = len(writer.run.requests)
    first = part(x, sequences * hidden)
    pooled = writer.linear("pooler", first, sequences, hidden, hidden, bias=True)
    return writer.elementwise("pooler_tanh", "tanh", pooled, sequences, hidden)
