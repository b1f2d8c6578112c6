import json
import zipfile
from pathlib import Path

import pytest

import configuration


@pytest.fixture
def store(tmp_path):
    """A model store whose yolo.mar is version 1.3."""
    with zipfile.ZipFile(tmp_path / "yolo.mar", "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelVersion": "1.3"}}))
    return tmp_path


@pytest.fixture
def rendered(store):
    """Render the properties of a server on the store."""

    def render(**env: str) -> dict[str, str]:
        lines = configuration.render_properties(read(store, **env)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    return render


def read(store: Path, **env: str) -> configuration.Configuration:
    return configuration.read({"MODEL_STORE": str(store), **env})
