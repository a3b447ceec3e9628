"""Which chip gets which requests: the batch over data and expert parallelism, and into micro-batches of a pipeline."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from sim.core.errors import Place, Problems
from sim.trace.options import LowerOptions


def micro_batched(chosen: LowerOptions, place: Place) -> LowerOptions:
    """The options with the number of micro-batches settled; raises InputError for a batch that does not divide.

    The default is the largest number up to that of the stages that divides each chip's requests evenly: gcd. (How many
    groups of cores a machine has is not known here: without ``--pp`` the default is one.)
    """
    problems = Problems()
    copies = chosen.dp * chosen.ep
    parts = chosen.micro_batches
    if (chosen.pp > 1 or (parts or 1) > 1) and chosen.phase == "generate":
        asked = f"--pp {chosen.pp}" if chosen.pp > 1 else f"--micro-batches {parts}"
        problems.add(f"{asked}: steps that feed their results back are not modelled in a pipeline", place,
                     found="--phase generate", allowed="prefill, decode")  # fmt: skip
    if parts is None and chosen.pp > 1:
        parts = gcd(max(1, chosen.batch // copies), chosen.pp)
    divisor = copies * (parts or 1)
    named = [f"--{name} {count}" for name, count in (("dp", chosen.dp), ("ep", chosen.ep), ("micro-batches", parts or 1))
             if count > 1]  # fmt: skip
    whose = "micro-batch" if (parts or 1) > 1 else "chip"
    if chosen.batch % divisor:
        message = f"{' '.join(named)}: every {whose} has equally many requests"
        problems.add(message, place, found=f"--batch {chosen.batch}", allowed=f"a multiple of {divisor}")
    elif divisor > 1 and (isinstance(chosen.prompt, tuple) or isinstance(chosen.context, tuple)):
        problems.add(f"{' '.join(named)}: every {whose} has requests of the same lengths", place,
                     allowed="one length for all")  # fmt: skip
    problems.raise_if_any()
    return replace(chosen, micro_batches=parts)
