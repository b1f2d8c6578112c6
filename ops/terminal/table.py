"""Aligned columns of text on a terminal."""

from __future__ import annotations


def table(rows: list[list[str]], head: list[str]) -> list[str]:
    """Return rows as aligned lines under a head; the last column is not padded."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return [
        ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in [head, *rows]
    ]
