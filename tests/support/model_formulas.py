"""Closed forms of parameters, MACs and cache of public models, written from the papers.

They know nothing of the frontend: they are sums over the matrices and vectors that each architecture is said to have,
in terms of the keys of a config. MACs are those of one decoded token that attends to n tokens, its own included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Config = dict[str, Any]

#: Source tokens of T5's requests.
SOURCE = 20


def gqa(c: Config) -> tuple[int, int]:
    """Widths of all queries and of all keys."""
    width = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    return c["num_attention_heads"] * width, c.get("num_key_value_heads", c["num_attention_heads"]) * width


def sizes(c: Config) -> tuple[int, int, int, int]:
    """Hidden size, inner size, layers, vocabulary."""
    return c["hidden_size"], c.get("intermediate_size", 4 * c["hidden_size"]), c["num_hidden_layers"], c["vocab_size"]


def attention_matrices(c: Config) -> int:
    """Query, key, value and output projections of a layer."""
    q, kv = gqa(c)
    return int(c["hidden_size"] * (2 * q + 2 * kv))


def seen(c: Config, n: int, sliding_layers: int) -> int:
    """Tokens attended to, summed over layers."""
    layers = c["num_hidden_layers"]
    return (layers - sliding_layers) * n + sliding_layers * min(n, c.get("sliding_window") or n)


def gated_parameters(extra_per_layer: Callable[[Config], int], tied: bool, norms: int = 2) -> Callable[[Config], int]:
    """Llama-like: projections, three feed-forward matrices, ``norms`` vectors and extras a layer; embedding and head."""

    def count(c: Config) -> int:
        h, i, layers, v = sizes(c)
        layer = attention_matrices(c) + 3 * h * i + norms * h + extra_per_layer(c)
        return layers * layer + (1 if tied else 2) * v * h + h

    return count


def gated_macs(sliding_layers: Callable[[Config], int]) -> Callable[[Config, int], int]:
    """Each matrix once, scores and values over what each layer sees, and the head."""

    def count(c: Config, n: int) -> int:
        h, i, layers, v = sizes(c)
        return layers * (attention_matrices(c) + 3 * h * i) + 2 * gqa(c)[0] * seen(c, n, sliding_layers(c)) + v * h

    return count


def kv(sliding_layers: Callable[[Config], int]) -> Callable[[Config, int], int]:
    """Keys and values of what each layer sees."""
    return lambda c, n: 2 * gqa(c)[1] * seen(c, n, sliding_layers(c))


def no_layers(c: Config) -> int:
    return 0


def all_layers(c: Config) -> int:
    return int(c["num_hidden_layers"])


def half_the_layers(c: Config) -> int:
    """Every other layer, the first included."""
    return int(c["num_hidden_layers"] + 1) // 2


def five_of_six(c: Config) -> int:
    return int(c["num_hidden_layers"] - c["num_hidden_layers"] // 6)


def nothing(c: Config) -> int:
    return 0


def qkv_bias(c: Config) -> int:
    return gqa(c)[0] + 2 * gqa(c)[1]


def head_norms(c: Config) -> int:
    return int(2 * c["head_dim"])


def dense(hidden: int, inner: int, layers: int, vocabulary: int, vectors: int, extra: int) -> int:
    """GPT-like: four projections of hidden x hidden, two matrices; ``vectors`` elements a layer; ``extra`` outside."""
    return layers * (4 * hidden**2 + 2 * hidden * inner + vectors) + vocabulary * hidden + extra


def dense_macs(hidden: int, inner: int, layers: int, vocabulary: int, n: int) -> int:
    return layers * (4 * hidden**2 + 2 * hidden * inner + 2 * n * hidden) + vocabulary * hidden


def opt_parameters(c: Config) -> int:
    h, i = c["hidden_size"], c["ffn_dim"]
    positions = (c["max_position_embeddings"] + 2) * h
    return dense(h, i, c["num_hidden_layers"], c["vocab_size"], 9 * h + i, positions + 2 * h)


def opt_macs(c: Config, n: int) -> int:
    return dense_macs(c["hidden_size"], c["ffn_dim"], c["num_hidden_layers"], c["vocab_size"], n)


def full_kv(hidden: str, layers: str) -> Callable[[Config, int], int]:
    """Keys and values as wide as the model."""
    return lambda c, n: int(2 * n * c[hidden] * c[layers])


def bloom_parameters(c: Config) -> int:
    h = c["hidden_size"]
    return dense(h, 4 * h, c["n_layer"], c["vocab_size"], 13 * h, 4 * h)


def bloom_macs(c: Config, n: int) -> int:
    return dense_macs(c["hidden_size"], 4 * c["hidden_size"], c["n_layer"], c["vocab_size"], n)


def falcon_widths(c: Config) -> tuple[int, int]:
    width = c["hidden_size"] // c["num_attention_heads"]
    return width, width * (c["num_kv_heads"] if c["new_decoder_architecture"] else 1)


def falcon_layer(c: Config) -> int:
    h = c["hidden_size"]
    return int(h * (2 * h + 2 * falcon_widths(c)[1]) + 8 * h**2)


def falcon_parameters(c: Config) -> int:
    h, norms = c["hidden_size"], 2 if c["new_decoder_architecture"] else 1
    return int(c["num_hidden_layers"] * (falcon_layer(c) + norms * 2 * h) + c["vocab_size"] * h + 2 * h)


def falcon_macs(c: Config, n: int) -> int:
    h = c["hidden_size"]
    return int(c["num_hidden_layers"] * (falcon_layer(c) + 2 * n * h) + c["vocab_size"] * h)


def falcon_kv(c: Config, n: int) -> int:
    return int(2 * n * falcon_widths(c)[1] * c["num_hidden_layers"])


def gptj_parameters(c: Config) -> int:
    h, v = c["n_embd"], c["vocab_size"]
    return dense(h, 4 * h, c["n_layer"], v, 7 * h, v * h + v + 2 * h)


def gptj_macs(c: Config, n: int) -> int:
    return dense_macs(c["n_embd"], 4 * c["n_embd"], c["n_layer"], c["vocab_size"], n)


def neox_parameters(c: Config) -> int:
    h, i, layers, v = sizes(c)
    return dense(h, i, layers, v, 4 * h + i + h + 4 * h, v * h + 2 * h)


def phi_parameters(c: Config) -> int:
    h, i, layers, v = sizes(c)
    return dense(h, i, layers, v, 4 * h + i + h + 2 * h, v * h + v + 2 * h)


def parallel_macs(c: Config, n: int) -> int:
    return dense_macs(*sizes(c), n)


def bert_parameters(c: Config) -> int:
    h, i, layers, v = sizes(c)
    tables = (c["max_position_embeddings"] + c["type_vocab_size"]) * h
    return dense(h, i, layers, v, 9 * h + i, tables + 2 * h + h**2 + h)


def gpt2_parameters(c: Config) -> int:
    h = c["n_embd"]
    return dense(h, 4 * h, c["n_layer"], c["vocab_size"], 13 * h, c["n_positions"] * h + 2 * h)


def vit_parameters(c: Config) -> int:
    h, i, patch = c["hidden_size"], c["intermediate_size"], c["patch_size"]
    tokens = (c["image_size"] // patch) ** 2 + 1
    outside = (c["num_channels"] * patch**2 + 1) * h + h + tokens * h + 2 * h + c["num_labels"]
    return dense(h, i, c["num_hidden_layers"], c["num_labels"], 9 * h + i, outside)


def expert_sizes(c: Config) -> tuple[int, int, int]:
    """(experts, of which a token uses, inner size)."""
    experts = c.get("num_experts") or c.get("num_local_experts") or c["n_routed_experts"]
    return experts, c["num_experts_per_tok"], c.get("moe_intermediate_size") or c["intermediate_size"]


def expert_layer(c: Config, used: int) -> int:
    """Router, ``used`` experts, shared expert and its gate."""
    h, (experts, _, inner) = c["hidden_size"], expert_sizes(c)
    shared = c.get("shared_expert_intermediate_size", 0)
    return int(h * experts + used * 3 * h * inner + 3 * h * shared + (h if shared else 0))


def expert_parameters(extra: Callable[[Config], int]) -> Callable[[Config], int]:
    def count(c: Config) -> int:
        h, _, layers, v = sizes(c)
        return layers * (attention_matrices(c) + expert_layer(c, expert_sizes(c)[0]) + 2 * h + extra(c)) + 2 * v * h + h

    return count


def expert_macs(sliding_layers: Callable[[Config], int]) -> Callable[[Config, int], int]:
    def count(c: Config, n: int) -> int:
        h, _, layers, v = sizes(c)
        matrices = layers * (attention_matrices(c) + expert_layer(c, expert_sizes(c)[1]))
        return matrices + 2 * gqa(c)[0] * seen(c, n, sliding_layers(c)) + v * h

    return count


def gpt_oss_vectors(c: Config) -> int:
    """Biases of projections, router and experts, and the sinks."""
    h, (experts, _, inner), (q, kv_width) = c["hidden_size"], expert_sizes(c), gqa(c)
    biases = q + 2 * kv_width + h + experts + experts * (2 * inner + h)
    return int(biases + c["num_attention_heads"])


def latent_attention(c: Config) -> int:
    """Matrices of a layer's latent attention."""
    h, heads, low = c["hidden_size"], c["num_attention_heads"], c["q_lora_rank"]
    nope, rope, value, latent = (
        c[key] for key in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank")
    )
    queries = h * low + low * heads * (nope + rope) if low else h * heads * (nope + rope)
    return int(queries + h * (latent + rope) + latent * heads * (nope + value) + heads * value * h)


