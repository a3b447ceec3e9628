"""The table of Hugging Face families in ``docs/models-supported.md``: what is lowered, beside what is published."""

from __future__ import annotations

from fractions import Fraction

from huggingface_models import MODELS, ROOT, PublicModel
from model_formulas import SOURCE

from sim.trace.frontends.huggingface.families import families
from sim.trace.load import lower
from sim.trace.summary import summarize

DOCUMENT = ROOT / "docs" / "models-supported.md"
START, END = "<!-- table: scripts/make_models_table.py -->", "<!-- end of table -->"
TOKENS = 400
HEADER = (
    "| `model_type` | model | parameters | published | difference | GMACs per token | cache, bytes per token |",
    "|---|---|---:|---:|---:|---:|---:|",
)


def table() -> str:
    """The table as Markdown, one row per model, in the order of the families' names."""
    rows = sorted((model.config["model_type"], number, model) for number, model in enumerate(MODELS))
    missing = set(families.names()) - {model_type for model_type, _, _ in rows}
    assert not missing, f"families without a public model: {', '.join(sorted(missing))}"
    lines = [row(model_type, model) for model_type, _, model in rows]
    return "\n".join([START, *HEADER, *lines, END])


def row(model_type: str, model: PublicModel) -> str:
    """The cache is that of a sequence of TOKENS tokens, over TOKENS: what does not grow is spread over them."""
    prompt = {} if model_type == "vit" else {"prompt": 4}
    parameters = summarize(lower(model.path, **prompt)).parameters
    difference = Fraction(parameters - model.published, model.published) * 100
    macs, cache = "", ""
    if model.decode_macs:
        options = {"prompt": SOURCE} if model_type == "t5" else {}
        totals = summarize(lower(model.path, phase="decode", context=TOKENS, **options))
        macs, cache = f"{totals.macs / 1e9:.3f}", f"{totals.persistent_bytes['kv_cache'] / TOKENS:,.0f}"
    published = f"{model.published:,} ({model.source})"
    cells = (f"`{model_type}`", model.name, f"{parameters:,}", published, f"{float(difference):+.2f} %", macs, cache)
    return f"| {' | '.join(cells)} |"


def document_with(new: str, start: str = START, end: str = END) -> str:
    """The document with the table between ``start`` and ``end`` replaced."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(start)
    _, found, after = rest.partition(end)
    assert found, f"{DOCUMENT} has no table between {start} and {end}"
    return before + new + after
