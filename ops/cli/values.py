"""Values on a command line, with their bounds."""

from __future__ import annotations

import argparse
from typing import Any


def whole(low: int, high: int) -> Any:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text}: a whole number from {low} to {high} is needed")
        return number

    return read


def number(low: float, high: float) -> Any:
    """Return a reader of numbers from `low` to `high`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text}: a number from {low:g} to {high:g} is needed")
        return value

    return read
