"""Hadamard matrices: designs in which every pair of factors is balanced."""

from __future__ import annotations

from itertools import count

import numpy as np


def paley(features: int) -> np.ndarray:
    """Return the smallest Hadamard matrix of Paley's two constructions (1933) and their doublings.

    Up to 64 that is every multiple of 4 but 52: 48 for 48 features, 36 for 36, 56 for 49.

    Args:
        features: the order is at least this number.

    Returns:
        bool of shape (order, order): False stands for 1 and True for -1; the first row is of ones.
    """
    found = next(one for order in count(features) if (one := _matrix(order)) is not None)
    return np.asarray(found * found[0] < 0)


def _matrix(order: int) -> np.ndarray | None:
    """Return a matrix of 1 and -1 with orthogonal columns, if the constructions give one."""
    pair = np.array([[1, 1], [1, -1]])
    if order <= 2:
        return pair[:order, :order]
    if order % 4:
        return None
    if _is_prime(order - 1):
        return _conference(order - 1) + np.eye(order, dtype=int)
    half = order // 2
    if half % 4 == 2 and _is_prime(half - 1):
        flipped = np.array([[1, -1], [-1, -1]])
        return np.kron(_conference(half - 1), pair) + np.kron(np.eye(half, dtype=int), flipped)
    smaller = _matrix(half)
    return None if smaller is None else np.kron(pair, smaller)


def _conference(prime: int) -> np.ndarray:
    """Border the Legendre symbols of differences: 0 on the diagonal, orthogonal columns.

    Antisymmetric where -1 is no square, that is, where the prime is 3 modulo 4.
    """
    numbers = np.arange(prime)
    squares = np.isin(numbers, numbers[1:] ** 2 % prime)
    symbols = np.where(squares, 1, -1)
    symbols[0] = 0
    found = np.ones((prime + 1, prime + 1), dtype=int)
    found[0, 0] = 0
    found[1:, 0] = 1 if prime % 4 == 1 else -1
    found[1:, 1:] = symbols[(numbers[None, :] - numbers[:, None]) % prime]
    return found


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