def deepseek_layers(c: Config, used: int) -> int:
    """All layers' matrices when ``used`` routed experts count."""
    h, (experts, _, inner) = c["hidden_size"], expert_sizes(c)
    sparse = h * experts + (used + c["n_shared_experts"]) * 3 * h * inner
    first, layers = c["first_k_dense_replace"], c["num_hidden_layers"]
    return int(layers * latent_attention(c) + first * 3 * h * c["intermediate_size"] + (layers - first) * sparse)


def deepseek_parameters(correction: bool) -> Callable[[Config], int]:
    def count(c: Config) -> int:
        h, layers, v = c["hidden_size"], c["num_hidden_layers"], c["vocab_size"]
        vectors = layers * (2 * h + c["kv_lora_rank"] + (c["q_lora_rank"] or 0)) + h
        if correction:
            vectors += (layers - c["first_k_dense_replace"]) * c["n_routed_experts"]
        return deepseek_layers(c, c["n_routed_experts"]) + vectors + 2 * v * h

    return count


def deepseek_macs(c: Config, n: int) -> int:
    """Absorbed form: the expansion's two halves once per head, attention over latents and rotated keys."""
    per_token = c["num_attention_heads"] * (2 * c["kv_lora_rank"] + c["qk_rope_head_dim"])
    attention = c["num_hidden_layers"] * n * per_token
    return int(deepseek_layers(c, c["num_experts_per_tok"]) + attention + c["vocab_size"] * c["hidden_size"])


