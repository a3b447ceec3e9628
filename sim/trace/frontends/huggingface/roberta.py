"""RoBERTa: BERT's graph; the first rows of its position table, up to that of padding, are never used
(arXiv:1907.11692)."""

from __future__ import annotations

from typing import ClassVar

from sim.trace.frontends.huggingface.bert import Bert
from sim.trace.frontends.huggingface.families import families


@families.register("roberta")
class Roberta(Bert):
    """``model_type: roberta``."""

    reserved_positions: ClassVar[int] = 2
