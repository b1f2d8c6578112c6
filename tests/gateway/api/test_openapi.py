"""The OpenAPI description says what the gateway does, errors included, and its examples are true."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import jsonschema_rs
import pytest
from pydantic import BaseModel

from gateway import errors
from gateway.api.deepstack.schemas import DeepStackErrorResponse
from gateway.api.oip.schemas import OipErrorResponse
from gateway.api.predict.schemas import BatchResponse, PredictResponse, SeveralModelsResponse
from gateway.api.schemas import ErrorResponse
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


_REFUSALS = (errors.Unauthenticated, errors.InvalidCredentials, errors.InsufficientScope, errors.AuthUnavailable)


async def described(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def codes(operation: dict[str, Any]) -> set[str]:
    return {
        code
        for status, answer in operation["responses"].items()
        if int(status) >= 400
        for code in answer["content"]["application/json"]["examples"]
    }


#: These come before there is a route, from the addresses themselves, or are never received by anybody.
NOT_OF_A_ROUTE = (
    errors.OriginRefused,
    errors.NotFound,
    errors.MethodNotAllowed,
    errors.ClientClosed,
)
OF_OTHER_PROTOCOLS = (errors.InvalidInferRequest, errors.StatisticsNotKept)
#: Inside of an answer only: of one detection.
OF_A_DETECTION = (errors.BoxTooSmall,)


def error_model(path: str) -> type[BaseModel]:
    if path.startswith("/v2"):
        return OipErrorResponse
    return DeepStackErrorResponse if path.startswith("/v1/vision/") else ErrorResponse


def code_of(body: dict[str, Any]) -> str:
    code: str = body["code"] if "code" in body else body["error"]["code"]
    return code


async def test_predict_documents_every_error_there_is(client: httpx.AsyncClient) -> None:
    operation = (await described(client))["paths"]["/predict"]["post"]
    not_of_a_route = {kind.code for kind in NOT_OF_A_ROUTE}
    # And these only where callers are asked who they are (see test_auth_routes.py), and by other protocols' routes.
    not_of_a_route |= {kind.code for kind in (*_REFUSALS, *OF_OTHER_PROTOCOLS, *OF_A_DETECTION)}
    assert codes(operation) == {kind.code for kind in errors.ApiError.__subclasses__()} - not_of_a_route


async def test_every_route_documents_its_errors_with_the_one_body_of_its_protocol(client: httpx.AsyncClient) -> None:
    document = await described(client)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert "internal_error" in codes(operation), path
            for status, answer in operation["responses"].items():
                if int(status) < 400:
                    continue
                model = error_model(path)
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{model.__name__}"}, (path, status)
                for code, example in answer["content"]["application/json"]["examples"].items():
                    model.model_validate(example["value"])
                    assert code_of(example["value"]) == code
    assert "HTTPValidationError" not in document["components"]["schemas"]


NAMES = ["conf", "iou", "max_det", "classes", "agnostic_nms", "imgsz", "multi_label"]
THEN = ["then", "then_classes", "then_margin", "then_conf", "then_max"]
HEADERS = ["X-Model-Version", "X-Client-Key", "Cache-Control", "Priority", "X-Request-Timeout"]


async def test_predict_documents_its_bodies_and_all_parameters(client: httpx.AsyncClient) -> None:
    operation = (await described(client))["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "image/*", "application/octet-stream", "application/json"}
    names = [*NAMES, "model", "version", *THEN, "format", "quality", "max_side"]
    assert sorted(parameter["name"] for parameter in operation["parameters"]) == sorted([*names, *HEADERS])
    assert "X-Model-Version" in operation["responses"]["200"]["headers"]
    assert list(content["multipart/form-data"]["schema"]["properties"]) == ["file", *names]
    assert content["multipart/form-data"]["schema"]["required"] == ["file"]
    assert list(content["application/json"]["schema"]["properties"]) == ["image", "url", *names]
    assert {"application/json", "image/jpeg", "image/png", "image/webp"} == set(
        operation["responses"]["200"]["content"]
    )


async def test_the_batch_documents_its_bodies_and_all_parameters(client: httpx.AsyncClient) -> None:
    operation = (await described(client))["paths"]["/predict/batch"]["post"]
    content = operation["requestBody"]["content"]
    names = [*NAMES, "model", "version", *THEN, "format"]
    assert sorted(parameter["name"] for parameter in operation["parameters"]) == sorted([*names, *HEADERS])
    assert list(content["multipart/form-data"]["schema"]["properties"]) == ["files", *names]
    assert list(content["application/json"]["schema"]["properties"]) == ["images", *names]
    assert {"application/json", "application/x-ndjson"} == set(operation["responses"]["200"]["content"])


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
async def test_the_examples_of_json_bodies_are_answered(client: httpx.AsyncClient, path: str) -> None:
    operation = (await described(client))["paths"][path]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for name, example in examples.items():
        response = await client.post(path, json=example["value"])
        body = response.json()
        if name == "url":  # URL_ALLOW is empty
            assert (response.status_code, body["error"]["code"]) == (403, "url_not_allowed")
        elif name == "urls":
            assert [entry["error"]["code"] for entry in body["results"]] == ["url_not_allowed"]
        else:
            assert response.status_code == 200, body
            assert body.get("failed", 0) == 0, body


async def test_the_examples_of_answers_are_what_their_schemas_say(client: httpx.AsyncClient) -> None:
    paths = (await described(client))["paths"]
    one = paths["/predict"]["post"]["responses"]["200"]["content"]
    for name, example in one["application/json"]["examples"].items():
        kind = SeveralModelsResponse if name == "several_models" else PredictResponse
        kind.model_validate(example["value"])
    many = paths["/predict/batch"]["post"]["responses"]["200"]["content"]
    whole = many["application/json"]["example"]
    assert len(BatchResponse.model_validate(whole).results) == 2
    lines = many["application/x-ndjson"]["example"].splitlines()
    assert [json.loads(line) for line in lines] == whole["results"]


async def test_the_batchs_answer_is_what_its_schema_says(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict/batch", files=[("files", JPEG), ("files", b"no image")])
    answer = BatchResponse.model_validate(response.json())
    assert answer.model_dump(by_alias=True, mode="json", exclude_unset=True) == response.json()


async def test_the_answer_is_what_its_schema_says(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", files={"file": JPEG})
    answer = PredictResponse.model_validate(response.json())
    assert answer.model_dump(by_alias=True, mode="json", exclude_unset=True) == response.json()


async def test_predict_documents_the_headers_of_the_cache(client: httpx.AsyncClient) -> None:
    operation = (await described(client))["paths"]["/predict"]["post"]
    assert "Cache-Control" in [parameter["name"] for parameter in operation["parameters"]]
    answer = operation["responses"]["200"]
    assert {"X-Cache", "Age"} <= set(answer["headers"])
    assert "schema" in answer["content"]["application/json"]


async def test_the_documentation_page_and_the_first_page_are_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).headers["content-type"].startswith("text/html")
    front = (await client.get("/")).json()
    assert front["docs"] == "/docs"
    paths = (await described(client))["paths"]
    assert {front["predict"], front["health"], front["models"]} <= set(paths)


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def examples(content: dict[str, Any]) -> list[tuple[str, Any, dict[str, Any]]]:
    """Each media type with its examples and their schema; an image's bytes cannot stand in JSON and need none."""
    found = []
    for media_type, media in content.items():
        if media.get("schema", {}).get("format") == "binary":
            continue
        several = [example["value"] for example in media.get("examples", {}).values()]
        given = several or ([media["example"]] if "example" in media else [])
        assert given, f"{media_type} has no example"
        found += [(media_type, example, media["schema"]) for example in given]
    return found


