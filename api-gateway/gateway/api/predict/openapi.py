"""/predict and /predict/batch in OpenAPI: their bodies and answers, which are read and written by hand."""

import json
from typing import Any

from pydantic import BaseModel

from gateway import errors
from gateway.api.openapi.document import error_answers
from gateway.api.openapi.headers import ANSWER_HEADERS, IMAGE_HEADERS, REQUEST_HEADERS
from gateway.api.openapi.images import BASE64, BINARY, BYTES, PIXEL, URL
from gateway.api.openapi.options import form_fields, json_keys, query_parameters
from gateway.api.predict.examples import ANSWER_OF_SEVERAL_MODELS, ANSWER_WITH_SECOND_STAGE, ANSWERS, BATCH_ANSWER
from gateway.api.predict.options import IMAGE_FORMATS, JSON, NDJSON, BatchOptions, PredictOptions
from gateway.api.predict.schemas import BatchResponse, PredictResponse, SeveralModelsResponse
from gateway.intake.form import FIELD, MANY_FIELD
from gateway.intake.sources import LONGEST_NAME

_ONE_OF = {"oneOf": [{"required": ["image"]}, {"required": ["url"]}]}
_NAMED_IMAGE = {
    "type": "object",
    "properties": {"image": BASE64, "url": URL, "name": {"type": "string", "maxLength": LONGEST_NAME}},
    **_ONE_OF,
    "additionalProperties": False,
}
_IMAGES = {"type": "array", "minItems": 1, "items": {"oneOf": [BASE64, _NAMED_IMAGE]}}
_FILES = {
    "type": "array",
    "items": BINARY,
    "minItems": 1,
    "description": f"The images; the field may also be called '{FIELD}'",
}


def _operation(options: type[BaseModel], content: dict[str, Any], answer: dict[str, Any], **route: Any) -> Any:
    return {
        **route,
        "responses": {200: answer, **error_answers(*route["responses"])},
        "openapi_extra": {
            "requestBody": {"required": True, "content": content},
            "parameters": [*query_parameters(options), *REQUEST_HEADERS],
        },
    }


def _form(options: type[BaseModel], name: str, images: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    properties = {name: images, **form_fields(options)}
    return {"schema": {"type": "object", "required": [name], "properties": properties}, "example": example}


def _json(
    options: type[BaseModel], images: dict[str, Any], required: dict[str, Any], **examples: Any
) -> dict[str, Any]:
    properties = {**images, **json_keys(options)}
    return {
        "schema": {"type": "object", "properties": properties, **required, "additionalProperties": False},
        "examples": {name: {"value": value} for name, value in examples.items()},
    }


#: The arguments of the two routes.
PREDICT = _operation(
    PredictOptions,
    {
        "multipart/form-data": _form(
            PredictOptions,
            FIELD,
            {**BINARY, "description": "The image"},
            {FIELD: BYTES, "conf": 0.4, "classes": "person,5"},
        ),
        "image/*": {"schema": BINARY},
        "application/octet-stream": {"schema": BINARY},
        JSON: _json(
            PredictOptions,
            {"image": BASE64, "url": URL},
            _ONE_OF,
            base64={"image": PIXEL, "conf": 0.4, "classes": ["person", 5]},
            data_url={"image": f"data:image/png;base64,{PIXEL}"},
            url={"url": "https://cdn.example.com/street.jpg", "format": "image"},
        ),
    },
    {
        "description": "The detections, or the image with the detections drawn on it",
        "headers": {**ANSWER_HEADERS, **IMAGE_HEADERS},
        "content": {
            JSON: {
                "examples": {
                    **{task: {"value": answer} for task, answer in ANSWERS.items()},
                    "second_stage": {"value": ANSWER_WITH_SECOND_STAGE},
                    "several_models": {"value": ANSWER_OF_SEVERAL_MODELS},
                }
            },
            **{media_type: {"schema": BINARY} for media_type in IMAGE_FORMATS},
        },
    },
    response_model=PredictResponse | SeveralModelsResponse,
    responses=(
        *(*errors.IMAGE, *errors.UPLOAD, errors.InvalidJson, errors.InvalidBase64, errors.NotAcceptable),
        *(errors.UrlNotAllowed, errors.UrlFailed, errors.ModelNotFound, errors.VersionNotFound, *errors.UPSTREAM),
    ),
)
BATCH = _operation(
    BatchOptions,
    {
        "multipart/form-data": _form(
            BatchOptions, MANY_FIELD, _FILES, {MANY_FIELD: [BYTES, "the bytes of people.jpg"], "conf": 0.4}
        ),
        JSON: _json(
            BatchOptions,
            {"images": _IMAGES},
            {"required": ["images"]},
            base64={"images": [PIXEL, {"name": "second.png", "image": PIXEL}], "conf": 0.4},
            urls={"images": [{"url": "https://cdn.example.com/street.jpg"}]},
        ),
    },
    {
        "description": "An entry per image, in order; as NDJSON a line per entry, as they are finished. A header is "
        "present if it is the same for every success; NDJSON has none of them, because they are sent first",
        "headers": ANSWER_HEADERS,
        "content": {
            JSON: {"example": BATCH_ANSWER},
            NDJSON: {
                "schema": {"type": "string", "description": "Each line is one entry of `results`"},
                "example": "".join(f"{json.dumps(entry)}\n" for entry in BATCH_ANSWER["results"]),
            },
        },
    },
    response_model=BatchResponse,
    #: Errors of the request as a whole; those of an image are in its own entry.
    responses=(
        *(*errors.UPLOAD, errors.InvalidJson, errors.NotAcceptable),
        *(errors.InternalError, errors.ModelNotFound, errors.ModelNotReady),
    ),
)
