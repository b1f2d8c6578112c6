"""The import rules of the gateway (docs/development.md): layers without a circle, and folders of readable size."""

from __future__ import annotations

from itertools import permutations

from tests.support.imports import check, crowded
from tests.support.tree import ROOT

GATEWAY = ROOT / "api-gateway/gateway"

#: From the ground up. Rooms of one layer may import each other, though never in a circle.
LAYERS = (
    ("errors", "strict_json", "client_json", "redis", "settings", "concurrency", "tracing"),
    ("detection",),
    ("oip", "http", "intake", "drawing", "model_server"),
    ("auth", "limits", "cache", "routing", "second_stage", "drift"),
    ("models",),
    ("api",),
    ("middleware",),
    ("main",),
    ("__main__",),
)
#: Each wraps an ASGI application or a detector, whichever others there are.
WRAPPERS = ("auth", "limits", "cache", "routing", "second_stage", "drift")
#: Rooms that know no HTTP.
PURE = ("errors", "strict_json", "client_json", "settings", "detection", "drawing", "oip", "second_stage", "drift")
HTTP_LIBRARIES = ("starlette", "fastapi", "uvicorn", "httpx")

FORBIDDEN = [
    *permutations(WRAPPERS, 2),
    *((room, library) for room in PURE for library in HTTP_LIBRARIES),
    *(("http", room) for room in ("oip", "intake", "drawing", "model_server")),
]


def test_no_room_imports_one_above_it() -> None:
    assert check(GATEWAY, "gateway", LAYERS, FORBIDDEN) == []


def test_no_folder_is_crowded() -> None:
    assert crowded(GATEWAY) == []
