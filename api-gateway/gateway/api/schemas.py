"""The answers that belong to no protocol, as typed models: errors, health, models, the root."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from gateway import __version__
from gateway.api.routing_schemas import DriftOut, RoutingOut, TrafficOut

REQUEST_ID_EXAMPLE = "5f1c0f4be1a94b7c8c2f0a3f4d9d1b77"


class ModelRef(BaseModel):
    """The model that answered."""

    name: str = Field(examples=["yolo"])
    version: str | None = Field(examples=["1.0"])


class ErrorOut(BaseModel):
    """A code for programs and a message for people."""

    code: str
    message: str


class ErrorResponse(BaseModel):
    """The body of every error."""

    status: Literal["error"]
    error: ErrorOut
    request_id: str | None


class LiveResponse(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = Field(examples=[__version__])
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


class ReadyResponse(BaseModel):
    """A worker has the model loaded."""

    status: Literal["ready"] = "ready"
    backend: str = Field(examples=["torchserve"])
    model: ModelRef
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


def _never_null(schema: dict[str, Any]) -> None:
    del schema["default"]


class WorkerOut(BaseModel):
    """One process that runs the model."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["9000"])
    state: str = Field(examples=["READY"])
    started: str | None = Field(None, examples=["2026-11-23T11:40:39.223Z"])
    memory_bytes: int | None = None
    gpu: bool | None = Field(None, examples=[False])
    instance: str | SkipJsonSchema[None] = Field(
        default=None,
        exclude_if=lambda instance: instance is None,
        description="Present with several model servers: the one that it belongs to",
        json_schema_extra=_never_null,
    )


class ModelVersionOut(BaseModel):
    """One loaded version."""

    model_config = ConfigDict(from_attributes=True)

    version: str = Field(examples=["1.0"])
    default: bool = Field(description="Whether /predict uses it", examples=[True])
    workers: list[WorkerOut]
    state: Literal["unloaded"] | SkipJsonSchema[None] = Field(
        default=None,
        exclude_if=lambda state: state is None,
        description="Present if it has no workers because nobody used it; the next request loads it",
        json_schema_extra=_never_null,
    )
    batch_size: int | None = Field(None, examples=[4])
    max_batch_delay_ms: int | None = Field(None, examples=[5])
    queue_free: int | None = Field(None, description="Free places in the queue", examples=[100])
    queue_waiting: int | None = Field(None, description="Requests in the queue", examples=[0])
    details: dict[str, Any] = Field(
        description="What the model reports: engine, threads, task, names…",
        examples=[{"task": "detect", "engine": "openvino", "threads": 2, "names": {"0": "person"}}],
    )


class InstanceOut(BaseModel):
    """One of several model servers that share the images, as this gateway process knows it."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["172.18.0.3:8085"])
    ready: bool = Field(description="Whether it gets images", examples=[True])
    reason: str | None = Field(description="Why it gets none")
    version: str | None = Field(description="Its default version", examples=["1.0"])
    outstanding: int = Field(description="Images that it has now", examples=[0])
    requests: int = Field(description="Images that it got", examples=[1200])
    failures: int = Field(description="Images that it did not answer", examples=[0])
    ejections: int = Field(description="How often failures took it out", examples=[0])


class ModelOut(BaseModel):
    """A model and its loaded versions."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["yolo"])
    versions: list[ModelVersionOut]
    instances: list[InstanceOut] = Field(
        default=[],
        exclude_if=lambda instances: not instances,
        description="Present with several model servers: each of them",
        json_schema_extra=_never_null,
    )


class ModelsResponse(BaseModel):
    """Everything that is loaded, and how requests are split between versions."""

    status: Literal["success"] = "success"
    backend: str = Field(examples=["torchserve"])
    models: list[ModelOut]
    routing: RoutingOut | None = Field(description="Active canary, experiment, shadow and server; null without any")
    traffic: list[TrafficOut] = Field(description="Statistics of each version in this gateway process")
    drift: list[DriftOut] = Field(default=[], description="How far each version is from what it found at first")
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])


class RootResponse(BaseModel):
    """The main routes."""

    name: str = "yolo-serving gateway"
    version: str = __version__
    docs: str = "/docs"
    predict: str = "/predict"
    batch: str = "/predict/batch"
    health: str = "/health"
    models: str = "/models"
    open_inference_protocol: str = "/v2"
    deepstack: str = "/v1/vision/detection"
    request_id: str | None = Field(examples=[REQUEST_ID_EXAMPLE])
