"""The protocol's JSON as typed models: inference requests are validated with them, and OpenAPI shows all of them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, WithJsonSchema

from gateway.api.openapi.images import BASE64
from gateway.api.openapi.options import form_fields
from gateway.detection.parameters import Parameters
from gateway.oip.layout import OUTPUT_NAMES

LONGEST_ID = 256
#: More than there are, since a client may repeat one.
_MOST_OUTPUTS = 64
_B64 = {"type": "object", "required": ["b64"], "properties": {"b64": BASE64}}
_IMAGES = {"type": "array", "minItems": 1, "items": {"anyOf": [BASE64, _B64]}}
_SIZES = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}


def _printable(text: str) -> str:
    if not text.isprintable():  # it is sent back; JSON can contain halves of surrogate pairs, which UTF-8 cannot encode
        raise ValueError("must be printable text")
    return text


def _encoded(datatype: str) -> str:
    if datatype != "BYTES":
        raise ValueError("must be BYTES (encoded images, not pixels)")
    return datatype


class InferOptions(Parameters):
    """The parameters of a request."""

    binary_data_output: bool = Field(default=False, description="Answer every output as binary data")


_PARAMETERS = {"type": "object", "properties": form_fields(InferOptions)}


class InferInput(BaseModel):
    """The one input: encoded images, never pixels. Its data and sizes are checked as they are decoded."""

    name: Literal["image"]
    datatype: Annotated[str, AfterValidator(_encoded), WithJsonSchema({"type": "string", "const": "BYTES"})]
    shape: Annotated[list[Any], WithJsonSchema(_SIZES)]
    data: Annotated[Any, WithJsonSchema(_IMAGES)] = Field(None, description="Absent if sent as binary data")
    parameters: dict[str, Any] | None = Field(None, examples=[{"binary_data_size": 4096}])


class InferOutput(BaseModel):
    """One requested output."""

    name: Literal[OUTPUT_NAMES]  # type: ignore[valid-type]  # a tuple, which Literal unpacks
    parameters: dict[str, Any] | None = Field(None, examples=[{"binary_data": True}])


class InferBody(BaseModel):
    """An inference request."""

    id: Annotated[str, Field(max_length=LONGEST_ID), AfterValidator(_printable)] | None = None
    parameters: Annotated[dict[str, Any], WithJsonSchema(_PARAMETERS)] | None = None
    inputs: list[InferInput] = Field(min_length=1, max_length=1)
    outputs: list[InferOutput] | None = Field(None, max_length=_MOST_OUTPUTS, description="Default: all of them")


class InferTensor(BaseModel):
    """An output in an answer."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = Field([], description="Absent if sent as binary data")
    parameters: dict[str, Any] | None = Field(None, examples=[{"binary_data_size": 4096}])


class InferAnswer(BaseModel):
    """The requested outputs."""

    model_name: str
    model_version: str | None = None
    id: str | None = Field(None, description="The request's, if it had one")
    outputs: list[InferTensor]


class OipErrorResponse(BaseModel):
    """The Open Inference Protocol's error body, with additional fields of the gateway."""

    error: str = Field(description="What is wrong and how to fix it")
    status: Literal["error"]
    code: str
    request_id: str | None


class OipServerMetadata(BaseModel):
    """The server and the extensions of the protocol that it supports."""

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
    """The names of the models."""

    models: list[str] = Field(examples=[["yolo"]])


class OipIndexBody(BaseModel):
    """What the index shall list."""

    model_config = ConfigDict(strict=True)

    ready: bool = Field(default=False, description="Only versions that can be used")


class OipIndexEntry(BaseModel):
    """A loaded version of a model."""

    name: str = Field(examples=["yolo"])
    version: str = Field(examples=["1.0"])
    state: Literal["READY", "UNAVAILABLE"] = Field(examples=["READY"])
    reason: str = Field(description="Why it is unavailable; empty otherwise, or what else there is to say")


class OipIndexResponse(RootModel[list[OipIndexEntry]]):
    """The index of the models."""


class OipTensorMetadata(BaseModel):
    """One tensor; a size of -1 is known only in a request or an answer."""

    name: str = Field(examples=["boxes"])
    datatype: str = Field(examples=["FP32"])
    shape: list[int] = Field(examples=[[-1, 4]])
    description: str = Field(examples=["[N,4] x1, y1, x2, y2 in pixels of the upright image"])


class OipModelMetadata(BaseModel):
    """The inputs and outputs of the model."""

    name: str = Field(examples=["yolo"])
    versions: list[str] = Field(examples=[["1.0"]])
    platform: str = Field(examples=["yolo_gateway"])
    inputs: list[OipTensorMetadata]
    outputs: list[OipTensorMetadata]
