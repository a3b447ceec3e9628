"""Systolic arrays register by register, cycle by cycle: what the closed forms of folds must agree with.

Every processing element has registers and talks to its neighbours only. Nothing here knows a formula.
"""

from __future__ import annotations

import numpy as np

Matrix = np.ndarray


def stationary(folds: list[tuple[Matrix, Matrix]], overlap: bool) -> tuple[list[Matrix], int]:
    """Weight stationary: products X[T,R] x W[R,C], one per fold; returns them and the cycles until the last result.

    W enters at the top, the row for the bottom first, one row a cycle, column j one cycle after column j - 1, into a
    shadow register that a start signal, travelling with the first row of X, copies to the active one. With ``overlap``
    the next W enters behind the start signal; without it, after the last result has left.
    """
    rows, cols = folds[0][0].shape
    shadow, active = np.zeros((rows, cols), dtype=int), np.zeros((rows, cols), dtype=int)
    x_reg, sum_reg = np.zeros((rows, cols), dtype=int), np.zeros((rows, cols), dtype=int)
    results = [np.zeros((x.shape[0], cols), dtype=int) for _, x in folds]
    preload_start = {0: 0}
    stream_start: dict[int, int] = {}
    left = sum(result.size for result in results)
    last_of_fold: dict[int, int] = {}
    cycle = 0
    while left:
        for f in range(len(folds)):
            loaded = f in preload_start and cycle >= preload_start[f] + rows
            port = f == 0 or (f - 1 in stream_start and cycle >= stream_start[f - 1] + folds[f - 1][1].shape[0])
            if f not in stream_start and loaded and port:
                stream_start[f] = cycle
            if overlap and f in stream_start and cycle == stream_start[f]:
                preload_start[f + 1] = cycle
            if not overlap and f in last_of_fold and f + 1 not in preload_start:
                preload_start[f + 1] = last_of_fold[f] + 1
        new_active, new_x, new_sum = active.copy(), np.zeros_like(x_reg), np.zeros_like(sum_reg)
        new_shadow = shadow.copy()
        for i in range(rows):
            for j in range(cols):
                for f, (weights, x) in enumerate(folds):
                    if f in stream_start and cycle == stream_start[f] + i + j:
                        new_active[i, j] = shadow[i, j]
                    step = cycle - preload_start[f] - j if f in preload_start else -1
                    if i <= step < rows:
                        new_shadow[i, j] = weights[rows - 1 - step, j] if i == 0 else shadow[i - 1, j]
                    row = cycle - stream_start[f] - i if f in stream_start else -1
                    if j == 0 and 0 <= row < x.shape[0]:
                        new_x[i, 0] = x[row, i]
                if j > 0:
                    new_x[i, j] = x_reg[i, j - 1]
                new_sum[i, j] = (sum_reg[i - 1, j] if i else 0) + new_active[i, j] * new_x[i, j]
        active, shadow, x_reg, sum_reg = new_active, new_shadow, new_x, new_sum
        for f in range(len(folds)):
            for j in range(cols):
                row = cycle - stream_start[f] - (rows - 1) - j if f in stream_start else -1
                if 0 <= row < results[f].shape[0]:
                    results[f][row, j] = sum_reg[rows - 1, j]
                    left -= 1
                    last_of_fold[f] = cycle if row == results[f].shape[0] - 1 and j == cols - 1 else -1
            if last_of_fold.get(f) == -1:
                del last_of_fold[f]
        cycle += 1
    return results, cycle


def output_fold(a: Matrix, b: Matrix) -> tuple[Matrix, int]:
    """Output stationary: A[R,T] from the left, B[T,C] from the top, each row and column one cycle after the one before.

    Returns the product and the cycles until the last PE has its last product.
    """
    rows, steps = a.shape
    cols = b.shape[1]
    total, a_reg, b_reg = (np.zeros((rows, cols), dtype=int) for _ in range(3))
    products = np.zeros((rows, cols), dtype=int)
    cycle = 0
    while products.min() < steps:
        new_a, new_b = np.zeros_like(a_reg), np.zeros_like(b_reg)
        new_a[:, 1:], new_b[1:, :] = a_reg[:, :-1], b_reg[:-1, :]
        for i in range(rows):
            new_a[i, 0] = a[i, cycle - i] if 0 <= cycle - i < steps else 0
        for j in range(cols):
            new_b[0, j] = b[cycle - j, j] if 0 <= cycle - j < steps else 0
        a_reg, b_reg = new_a, new_b
        total += a_reg * b_reg
        for i in range(rows):
            for j in range(cols):
                products[i, j] += 0 <= cycle - i - j < steps
        cycle += 1
    return total, cycle


def output_interval_sustains(rows: int, steps: int, interval: int, folds: int = 40) -> bool:
    """May folds of an output stationary column follow each other every ``interval`` cycles, for ever?

    A PE takes ``steps`` cycles a fold and has one register for a finished result; the column's wire takes one result a
    cycle, in order of age.
    """
    if interval < steps:
        return False
    finished = sorted((fold * interval + row + steps - 1, row) for fold in range(folds) for row in range(rows))
    held: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    for cycle in range(folds * interval + rows + steps):
        if waiting:
            _, row = waiting.pop(0)
            held[row] -= 1
        while finished and finished[0][0] == cycle:
            _, row = finished.pop(0)
            held[row] = held.get(row, 0) + 1
            if held[row] > 1:
                return False
            waiting.append((cycle, row))
    return True
