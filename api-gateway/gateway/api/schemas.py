"""The gateway's answers as typed models: what OpenAPI shows. The hot path writes the same JSON without them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.api.predict.task_schemas import TaskKeys
from gateway.api.routing_schemas import RoutingOut, TrafficOut

REQUEST_ID_EXAMPLE = "5f1c0f4be1a94b7c8c2f0a3f4d9d1b77"


class DetectionOut(BaseModel):
    """One object. A server other than ours may add keys of its own."""

    model_config = ConfigDict(extra="allow")

    confidence: float = Field(ge=0, le=1, examples=[0.89])
    class_: str = Field(alias="class", description="Name of the class", examples=["person"])
    bbox: tuple[float, float, float, float] = Field(
        description="x1, y1, x2, y2 in pixels of the upright picture, clipped to it",
        examples=[[245.3, 184.2, 456.8, 298.1]],
    )
    class_id: int = Field(examples=[0])


class ImageOut(BaseModel):
    """Size in pixels after the picture was turned upright by its Exif orientation."""

    width: int = Field(examples=[810])
    height: int = Field(examples=[1080])


class ModelRef(BaseModel):
    """Which model answered."""

    name: str = Field(examples=["yolo"])
    version: str | None = Field(examples=["1.0"])


class PredictResponse(TaskKeys):
    """Detections, highest confidence first; none is an empty list. A task adds a key of its own beside them."""

    model_config = ConfigDict(extra="allow")

    status: Literal["success"]
    detections: list[DetectionOut]
    image: ImageOut
    model: ModelRef
    task: str | None = Field(examples=["detect"])
    timings_ms: dict[str, float] = Field(
        description="The model server's stages, its whole as `model_server`, and the gateway's whole as `total`",
        examples=[{"decode": 5.3, "letterbox": 0.3, "infer": 59.0, "nms": 0.5, "model_server": 65.4, "total": 69.1}],
    )
    request_id: str = Field(examples=[REQUEST_ID_EXAMPLE])


class ErrorOut(BaseModel):
    """A code for programs and a message for people."""

    code: str
    message: str


class ErrorResponse(BaseModel):
    """The one body of every error."""

    status: Literal["error"]
    error: ErrorOut
    request_id: str | None


class BatchSuccess(PredictResponse):
    """What /predict answers, and which picture it is about."""

    index: int = Field(ge=0, description="Place in the request, from 0", examples=[0])
    file: str = Field(description="The name that came with the picture; empty if none did", examples=["street.jpg"])


class BatchError(ErrorResponse):
    """What is wrong with one picture."""

    index: int = Field(ge=0, description="Place in the request, from 0", examples=[1])
    file: str = Field(description="The name that came with the picture; empty if none did", examples=["notes.txt"])


class BatchResponse(BaseModel):
    """An entry per picture, in the order they were sent. The whole succeeds even where every picture has an error."""

    status: Literal["success"]
    results: list[Annotated[BatchSuccess | BatchError, Field(discriminator="status")]]
    succeeded: int = Field(ge=0, examples=[1])
    failed: int = Field(ge=0, examples=[1])
    timings_ms: dict[str, float] = Field(description="`total`: the gateway's whole", examples=[{"total": 131.4}])
    request_id: str = Field(examples=[REQUEST_ID_EXAMPLE])


class LiveResponse(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


class ReadyResponse(BaseModel):
    """A worker has the model loaded."""

    status: Literal["ready"] = "ready"
    backend: str = Field(examples=["torchserve"])
    model: ModelRef
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


class WorkerOut(BaseModel):
    """One process that runs the model."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["9000"])
    state: str = Field(examples=["READY"])
    started: str | None = None
    memory_bytes: int | None = None
    gpu: bool | None = None


class ModelVersionOut(BaseModel):
    """One loaded version."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(examples=["1.0"])
    default: bool = Field(description="Whether /predict uses it")
    workers: list[WorkerOut]
    batch_size: int | None = None
    max_batch_delay_ms: int | None = None
    queue_free: int | None = Field(None, description="Requests that still fit in the queue")
    queue_waiting: int | None = Field(None, description="Requests that wait in the queue")
    details: dict[str, Any] = Field(description="What the model tells of itself: engine, threads, task, names…")


class ModelOut(BaseModel):
    """A model and its loaded versions."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["yolo"])
    versions: list[ModelVersionOut]


class ModelsResponse(BaseModel):
    """Everything that is loaded, and how requests are spread over it."""

    status: Literal["success"] = "success"
    backend: str = Field(examples=["torchserve"])
    models: list[ModelOut]
    routing: RoutingOut | None = Field(description="Canary, experiment, shadow and server in force; null without any")
    traffic: list[TrafficOut] = Field(description="What each version did, as far as this gateway process saw it")
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


class RootResponse(BaseModel):
    """Where to go from here."""

    name: str
    version: str
    docs: str
    predict: str
    batch: str
    health: str
    models: str
    open_inference_protocol: str
    deepstack: str
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])
