"""Operator kinds: which dimensions and ports a kind has, and the work it stands for.

An open table (``@operator_kinds.register``), one file a family: matrix products and attention in
:mod:`~sim.trace.kinds.matrix`, element-wise and row-wise work with its operation counts in :mod:`~sim.trace.kinds.vector`,
and others. A kind states its dimensions, its ports and one function from resolved dimensions to
:class:`~sim.trace.work.Work`; everything else in the package asks the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sim.core.registry import Registry
from sim.trace.work import Work

Resolved = Mapping[str, Any]


class OperatorKind:
    """Base of all kinds. ``dims``: name -> default (None: required). ``lists``: names of list-valued dimensions."""

    dims: ClassVar[Mapping[str, int | None]] = {}
    lists: ClassVar[tuple[str, ...]] = ()
    ports: ClassVar[tuple[str, ...]] = ("x",)
    optional_ports: ClassVar[tuple[str, ...]] = ()
    attributes: ClassVar[tuple[str, ...]] = ()
    results: ClassVar[bool] = True
    """Does it write tensors?"""

    @classmethod
    def work(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Work:
        """The work of one operator with these dimensions (integers; defaults already filled in)."""
        raise NotImplementedError

    @classmethod
    def problems(cls, dims: Resolved, attributes: Mapping[str, Any]) -> list[str]:
        """What is wrong with these dimensions beyond being positive integers; empty when nothing is."""
        return []

    @classmethod
    def elements(cls, dims: Resolved, attributes: Mapping[str, Any]) -> Mapping[str, int]:
        """Elements that an input port, or ``outputs`` together, must hold, where the dimensions fix it.

        Logical elements: a sparse operand counts its zeros.
        """
        return {}


operator_kinds: Registry[type[OperatorKind]] = Registry("operator_kinds", "operator kind")