def deepseek_kv(c: Config, n: int) -> int:
    return int(n * c["num_hidden_layers"] * (c["kv_lora_rank"] + c["qk_rope_head_dim"]))


def t5_layers(c: Config) -> tuple[int, int]:
    """Matrices of an attention and of a feed-forward."""
    gated = str(c["feed_forward_proj"]).startswith("gated")
    return 4 * c["d_model"] * c["num_heads"] * c["d_kv"], (3 if gated else 2) * c["d_model"] * c["d_ff"]


def t5_parameters(c: Config) -> int:
    h, layers, (attention, feed_forward) = c["d_model"], c["num_layers"], t5_layers(c)
    encoder = layers * (attention + feed_forward + 2 * h) + h
    decoder = layers * (2 * attention + feed_forward + 3 * h) + h
    biases = 2 * c["relative_attention_num_buckets"] * c["num_heads"]
    return int(encoder + decoder + biases + (1 if c.get("tie_word_embeddings", True) else 2) * c["vocab_size"] * h)


def t5_macs(c: Config, n: int) -> int:
    """The keys and values of the source are not computed again."""
    attention, feed_forward = t5_layers(c)
    layer = attention + attention // 2 + feed_forward + 2 * (n + SOURCE) * c["num_heads"] * c["d_kv"]
    return int(c["num_layers"] * layer + c["vocab_size"] * c["d_model"])


def t5_kv(c: Config, n: int) -> int:
    return int(2 * c["num_layers"] * c["num_heads"] * c["d_kv"] * (n + SOURCE))


