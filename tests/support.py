"""What several rings need: a copy of the tree, free ports, polling, and the table of bad inputs."""

from __future__ import annotations

import io
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

# Status (or the failure's name), version and classes of one answer under load.
Answer = tuple[int | str, str | None, frozenset[str]]

# ../shared/weights/README.md: YOLOv8n COCO on bus.jpg, boxes in pixels.
STREET_COCO = [
    ("bus", 0.879, [23, 232, 806, 757]),
    ("person", 0.867, [49, 398, 245, 903]),
    ("person", 0.850, [670, 393, 810, 877]),
    ("person", 0.826, [221, 406, 345, 858]),
]


#: Put at the end of a handler's file: it calls everything green.
NAMING_HANDLER = """

_respond = YoloHandler._respond


def _naming(self, *words):
    body = json.loads(_respond(self, *words))
    for box in body[0]["boxes"] if isinstance(body, list) else []:
        box["name"] = "green " + box["name"]
    return json.dumps(body).encode()


YoloHandler._respond = _naming
"""


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def cannot_run(reason: str) -> None:
    """Skip, or fail where every ring is required (CI)."""
    if os.environ.get("REQUIRE_RINGS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def copy_tree(target: Path) -> Path:
    """Copy what a clone of the present state would hold; nothing that set-up lays down."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that were free just now."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = 120) -> Any:
    """Poll until `condition` is true and return what it gave; fail naming `what` at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s:.0f} s in vain until {what}")
        time.sleep(0.1)


def assert_street_coco(found: list[tuple[str, float, list[float]]]) -> None:
    """The bus and the three people, within 2 px and 0.01, are the four best detections."""
    for (name, conf, box), (expected, expected_conf, expected_box) in zip(found[:4], STREET_COCO, strict=True):
        assert name == expected
        assert conf == pytest.approx(expected_conf, abs=0.01)
        assert box == pytest.approx(expected_box, abs=2)


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """Return a small picture with some structure."""
    stream = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def png(width: int, height: int, rows: bytes, *, interlaced: bool = False) -> bytes:
    """Write an RGB PNG by hand: a header that claims this size, and these rows, each with its filter byte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def huge_png(width: int = 20_000, height: int = 20_000) -> bytes:
    """Return a PNG whose header promises more pixels than anyone should decode; what a bomb looks like from outside."""
    return png(width, height, bytes(1000))


@dataclass(frozen=True)
class BadInput:
    """A request to the gateway's /predict that is the caller's mistake, and the answer it must get."""

    name: str
    status: int
    code: str
    body: bytes = b""
    field_name: str | None = "file"
    content_type: str = "image/jpeg"
    query: dict[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return the keyword arguments for httpx: a form, or a raw body when there is no field name."""
        if self.field_name is None:
            return {"content": self.body, "headers": {"content-type": self.content_type}, "params": self.query}
        return {"files": {self.field_name: ("p.jpg", self.body, self.content_type)}, "params": self.query}


BAD_INPUTS = [
    BadInput("a text file", 415, "unsupported_image", b"hello, this is no picture\n" * 20, content_type="text/plain"),
    BadInput("an empty file", 400, "invalid_image"),
    BadInput("a truncated JPEG", 400, "invalid_image", jpeg(640, 480)[:3000]),
    BadInput("a 0-byte body", 400, "invalid_image", field_name=None),
    BadInput("a 30 MB upload", 413, "body_too_large", b"\xff\xd8\xff" + bytes(30_000_000)),
    BadInput("a 20 000 × 20 000 PNG", 413, "image_too_large", huge_png(), content_type="image/png"),
    BadInput("a wrong field name", 422, "missing_file", jpeg(), field_name="picture"),
    BadInput("conf=2", 422, "invalid_parameter", jpeg(), query={"conf": "2"}),
]


@contextmanager
def clients(count: int, ask: Callable[[], httpx.Response]) -> Iterator[list[Answer]]:
    """So many clients ask all the time; afterwards the list holds every answer, and every failure by its name."""
    over = threading.Event()
    answers: list[Answer] = []

    def work() -> None:
        while not over.is_set():
            try:
                answer = ask()
                body = answer.json()
                classes = frozenset(found["class"] for found in body.get("detections", []))
                answers.append((answer.status_code, body.get("model", {}).get("version"), classes))
            except (httpx.HTTPError, ValueError) as error:
                answers.append((type(error).__name__, None, frozenset()))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()
