"""Options and bodies of requests in OpenAPI, derived from the models that validate them."""

from typing import Any

from pydantic import BaseModel

from gateway.detection.parameters import CLASS_LISTS


def form_fields(options: type[BaseModel]) -> dict[str, Any]:
    """Describe each option as a form field. A form has no null, so that alternative is left out."""
    return {name: _not_null(schema) for name, schema in options.model_json_schema()["properties"].items()}


def query_parameters(options: type[BaseModel]) -> list[dict[str, Any]]:
    """Describe each option as a parameter of the query."""
    return [
        {"name": name, "in": "query", "required": False, "description": schema.pop("description"), "schema": schema}
        for name, schema in form_fields(options).items()
    ]


def json_keys(options: type[BaseModel]) -> dict[str, Any]:
    """Describe each option as a key of a JSON object, which may be null; lists of classes may be lists there."""
    keys = {
        name: {"description": schema.pop("description"), "anyOf": [schema, {"type": "null"}]}
        for name, schema in form_fields(options).items()
    }
    for name in CLASS_LISTS:
        if name in keys:
            keys[name]["anyOf"].append({"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1})
    return keys


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = next((option for option in schema.pop("anyOf", []) if option.get("type") != "null"), {})
    if schema.get("default", ...) is None:
        del schema["default"]
    del schema["title"]
    return {**typed, **schema}


def inline_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's JSON schema without references: FastAPI does not know the models of bodies read by hand."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inline(part: Any) -> Any:
        if isinstance(part, list):
            return [inline(entry) for entry in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inline(definitions[part["$ref"].rpartition("/")[2]])
        return {key: inline(value) for key, value in part.items() if key != "default" or value is not None}

    return {**inline(schema)}
