"""Hostile requests to every route that reads a body: pictures of each format, forms, JSON and tensors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.gateway.hostile.documents import batch, documents, one, tensor
from tests.gateway.hostile.forms import Bodies, Body, forms
from tests.gateway.hostile.tensors import tensors
from tests.support.hostile import FORMATS, hostile

INFER = "/v2/models/yolo/infer"
PICTURE = {"Content-Type": "image/jpeg"}
#: A query that leaves little to infer, where inference is not what is attacked.
QUICK = "?imgsz=64"
#: A compressed body counts as what it becomes, which is no more than the limit of its route.
_ONE, _MANY = 20 * 2**20, 86 * 2**20


@dataclass(frozen=True)
class Request:
    """A POST request. Its path may have a query string."""

    name: str
    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def size(self) -> int:
        """The bytes that its body counts as."""
        return counted_size(self.path, (dict(self.headers), self.content))


def counted_size(path: str, body: Body) -> int:
    """Return the bytes that a body counts as."""
    headers, content = body
    if "Content-Encoding" not in headers:
        return len(content)
    return _MANY if path == "/predict/batch" or path.endswith("/infer") else _ONE


def cases(size: int) -> Mapping[str, Bodies]:
    """Return the hostile bodies of about ``size`` bytes of each route that reads one; a test compares the routes."""
    return {
        "/predict": {**forms(size), **documents(size, one)},
        "/predict/batch": {**forms(size), **documents(size, batch)},
        "/v1/vision/detection": forms(size),
        "/v1/vision/custom/yolo": _some(forms(size)),
        "/v2/repository/index": _some(documents(size, one)),
        INFER: {**tensors(size), **documents(size, tensor)},
        "/v2/models/yolo/versions/1.0/infer": _some({**tensors(size), **documents(size, tensor)}),
    }


def _some(bodies: Bodies) -> Bodies:
    """Return every third, for a route that reads them with the code of another one."""
    return dict(itertools.islice(bodies.items(), 0, None, 3))


def bodies(size: int) -> Iterator[list[Request]]:
    """Make the requests with forms, JSON and tensors, those of one route at a time."""
    for path, makers in cases(size).items():
        yield [Request(f"{path}: {name}", path, *make()) for name, make in makers.items()]


def pictures(weight: int, query: str = "") -> Iterator[list[Request]]:
    """Make the requests with pictures, those of one format at a time; the larger ones have ``weight`` bytes."""
    for kind in FORMATS:
        yield [Request(f"{name} {query}", f"/predict{query}", PICTURE, data) for name, data in hostile(kind, weight)]
