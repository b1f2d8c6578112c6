"""One detection of an answer, and what a second stage adds to it, as typed models for OpenAPI."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from gateway.api.predict.task_schemas import TaskKeys, never_null
from gateway.api.schemas import ErrorOut, ModelRef


class FoundOut(BaseModel):
    """One object. Other model servers may add keys."""

    model_config = ConfigDict(extra="allow")

    confidence: float = Field(ge=0, le=1, examples=[0.89])
    class_: str = Field(alias="class", description="Name of the class", examples=["person"])
    bbox: tuple[float, float, float, float] = Field(
        description="x1, y1, x2, y2 in pixels of the upright image, clipped to it",
        examples=[[245.3, 184.2, 456.8, 298.1]],
    )
    class_id: int = Field(examples=[0])


class ThenAnswer(TaskKeys):
    """What the second model saw in one detection, in pixels of the whole image; its task adds a key of its own."""

    model_config = ConfigDict(extra="allow")

    model: ModelRef
    task: str | None = Field(examples=["classify"])
    crop: tuple[int, int, int, int] = Field(
        description="What was cut out: x1, y1, x2, y2 in whole pixels of the upright image",
        examples=[[224, 163, 478, 320]],
    )
    detections: list[FoundOut]


class ThenError(BaseModel):
    """Why the second model saw nothing in one detection. The other detections are not affected."""

    error: ErrorOut


def absent(description: str) -> Any:
    """Describe a key that is absent, never null, unless it is asked for."""
    return Field(None, description=description, json_schema_extra=never_null)


class DetectionOut(FoundOut):
    """One object, and what a second model saw in it."""

    then: ThenAnswer | ThenError | SkipJsonSchema[None] = absent(
        "With the option `then`: the second model's answer about this detection, or its error"
    )


class ThenOut(BaseModel):
    """The second stage of one image."""

    model: str = Field(description="Name of the second model", examples=["plates"])
    asked: int = Field(ge=0, description="Detections with a key `then`", examples=[2])
    left_out: int = Field(
        ge=0,
        description="Detections of the classes asked for without one: beyond `then_max`, or too many pixels together",
        examples=[0],
    )
