"""KServe's client, in the environment that its server for the tests has too."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.gateway.clients.expected import PHOTO
from tests.gateway.peers.environment import HERE, python_with
from tests.gateway.support.fake_torchserve import FakeTorchServe, asked_model


@pytest.mark.parametrize("model", ["yolo", "helmets"])
def test_kserves_client_reads_state_and_detections_as_json_and_as_binary_data(
    url: str, fake: FakeTorchServe, model: str
) -> None:
    fake.others = {"helmets": {"1.0": ["READY"]}}
    argv = [str(python_with("kserve")), str(HERE / "kserve_client.py"), url, model]
    done = subprocess.run(argv, input=PHOTO, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["states"] == {"live": True, "ready": True, "model": True, "other model": False}
    assert list(found["outputs"]) == ["JSON", "binary image", "binary"]
    for outputs in found["outputs"].values():
        assert outputs["labels"] == ["person", "bus"]
        assert outputs["class_ids"] == [0, 5]
        assert outputs["scores"] == pytest.approx([0.8912, 0.7404])
        assert outputs["boxes"] == [
            pytest.approx([245.31, 184.2, 456.8, 298.1]),
            pytest.approx([10, 20.5, 700.25, 760]),
        ]
    assert found["refused"].startswith("415 ")
    assert "Not an image" in found["refused"]
    assert [(asked.body == PHOTO, asked.query) for asked in fake.predictions] == [(True, {"conf": "0.5"})] * 3
    assert {asked_model(asked) for asked in fake.predictions} == {model}
