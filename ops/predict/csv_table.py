"""Detections as CSV for spreadsheets: a row each, and a row without a class for a picture without detections."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COLUMNS = ("source", "at", "class", "class_id", "confidence", "x1", "y1", "x2", "y2", "width", "height", "version")


def rows(line: dict[str, Any]) -> list[list[Any]]:
    """Return the rows of one picture; boxes in pixels of the upright picture, whose size is in each row."""
    image, model = line.get("image") or {}, line.get("model") or {}
    tail = [image.get("width"), image.get("height"), model.get("version")]
    head = [_quote_formula(line["source"]), line.get("at")]
    found = [
        [*head, _quote_formula(one["class"]), one.get("class_id"), one["confidence"], *one["bbox"], *tail]
        for one in line.get("detections", ())
    ]
    return found or [[*head, None, None, None, None, None, None, None, *tail]]


def convert(lines: Iterable[dict[str, Any]], target: Path) -> None:
    """Write the table of all lines to `target`."""
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for line in lines:
            writer.writerows(rows(line))


def _quote_formula(text: str) -> str:
    """Keep a spreadsheet from reading the name of a file or class as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
