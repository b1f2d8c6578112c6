"""The routes in OpenAPI: their answers, their errors, and the errors of the layers around them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.api.deepstack.schemas import DeepStackErrorResponse
from gateway.api.oip.schemas import OipErrorResponse
from gateway.api.schemas import REQUEST_ID_EXAMPLE, ErrorResponse
from gateway.errors import ApiError
from gateway.http.errors import DEEPSTACK_SHAPE, OIP_SHAPE, OWN_SHAPE, ErrorShape, shape_for

_ERROR_MODELS: Mapping[ErrorShape, type[BaseModel]] = {
    OWN_SHAPE: ErrorResponse,
    OIP_SHAPE: OipErrorResponse,
    DEEPSTACK_SHAPE: DeepStackErrorResponse,
}
#: Returns the errors of the layers around an operation, given its path and description.
ErrorsAround = Callable[[str, Mapping[str, Any]], Sequence[type[ApiError]]]
#: Completes the whole document, in place.
Completion = Callable[[dict[str, Any]], None]


def path_parameter(name: str, description: str, example: str) -> dict[str, Any]:
    """Describe a parameter in the path that the route reads itself: any text is valid, so it has no 422 of its own."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


def text_example(text: str) -> dict[str, Any]:
    """Describe content that is text, by an example of it."""
    return {"schema": {"type": "string"}, "example": text}


def example_answer(whole: BaseModel) -> dict[int | str, dict[str, Any]]:
    """Describe a whole answer for a route's ``responses``, as an instance of its model, so that it is valid.

    FastAPI omits fields that are None, so these must have a default.
    """
    return {200: {"content": {"application/json": {"example": whole.model_dump(mode="json", by_alias=True)}}}}


def error_answers(*kinds: type[ApiError], path: str = "/") -> dict[int | str, dict[str, Any]]:
    """Describe these errors for a route's ``responses``: one entry per status, an example per code.

    ``path`` is the route's, or a parent's: it determines the form of errors (:mod:`gateway.http.errors`).
    """
    shape = shape_for(path)
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        answer = answers.setdefault(
            shape.status(kind.status),
            {"model": _ERROR_MODELS[shape], "description": "", "content": {"application/json": {"examples": {}}}},
        )
        answer["description"] = " or ".join(filter(None, [answer["description"], f"`{kind.code}`"]))
        example = {"value": shape.body(kind(), REQUEST_ID_EXAMPLE)}
        answer["content"]["application/json"]["examples"][kind.code] = example
    return answers


def operation(example: BaseModel, *kinds: type[ApiError], path: str = "/", parameters: Sequence[Any] = ()) -> Any:
    """Return the arguments of a route whose answer looks like ``example``, or is one of these errors."""
    return {
        "response_model": type(example),
        "responses": {**example_answer(example), **error_answers(*kinds, path=path)},
        "openapi_extra": {"parameters": list(parameters)} if parameters else None,
    }


def add_errors(path: str, operation: dict[str, Any], kinds: Sequence[type[ApiError]]) -> None:
    """Add errors to those that an operation documents itself."""
    for status, answer in error_answers(*kinds, path=path).items():
        schema = {"$ref": f"#/components/schemas/{answer['model'].__name__}"}
        present = operation["responses"].setdefault(str(status), {"description": ""})
        media = present.setdefault("content", {}).setdefault("application/json", {"schema": schema})
        examples = media.setdefault("examples", {})
        for code, example in answer["content"]["application/json"]["examples"].items():
            if code not in examples:
                examples[code] = example
                present["description"] = " or ".join(filter(None, [present["description"], f"`{code}`"]))
    operation["responses"] = dict(sorted(operation["responses"].items()))


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation of an OpenAPI document with its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def install_descriptions(app: FastAPI, around: Sequence[ErrorsAround], completions: Sequence[Completion] = ()) -> None:
    """Complete the document when it is first requested: the errors around every operation, and ``completions``.

    Building it takes half a second or more, so it is done in a thread: no request and no readiness check waits for it.
    """
    build = app.openapi
    one_at_a_time = threading.Lock()

    def openapi() -> dict[str, Any]:
        with one_at_a_time:
            if app.openapi_schema is None:
                document = build()
                for path, operation in operations(document):
                    add_errors(path, operation, [kind for errors_of in around for kind in errors_of(path, operation)])
                for complete in completions:
                    complete(document)
            return build()

    def send_document(_: Request) -> Response:  # not async, so Starlette calls it in a thread
        return JSONResponse(openapi())

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to do it
    app.router.routes[:] = [route for route in app.routes if getattr(route, "path", None) != app.openapi_url]
    app.add_route(str(app.openapi_url), send_document, include_in_schema=False)
