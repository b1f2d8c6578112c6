"""Classification: the five likeliest classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from yolo.letterbox import Floats

TOP = 5


def probabilities(scores: Floats, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the five likeliest classes of an (classes,) softmax output, likeliest first."""
    order = np.argsort(-scores, kind="stable")[:TOP].tolist()
    return [
        {"cls": index, "name": names.get(index, str(index)), "conf": round(float(scores[index]), 4)} for index in order
    ]
