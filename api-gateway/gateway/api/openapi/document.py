"""Pieces of the routes' descriptions in OpenAPI: answers, errors, parameters in the path."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel

from gateway.api.deepstack.schemas import DeepStackErrorResponse
from gateway.api.oip.schemas import OipErrorResponse
from gateway.api.schemas import REQUEST_ID_EXAMPLE, ErrorResponse
from gateway.errors import ApiError
from gateway.http.errors import DEEPSTACK_SHAPE, OIP_SHAPE, OWN_SHAPE, ErrorShape, shape_for

Model = TypeVar("Model", bound=BaseModel)
_ERROR_MODELS: Mapping[ErrorShape, type[BaseModel]] = {
    OWN_SHAPE: ErrorResponse,
    OIP_SHAPE: OipErrorResponse,
    DEEPSTACK_SHAPE: DeepStackErrorResponse,
}


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


def example_of(model: type[Model]) -> Model:
    """Build an instance from the examples of a model's fields; a required field may be a model or a list of models."""
    values = {
        field.alias or name: field.examples[0] if field.examples else _nested_example(field.annotation)
        for name, field in model.model_fields.items()
        if field.examples or field.is_required()
    }
    return model.model_validate(values)


def _nested_example(annotation: Any) -> Any:
    if get_origin(annotation) is list:
        return [_nested_example(get_args(annotation)[0])]
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    return example_of(get_args(annotation)[0] if get_args(annotation) else annotation)


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
