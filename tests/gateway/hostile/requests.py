"""Hostile requests to every route that reads a body: pictures of each format, forms, JSON and tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.gateway.hostile.documents import batch, documents, one, tensor
from tests.gateway.hostile.forms import Bodies, forms
from tests.gateway.hostile.tensors import tensors
from tests.support.hostile import FORMATS, hostile

INFER = "/v2/models/yolo/infer"
PICTURE = {"Content-Type": "image/jpeg"}
#: A compressed body counts as what it becomes, which is no more than the limit of its route.
DECODED = {"/predict": 20 * 2**20, "/v1/vision/detection": 20 * 2**20, "/predict/batch": 86 * 2**20, INFER: 86 * 2**20}


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
        return DECODED[self.path] if "Content-Encoding" in self.headers else len(self.content)


def cases(size: int) -> Mapping[str, Bodies]:
    """Return the hostile bodies of about ``size`` bytes of each route."""
    return {
        "/predict": {**forms(size), **documents(size, one)},
        "/predict/batch": {**forms(size), **documents(size, batch)},
        "/v1/vision/detection": forms(size),
        INFER: {**tensors(size), **documents(size, tensor)},
    }


def bodies(size: int) -> Iterator[list[Request]]:
    """Make the requests with forms, JSON and tensors, those of one route at a time."""
    for path, makers in cases(size).items():
        yield [Request(f"{path}: {name}", path, *make()) for name, make in makers.items()]


def pictures(weight: int, query: str = "") -> Iterator[list[Request]]:
    """Make the requests with pictures, those of one format at a time; the larger ones have ``weight`` bytes."""
    for kind in FORMATS:
        yield [Request(f"{name} {query}", f"/predict{query}", PICTURE, data) for name, data in hostile(kind, weight)]
