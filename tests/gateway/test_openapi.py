"""The OpenAPI description says what the gateway does, errors included, and its examples are true."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway import errors
from gateway.schemas import ErrorResponse, PredictResponse
from tests.gateway.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


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


async def test_predict_documents_every_error_there_is(client: httpx.AsyncClient) -> None:
    operation = (await described(client))["paths"]["/predict"]["post"]
    # These come before there is a route, from the addresses themselves, or are never received by anybody.
    not_of_a_route = {
        kind.code
        for kind in (
            errors.InvalidRequest,
            errors.OriginRefused,
            errors.NotFound,
            errors.MethodNotAllowed,
            errors.ClientClosed,
        )
    }
    assert codes(operation) == {kind.code for kind in errors.ApiError.__subclasses__()} - not_of_a_route


async def test_every_route_documents_its_errors_with_the_one_body(client: httpx.AsyncClient) -> None:
    document = await described(client)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert "internal_error" in codes(operation), path
            for status, answer in operation["responses"].items():
                if int(status) < 400:
                    continue
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorResponse"}, (path, status)
                for code, example in answer["content"]["application/json"]["examples"].items():
                    assert ErrorResponse.model_validate(example["value"]).error.code == code
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_predict_documents_both_bodies_and_all_parameters(client: httpx.AsyncClient) -> None:
    operation = (await described(client))["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "image/*", "application/octet-stream"}
    names = ["conf", "iou", "max_det", "classes", "agnostic_nms", "imgsz"]
    assert [parameter["name"] for parameter in operation["parameters"]] == names
    assert list(content["multipart/form-data"]["schema"]["properties"]) == ["file", *names]
    assert content["multipart/form-data"]["schema"]["required"] == ["file"]


async def test_the_answer_is_what_its_schema_says(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", files={"file": JPEG})
    answer = PredictResponse.model_validate(response.json())
    assert answer.model_dump(by_alias=True, mode="json") == response.json()


async def test_the_documentation_page_and_the_first_page_are_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).headers["content-type"].startswith("text/html")
    front = (await client.get("/")).json()
    assert front["docs"] == "/docs"
    paths = (await described(client))["paths"]
    assert {front["predict"], front["health"], front["models"]} <= set(paths)
