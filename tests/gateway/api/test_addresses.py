"""Addresses that do not exist: the 404 names the one that was probably meant."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.conftest import assert_error

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/predict/", "'/predict'"),
        ("//predict", "'/predict'"),
        ("/predict//batch/", "'/predict/batch'"),
        ("/v1/vision/detection/", "'/v1/vision/detection'"),
        ("/v1/vision//custom/yolo", "'/v1/vision/custom/yolo'"),
        ("/health/", "'/health'"),
        ("/Predict", "'/predict'"),
        ("/predicts", "'/predict'"),
        ("/predict/bach", "'/predict/batch'"),
    ],
)
async def test_the_address_that_was_meant_is_named(client: httpx.AsyncClient, path: str, meant: str) -> None:
    for method in ("GET", "POST"):
        response = await client.request(method, f"http://gateway{path}")
        assert response.status_code == 404
        message = response.text
        assert f"the address is {meant}" in message


async def test_in_the_form_of_the_inference_protocol_too(client: httpx.AsyncClient) -> None:
    response = await client.post("http://gateway/v2/models/yolo/infer/")
    assert response.status_code == 404
    assert "'/v2/models/yolo/infer'" in response.json()["error"]


@pytest.mark.parametrize("path", ["/nothing/like/it", "/" + "p" * 5000, "/%1b%5b31m//x", "/" + "/" * 3000 + "x"])
async def test_otherwise_the_404_says_where_the_routes_are(client: httpx.AsyncClient, path: str) -> None:
    message = assert_error(await client.get(f"http://gateway{path}"), 404, "not_found", "GET /docs")
    assert "\x1b" not in message
    assert len(message) < 200
