"""The answers of /predict and /predict/batch as typed models, for OpenAPI. The routes write the same JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from gateway.api.predict.detection_schemas import DetectionOut, ThenOut, absent
from gateway.api.predict.task_schemas import TaskKeys
from gateway.api.schemas import REQUEST_ID_EXAMPLE, ErrorResponse, ModelRef


class ImageOut(BaseModel):
    """Size in pixels of the image, turned upright by its Exif orientation."""

    width: int = Field(examples=[810])
    height: int = Field(examples=[1080])


class PredictResponse(TaskKeys):
    """Detections, highest confidence first; the list may be empty. A task adds a key of its own."""

    model_config = ConfigDict(extra="allow")

    status: Literal["success"]
    detections: list[DetectionOut]
    image: ImageOut
    model: ModelRef
    task: str | None = Field(examples=["detect"])
    timings_ms: dict[str, float] = Field(
        description="The model server's stages, its total as `model_server`, and the gateway's total as `total`. With "
        "a second stage `then`, all of its time, and `crop`, the part that cutting takes",
        examples=[{"decode": 5.3, "letterbox": 0.3, "infer": 59.0, "nms": 0.5, "model_server": 65.4, "total": 69.1}],
    )
    request_id: str = Field(examples=[REQUEST_ID_EXAMPLE])
    then: ThenOut | SkipJsonSchema[None] = absent("With the option `then`: what the second stage did")


class ModelSuccess(PredictResponse):
    """The answer of one of several models."""


class FailedModel(BaseModel):
    """The model that failed; which version of it is not known."""

    name: str = Field(examples=["helmets"])
    version: str | None = None


class ModelError(ErrorResponse):
    """The error of one of several models."""

    model: FailedModel


class SeveralModelsResponse(BaseModel):
    """With `model=a,b`: an entry per model, in the order asked. The status is success even if every model fails."""

    status: Literal["success"]
    results: list[Annotated[ModelSuccess | ModelError, Field(discriminator="status")]]
    succeeded: int = Field(ge=0, examples=[1])
    failed: int = Field(ge=0, examples=[1])
    image: ImageOut
    timings_ms: dict[str, float] = Field(description="`total`: all of the gateway's time", examples=[{"total": 131.4}])
    request_id: str = Field(examples=[REQUEST_ID_EXAMPLE])


class _Entry(BaseModel):
    index: int = Field(ge=0, description="Position in the request, from 0", examples=[0])
    file: str = Field(description="The name that came with the image; empty without one", examples=["street.jpg"])


class BatchSuccess(PredictResponse, _Entry):
    """The answer of /predict, and the image that it is about."""


class BatchSeveralModels(SeveralModelsResponse, _Entry):
    """The answers of several models to one image."""


class BatchError(ErrorResponse, _Entry):
    """The error of one image."""


class BatchResponse(BaseModel):
    """An entry per image, in the order they were sent. The status is success even if every image has an error."""

    status: Literal["success"]
    results: list[BatchSuccess | BatchSeveralModels | BatchError]
    succeeded: int = Field(ge=0, examples=[1])
    failed: int = Field(ge=0, examples=[1])
    timings_ms: dict[str, float] = Field(description="`total`: all of the gateway's time", examples=[{"total": 131.4}])
    request_id: str = Field(examples=[REQUEST_ID_EXAMPLE])
