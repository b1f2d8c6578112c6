"""What an answer holds beyond boxes, for each task."""

from __future__ import annotations

from typing import Any

#: The key of each task's own part.
KEYS = {"segment": "masks", "pose": "keypoints", "obb": "obb", "classify": "probs"}


def look(body: dict[str, Any]) -> None:
    """The task's own part is what the documentation and OpenAPI say, one for each box."""
    task = body["task"]
    own, boxes = body[KEYS[task]], body["detections"]
    if task == "classify":
        assert boxes == []
        assert [set(each) for each in own] == [{"cls", "name", "conf"}] * 5
        return
    assert len(own) == len(boxes) >= 3, "too few to have looked at anything"
    if task == "segment":
        points = [point for polygons in own for polygon in polygons for point in polygon]
    elif task == "pose":
        assert all(len(keypoints) == 17 and {len(point) for point in keypoints} == {3} for keypoints in own)
        points = [point[:2] for keypoints in own for point in keypoints]
    else:
        assert [set(each) for each in own] == [{"xyxyxyxy", "xywhr"}] * len(boxes)
        assert {(len(each["xyxyxyxy"]), len(each["xywhr"])) for each in own} == {(4, 5)}
        return
    assert points
    assert all(0 <= x <= 810 and 0 <= y <= 1080 for x, y in points)
