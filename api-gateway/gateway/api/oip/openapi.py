"""What OpenAPI says of inference requests and answers, which are read and written by hand."""

from typing import Any

from gateway.api.answer_headers import openapi_answer_headers
from gateway.api.predict.openapi import BASE64, PIXEL
from gateway.detection.parameters import openapi_form_fields
from gateway.http.headers import HEAD_LENGTH_HEADER
from gateway.oip.layout import INPUT, OUTPUT_NAMES, OUTPUTS

_TENSOR: dict[str, Any] = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "data": {"type": "array", "items": {}, "description": "Absent where the tensor came as binary data"},
        "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer", "minimum": 0}}},
    },
}
#: The one input: pictures, never pixels.
_INPUT: dict[str, Any] = {
    **_TENSOR,
    "properties": {
        **_TENSOR["properties"],
        "name": {"type": "string", "const": INPUT},
        "datatype": {"type": "string", "const": "BYTES"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
        "data": {
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [
                    BASE64,
                    {"type": "object", "required": ["b64"], "properties": {"b64": BASE64}},
                ]
            },
            "description": "The pictures; absent where they came as binary data",
        },
    },
}
_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {
            "type": "object",
            "properties": {
                **openapi_form_fields(),
                "binary_data_output": {"type": "boolean", "description": "Answer every output as binary data"},
            },
        },
        "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": _INPUT},
        "outputs": {
            "type": "array",
            "description": "All of them if this is absent",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "enum": list(OUTPUT_NAMES)},
                    "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}},
                },
            },
        },
    },
}
_REQUEST_EXAMPLE = {
    "id": "42",
    "parameters": {"conf": 0.5},
    "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1], "data": [PIXEL]}],
    "outputs": [{"name": "boxes"}, {"name": "scores"}, {"name": "labels"}],
}
INFER_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": _REQUEST, "example": _REQUEST_EXAMPLE},
        "application/octet-stream": {
            "schema": {
                "type": "string",
                "format": "binary",
                "description": f"The same JSON, as long as {HEAD_LENGTH_HEADER} says, and binary data behind it",
            }
        },
    },
}
INFER_HEADERS: list[dict[str, Any]] = [
    {
        "name": HEAD_LENGTH_HEADER,
        "in": "header",
        "required": False,
        "description": "Bytes of JSON before the binary data; 0: the body is one picture, without any JSON",
        "schema": {"type": "integer", "minimum": 0},
    }
]
_EXAMPLES: dict[str, tuple[list[int], list[Any]]] = {
    "boxes": ([1, 4], [245.3, 184.2, 456.8, 298.1]),
    "scores": ([1], [0.89]),
    "labels": ([1], ["person"]),
}
INFER_ANSWER: dict[str, Any] = {
    "description": "The outputs that were asked for",
    "headers": {
        **openapi_answer_headers(),
        HEAD_LENGTH_HEADER: {
            "description": "With binary data: bytes of JSON before it",
            "schema": {"type": "integer", "minimum": 0},
        },
    },
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["model_name", "outputs"],
                "properties": {
                    "model_name": {"type": "string"},
                    "model_version": {"type": "string"},
                    "id": {"type": "string", "description": "The request's, if it had one"},
                    "outputs": {"type": "array", "items": _TENSOR},
                },
            },
            "example": {
                "model_name": "yolo",
                "model_version": "1.0",
                "id": "42",
                "outputs": [
                    {
                        "name": output.name,
                        "datatype": output.datatype,
                        "shape": _EXAMPLES[output.name][0],
                        "data": _EXAMPLES[output.name][1],
                    }
                    for output in OUTPUTS
                    if output.name in _EXAMPLES
                ],
            },
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
