"""The names of models: a segment of URLs, of file names and of metrics, the same everywhere."""

from __future__ import annotations

import re

#: The model of requests and commands that name none.
DEFAULT = "yolo"

_FORM = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}")
#: First segments of TorchServe's own addresses, words of its API and of the Open Inference Protocol in the place of a
#: name, and the file of the routing of `yolo`. `best.pt` holds the weights of `yolo`.
_RESERVED = frozenset(
    [
        *("models", "predictions", "explanations", "ping", "metrics", "workflows", "wfpredict", "api-description"),
        *("all", "invoke", "predict", "v1", "v2", "index", "ready", "stats", "routing", "best"),
    ]
)


def fault(name: str) -> str | None:
    """Return why this cannot be a model's name and how to fix it; None if it can be one."""
    if not _FORM.fullmatch(name):
        return f"{name[:70]!r} cannot be a model's name: use letters, digits, '-' and '_', at most 63, e.g. helmets"
    if name.lower() in _RESERVED:
        return f"{name!r} cannot be a model's name: the word has a meaning of its own. Choose another, e.g. my-{name}"
    return None
