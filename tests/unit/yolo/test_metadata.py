"""What an archive says about itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yolo import metadata
from yolo.errors import ArchiveError
from yolo.metadata import Thresholds

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "version": "1.2",
    "created": "2026-01-01T00:00:00+00:00",
    "task": "pose",
    "names": {"0": "person"},
    "imgsz": [384, 640],
    "stride": 32,
    "channels": 3,
    "end2end": False,
    "head": "Pose",
    "kpt_shape": [17, 3],
    "thresholds": {"conf": 0.3, "iou": 0.6, "max_det": 10},
    "engines": {"openvino": "openvino/model.xml", "torch": "best.pt"},
}


def test_a_complete_document_is_read(tmp_path: Path) -> None:
    (tmp_path / "yolo.json").write_text(json.dumps({**DOCUMENT, "something newer": 1}))
    found = metadata.read(tmp_path)
    assert (found.version, found.task, found.imgsz, found.kpt_shape) == ("1.2", "pose", (384, 640), (17, 3))
    assert found.names == {0: "person"}
    assert found.classes == 1
    assert found.thresholds == Thresholds(0.3, 0.6, 10)


def test_thresholds_may_be_left_to_the_defaults_of_ultralytics() -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "thresholds"}
    assert metadata.parse(document).thresholds == Thresholds(0.25, 0.7, 300)


@pytest.mark.parametrize(
    "missing", ["version", "task", "names", "imgsz", "stride", "channels", "end2end", "head", "engines"]
)
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ArchiveError, match=missing):
        metadata.parse({key: value for key, value in DOCUMENT.items() if key != missing})


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2},
        {"task": "semantic"},
        {"channels": 4},
        {"imgsz": 640},
        {"names": ["person"]},
        {"thresholds": {"a": 1}},
    ],
    ids=str,
)
def test_what_cannot_be_served_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ArchiveError):
        metadata.parse({**DOCUMENT, **changed})


def test_an_archive_without_metadata_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="package the weights again"):
        metadata.read(tmp_path)


def test_metadata_that_is_no_json_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "yolo.json").write_text("{")
    with pytest.raises(ArchiveError, match="package the weights again"):
        metadata.read(tmp_path)
