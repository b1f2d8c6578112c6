"""What OpenAPI says of the bodies and answers of /predict and /predict/batch, which are read and written by hand."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.api.answer_headers import openapi_answer_headers, openapi_picture_headers
from gateway.api.predict.formats import BATCH_OPTIONS, NDJSON, OPTIONS
from gateway.api.predict.openapi_tasks import ANSWERS
from gateway.api.schemas import REQUEST_ID_EXAMPLE
from gateway.api.versioning import openapi_form_field
from gateway.detection.parameters import openapi_form_fields
from gateway.errors import InvalidImage
from gateway.intake.form import FIELD, MANY_FIELD
from gateway.intake.url_policy import LONGEST_URL

_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
#: A picture in JSON.
BASE64: dict[str, Any] = {
    "type": "string",
    "minLength": 4,
    "description": "base64 (RFC 4648, padded, no line breaks), or a data: URL of base64",
}
_URL = {
    "type": "string",
    "format": "uri",
    "maxLength": LONGEST_URL,
    "description": "http(s) address of the picture, on a host that URL_ALLOW names",
}
#: One white pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
#: What stands for a picture in the example of a form.
_BYTES = "the bytes of street.jpg"

_FAILURE = {
    "status": "error",
    "error": {"code": InvalidImage.code, "message": InvalidImage.default},
    "request_id": REQUEST_ID_EXAMPLE,
}
_ENTRIES = [{"index": 0, "file": "street.jpg", **ANSWERS["detect"]}, {"index": 1, "file": "cut.jpg", **_FAILURE}]


def _form(pictures: dict[str, Any], options: Mapping[str, dict[str, Any]], example: dict[str, Any]) -> dict[str, Any]:
    return {
        "example": example,
        "schema": {
            "type": "object",
            "required": list(pictures),
            "properties": {**pictures, **openapi_form_fields(), **openapi_form_field(), **options},
        },
    }


def _json(
    pictures: dict[str, Any], required: dict[str, Any], options: Mapping[str, dict[str, Any]], examples: dict[str, Any]
) -> dict[str, Any]:
    known = {**openapi_form_fields(), **openapi_form_field(), **options}
    known["classes"] = {
        "anyOf": [known["classes"], {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}],
        "description": "Only these: ids or names, as a list or with commas",
    }
    # null is how a program says that it has no value.
    parameters = {
        name: {"anyOf": [schema, {"type": "null"}], "description": schema["description"]}
        for name, schema in known.items()
    }
    return {
        "schema": {
            "type": "object",
            "properties": {**pictures, **parameters},
            **required,
            "additionalProperties": False,
        },
        "examples": {name: {"value": value} for name, value in examples.items()},
    }


#: The ways to send a picture.
PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": _form(
            {FIELD: {**_BINARY, "description": "The picture"}},
            OPTIONS,
            {FIELD: _BYTES, "conf": 0.4, "classes": "person,5"},
        ),
        "image/*": {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
        "application/json": _json(
            {"image": BASE64, "url": _URL},
            {"oneOf": [{"required": ["image"]}, {"required": ["url"]}]},
            OPTIONS,
            {
                "base64": {"image": PIXEL, "conf": 0.4, "classes": ["person", 5]},
                "data_url": {"image": f"data:image/png;base64,{PIXEL}"},
                "url": {"url": "https://cdn.example.com/street.jpg", "format": "image"},
            },
        ),
    },
}

#: The ways to send several.
BATCH_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": _form(
            {
                MANY_FIELD: {
                    "type": "array",
                    "items": _BINARY,
                    "minItems": 1,
                    "description": f"The pictures; the field may be called '{FIELD}' too",
                }
            },
            BATCH_OPTIONS,
            {MANY_FIELD: [_BYTES, "the bytes of people.jpg"], "conf": 0.4},
        ),
        "application/json": _json(
            {
                "images": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "oneOf": [
                            BASE64,
                            {
                                "type": "object",
                                "properties": {
                                    "image": BASE64,
                                    "url": _URL,
                                    "name": {"type": "string", "maxLength": 255},
                                },
                                "oneOf": [{"required": ["image"]}, {"required": ["url"]}],
                                "additionalProperties": False,
                            },
                        ]
                    },
                }
            },
            {"required": ["images"]},
            BATCH_OPTIONS,
            {
                "base64": {"images": [PIXEL, {"name": "second.png", "image": PIXEL}], "conf": 0.4},
                "urls": {"images": [{"url": "https://cdn.example.com/street.jpg"}]},
            },
        ),
    },
}

#: What the answers of the two are, where FastAPI cannot see it.
PREDICT_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The detections, or the picture with them drawn on it",
        "headers": {**openapi_answer_headers(), **openapi_picture_headers()},
        "content": {
            "application/json": {"examples": {task: {"value": answer} for task, answer in ANSWERS.items()}},
            **{f"image/{kind}": {"schema": _BINARY} for kind in ("jpeg", "png", "webp")},
        },
    }
}
BATCH_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An entry per picture, in order; as NDJSON an entry per line, as they are finished. The headers "
        "say what holds for every success, and nothing where they differ, nor with NDJSON, whose head is out before",
        "headers": openapi_answer_headers(),
        "content": {
            "application/json": {
                "example": {
                    "status": "success",
                    "results": _ENTRIES,
                    "succeeded": 1,
                    "failed": 1,
                    "timings_ms": {"total": 131.4},
                    "request_id": REQUEST_ID_EXAMPLE,
                }
            },
            NDJSON: {
                "schema": {"type": "string", "description": "Each line is one entry of `results`"},
                "example": "\n".join(json.dumps(entry) for entry in _ENTRIES) + "\n",
            },
        },
    }
}
