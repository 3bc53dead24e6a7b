"""Amounts that a recipe may write in words, as numbers."""

import math

from zoo.recipe.spec.words import UNITS


def bytes_of(amount: int | str) -> int:
    """A number of bytes, or one with its unit, as in "50 GB"."""
    if isinstance(amount, int):
        return amount
    number = amount.rstrip("kKMGTiB ")
    return int(float(number) * UNITS[amount[len(number) :].strip()])


def in_words(amount: int) -> str:
    """A number of bytes with its unit, rounded up."""
    power = min(max(len(str(amount)) - 1, 0) // 3, 4)
    if not power:
        return f"{amount} B"
    return f"{math.ceil(amount / 10 ** (3 * power - 1)) / 10:g} {'kMGT'[power - 1]}B"