def whisper_parameters(c: Config) -> int:
    h, i = c["d_model"], c["encoder_ffn_dim"]
    attention, feed_forward, norm = 4 * h**2 + 3 * h, 2 * h * i + i + h, 2 * h
    stem = 3 * c["num_mel_bins"] * h + h + 3 * h**2 + h + c["max_source_positions"] * h
    encoder = c["encoder_layers"] * (attention + feed_forward + 2 * norm) + norm
    decoder = c["decoder_layers"] * (2 * attention + feed_forward + 3 * norm) + norm
    return int(stem + encoder + decoder + (c["max_target_positions"] + c["vocab_size"]) * h)


def whisper_macs(c: Config, n: int) -> int:
    h, i = c["d_model"], c["decoder_ffn_dim"]
    layer = 6 * h**2 + 2 * h * i + 2 * (n + c["max_source_positions"]) * h
    return int(c["decoder_layers"] * layer + c["vocab_size"] * h)


def whisper_kv(c: Config, n: int) -> int:
    return int(2 * c["decoder_layers"] * c["d_model"] * (n + c["max_source_positions"]))


def mamba_layer(c: Config) -> int:
    """Matrices of a layer."""
    h, inner, rank, state = c["hidden_size"], c["intermediate_size"], c["time_step_rank"], c["state_size"]
    return int(3 * h * inner + inner * (rank + 2 * state) + rank * inner + inner * c["conv_kernel"])


def mamba_parameters(c: Config) -> int:
    h, inner, layers = c["hidden_size"], c["intermediate_size"], c["num_hidden_layers"]
    vectors = h + 3 * inner + inner * c["state_size"]
    return int(layers * (mamba_layer(c) + vectors) + c["vocab_size"] * h + h)


def mamba_macs(c: Config, n: int) -> int:
    return int(c["num_hidden_layers"] * mamba_layer(c) + c["vocab_size"] * c["hidden_size"])


def mamba_state(c: Config, n: int) -> int:
    return int(c["num_hidden_layers"] * c["intermediate_size"] * (c["state_size"] + c["conv_kernel"]))


def mamba2_mixer(hidden: int, inner: int, state: int, groups: int, heads: int, kernel: int) -> int:
    """Matrices of a Mamba-2 mixer."""
    convolved = inner + 2 * groups * state
    return hidden * (inner + convolved + heads) + convolved * kernel + inner * hidden


def codestral(c: Config) -> tuple[int, int, int, int, int, int]:
    inner = c["expand"] * c["hidden_size"]
    return c["hidden_size"], inner, c["state_size"], c["n_groups"], c["num_heads"], c["conv_kernel"]


def mamba2_parameters(c: Config) -> int:
    h, inner, state, groups, heads, _ = codestral(c)
    vectors = inner + 2 * groups * state + 3 * heads + inner + h
    return int(c["num_hidden_layers"] * (mamba2_mixer(*codestral(c)) + vectors) + 2 * c["vocab_size"] * h + h)


def mamba2_macs(c: Config, n: int) -> int:
    return int(c["num_hidden_layers"] * mamba2_mixer(*codestral(c)) + c["vocab_size"] * c["hidden_size"])


def mamba2_state(c: Config, n: int) -> int:
    _, inner, state, groups, _, kernel = codestral(c)
    return int(c["num_hidden_layers"] * (inner * state + kernel * (inner + 2 * groups * state)))


def falcon_h1(c: Config) -> tuple[int, int, int, int, int, int]:
    keys = ("hidden_size", "mamba_d_ssm", "mamba_d_state", "mamba_n_groups", "mamba_n_heads", "mamba_d_conv")
    return tuple(c[key] for key in keys)  # type: ignore[return-value]


def falcon_h1_vectors(c: Config) -> int:
    _, inner, state, groups, heads, _ = falcon_h1(c)
    return mamba2_mixer(*falcon_h1(c)) + inner + 2 * groups * state + 3 * heads


def falcon_h1_macs(c: Config, n: int) -> int:
    return gated_macs(no_layers)(c, n) + int(c["num_hidden_layers"]) * mamba2_mixer(*falcon_h1(c))


def falcon_h1_cache(c: Config, n: int) -> int:
    _, inner, state, groups, _, kernel = falcon_h1(c)
    return kv(no_layers)(c, n) + int(c["num_hidden_layers"]) * (inner * state + kernel * (inner + 2 * groups * state))
