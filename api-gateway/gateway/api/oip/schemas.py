"""The protocol's JSON as typed models: what OpenAPI shows of it."""

from typing import Literal

from pydantic import BaseModel, Field


class OipErrorResponse(BaseModel):
    """The Open Inference Protocol's error body, with our fields beside it."""

    error: str = Field(description="What is wrong and how to mend it")
    status: Literal["error"]
    code: str
    request_id: str | None


class OipServerMetadata(BaseModel):
    """The server and the extensions of the protocol that it speaks."""

    name: str = Field(examples=["yolo-serving gateway"])
    version: str = Field(examples=["0.1.0"])
    extensions: list[str] = Field(examples=[["binary_tensor_data"]])


class OipLiveResponse(BaseModel):
    """The process answers."""

    live: bool


class OipReadyResponse(BaseModel):
    """A prediction can be made."""

    ready: bool


class OipModelReadyResponse(BaseModel):
    """A prediction can be made with this model."""

    name: str = Field(examples=["yolo"])
    ready: bool


class OipModelsResponse(BaseModel):
    """The models' names."""

    models: list[str] = Field(examples=[["yolo"]])


class OipTensorMetadata(BaseModel):
    """One tensor; a size of -1 is only known in the request or the answer."""

    name: str = Field(examples=["boxes"])
    datatype: str = Field(examples=["FP32"])
    shape: list[int] = Field(examples=[[-1, 4]])
    description: str = Field(examples=["[N,4] x1, y1, x2, y2 in pixels of the upright picture"])


class OipModelMetadata(BaseModel):
    """What the model takes and gives."""

    name: str = Field(examples=["yolo"])
    versions: list[str] = Field(examples=[["1.0"]])
    platform: str = Field(examples=["yolo_gateway"])
    inputs: list[OipTensorMetadata]
    outputs: list[OipTensorMetadata]
