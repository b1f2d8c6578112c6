"""A real registry, and two machines: one that releases and one that pulls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.registry import reference
from ops.registry.options import Options
from tests.support.registry import RegistryServer, key_pair, registry_server


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """docker-registry, with oras and cosign on PATH."""
    with registry_server(tmp_path_factory.mktemp("registry")) as server:
        before = os.environ["PATH"]
        os.environ.update(PATH=server.path, COSIGN_PASSWORD="")
        yield server
        os.environ["PATH"] = before
        del os.environ["COSIGN_PASSWORD"]


@pytest.fixture(scope="module")
def keys(registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The private and the public key of who releases."""
    return key_pair(registry, tmp_path_factory.mktemp("keys"))


@pytest.fixture
def namespace(registry: RegistryServer, request: pytest.FixtureRequest) -> str:
    """A namespace of each test's own."""
    return f"127.0.0.1:{registry.port}/{request.node.originalname.replace('_', '-')[:60].strip('-')}"


@pytest.fixture
def options(namespace: str) -> Options:
    """No key."""
    return Options(reference.parse(namespace))
