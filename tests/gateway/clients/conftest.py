"""A gateway process in front of the fake TorchServe, and the TLS edge in front of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.gateway.clients.expected import PHOTO
from tests.support.caddy import Edge, caddy


@pytest.fixture(scope="module")
def edge(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with caddy(tmp_path_factory.mktemp("edge"), "localhost", url.removeprefix("http://")) as running:
        yield running


@pytest.fixture(scope="module")
def photo_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "Straße 1.jpg"  # clients send the name of a file along
    path.write_bytes(PHOTO)
    return path


@pytest.fixture
def photo_file(photo_path: Path) -> Iterator[BinaryIO]:
    with photo_path.open("rb") as file:
        yield file
