"""The typed models of errors by address, as OpenAPI shows them; :mod:`gateway.http.errors` writes the same JSON."""

from pydantic import BaseModel

from gateway.api.deepstack.schemas import DeepStackErrorResponse
from gateway.api.oip.schemas import OipErrorResponse
from gateway.api.schemas import ErrorResponse
from gateway.http.errors import DEEPSTACK_SHAPE, OIP_SHAPE, OWN_SHAPE, ErrorShape

_SCHEMAS: dict[ErrorShape, type[BaseModel]] = {
    OWN_SHAPE: ErrorResponse,
    OIP_SHAPE: OipErrorResponse,
    DEEPSTACK_SHAPE: DeepStackErrorResponse,
}


def error_schema(shape: ErrorShape) -> type[BaseModel]:
    """Return the model of the bodies that a shape writes."""
    return _SCHEMAS[shape]
