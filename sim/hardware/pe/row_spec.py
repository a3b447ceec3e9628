"""What a PE array needs for row stationary: the registers in a PE, and the buses between buffer and PEs.

Defaults are the registers of the Eyeriss chip (Chen et al., JSSC 2017, section V): 224 filter words, 12 input words and
24 partial sums per PE. Buses without a width only limit a PE to one word per cycle.
"""

from __future__ import annotations

from pydantic import Field

from sim.config.fields import PositiveInt
from sim.config.spec import FrozenSpec


class RowStationarySpec(FrozenSpec):
    """YAML keys of ``row_stationary:`` in an array."""

    filter_words: PositiveInt = Field(default=224, description="filter elements that a PE holds")
    ifmap_words: PositiveInt = Field(default=12, description="input elements that a PE holds (its sliding windows)")
    psum_words: PositiveInt = Field(default=24, description="partial sums that a PE holds")
    filter_bus: PositiveInt | None = Field(default=None, description="filter elements per cycle into the array")
    ifmap_bus: PositiveInt | None = Field(default=None, description="input elements per cycle into the array")
    psum_bus: PositiveInt | None = Field(
        default=None, description="partial sums per cycle into the array, and as many out of it"
    )
