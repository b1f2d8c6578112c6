"""What a model's task adds to ``detections`` in an answer, as typed models for OpenAPI.

The handler (``serving/torchserve/yolo/results/``) writes it and the gateway passes it on; a test compares the two.
Coordinates are pixels of the upright image, clipped to it except for the corners of oriented boxes.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

Point = tuple[float, float]
Polygon = Annotated[list[Point], Field(min_length=3)]
#: ``[x, y, confidence]``, or ``[x, y]`` from a model without confidences.
Keypoint = Annotated[list[float], Field(min_length=2, max_length=3)]


class OrientedBox(BaseModel):
    """A rotated box; the detection's `bbox` is its upright bounding box."""

    xyxyxyxy: tuple[Point, Point, Point, Point] = Field(description="Its four corners in order, each x, y")
    xywhr: tuple[float, float, float, float, float] = Field(
        description="Centre x and y, width, height, and the angle in radians, clockwise on the image"
    )


class ClassProbability(BaseModel):
    """One class of a classifier."""

    cls: int = Field(description="The class's id")
    name: str
    conf: float = Field(ge=0, le=1, description="Its probability")


def never_null(schema: dict[str, Any]) -> None:
    """Take the default null out of a field's schema: its key is absent, never null."""
    del schema["default"]


def _of_task(task: str, description: str) -> Any:
    """Describe a key that is present for one task and absent, never null, for the others."""
    return Field(None, description=f"With a {task} model: {description}", json_schema_extra=never_null)


class TaskKeys(BaseModel):
    """The keys of every task; each list but `probs` has an entry per detection, in the same order."""

    masks: list[list[Polygon]] | SkipJsonSchema[None] = _of_task(
        "segment", "for each detection the outer outlines of its mask, a polygon for each part"
    )
    keypoints: list[list[Keypoint]] | SkipJsonSchema[None] = _of_task(
        "pose", "for each detection its keypoints, [x, y, confidence], or [x, y] from a model without confidences"
    )
    obb: list[OrientedBox] | SkipJsonSchema[None] = _of_task("obb", "for each detection its oriented box")
    probs: Annotated[list[ClassProbability], Field(max_length=5)] | SkipJsonSchema[None] = _of_task(
        "classify", "the five most likely classes, most likely first; `detections` is empty"
    )