async def test_every_operation_has_whole_examples_and_they_are_valid(client: httpx.AsyncClient) -> None:
    document = await described(client)
    for name, operation in operations(document):
        good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert good, name
        contents = [answer["content"] for answer in good]
        contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
        for content in contents:
            assert examples(content), name
            for media_type, example, schema in examples(content):
                validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
                problems = [error.message for error in validator.iter_errors(example)]
                assert not problems, (name, media_type, problems)


async def test_the_examples_of_what_can_be_read_are_what_is_answered(client: httpx.AsyncClient) -> None:
    """Not their numbers, but every key."""
    document = await described(client)
    for name, operation in operations(document):
        method, path = name.split(" ")
        if method != "GET" or "application/json" not in operation["responses"]["200"]["content"]:
            continue
        example = operation["responses"]["200"]["content"]["application/json"]["example"]
        answer = await client.get(path.replace("{name}", "yolo").replace("{version}", "1.0"))
        assert answer.status_code == 200, name
        assert list(answer.json()) == list(example), name


async def test_the_document_is_built_without_holding_up_other_requests(client: httpx.AsyncClient) -> None:
    building = asyncio.create_task(client.get("/openapi.json"))
    answered = 0
    while not building.done():
        assert (await client.get("/health/live")).status_code == 200
        answered += 1
        await asyncio.sleep(0.005)
    assert (await building).status_code == 200
    assert answered > 3
