"""At every address holds what should: the scope it asks for, as OpenAPI says too; its rate; its line in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from gateway import errors
from gateway.http.policy import BELOW, DEFAULT, EXACT, named_policy, needed_scope, policy_for
from gateway.main import create_app
from tests.gateway.api.test_openapi import NOT_OF_A_ROUTE, OF_A_DETECTION, OF_OTHER_PROTOCOLS, codes, error_model
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.auth import add_key, bearer

pytestmark = pytest.mark.anyio

OF_AUTH = {kind.code for kind in (errors.Unauthenticated, errors.InvalidCredentials, errors.InsufficientScope)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


@pytest.fixture
def key(path: Path) -> str:
    return add_key(path)


@pytest.fixture
async def guarded(settings: SettingsMaker, path: Path, key: str) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    async with running_app(settings(api_keys_file=str(path))) as running:
        yield running


def addresses(app: FastAPI) -> set[str]:
    """Every address there is, whether OpenAPI lists it or not; a mount stands for something below it."""
    return {
        f"{route.path}/anything" if isinstance(route, Mount) else getattr(route, "path", "")
        for route in _flat(app.routes)
    }


def _flat(routes: Any) -> list[Any]:
    # A router that is included keeps its own list in this version of FastAPI.
    found: list[Any] = []
    for route in routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        found += _flat(inner) if inner is not None else [route]
    return found


def test_every_route_of_the_application_is_named_in_the_table(settings: SettingsMaker) -> None:
    found = addresses(create_app(settings()))
    assert {"/predict", "/metrics", "/models", "/health/live", "/openapi.json", "/docs"} <= found
    assert [address for address in sorted(found) if named_policy(address) is None] == []


def test_every_route_that_openapi_lists_is_among_those(settings: SettingsMaker) -> None:
    app = create_app(settings())
    assert set(app.openapi()["paths"]) <= addresses(app)


def test_what_nobody_named_needs_predict() -> None:
    assert {policy.scope for policy in (*EXACT.values(), *BELOW.values())} == {None, "predict", "admin"}
    for address in (
        "/new",
        "/Predict",
        "//predict",
        "/health/",
        "/health/live/x",
        "/staticx",
        "/docs/",
        "",
        "/metrics/",
    ):
        assert policy_for(address) == DEFAULT, address
        assert needed_scope(address) == "predict", address


@pytest.mark.parametrize(
    ("address", "scope", "limited", "quiet"),
    [
        ("/", None, False, False),
        ("/static/page.js", None, False, False),
        ("/docs", None, False, False),
        ("/openapi.json", "predict", False, False),
        ("/health", None, False, True),
        ("/health/live", None, False, True),
        ("/health/ready", None, False, True),
        ("/v2/health/live", None, False, True),
        ("/v2/health/ready", None, False, True),
        ("/v2/models/yolo/ready", "predict", False, True),
        ("/v2/models/yolo/versions/1.0/ready", "predict", True, False),
        ("/predict", "predict", True, False),
        ("/predict/batch", "predict", True, False),
        ("/v1/vision/detection", "predict", True, False),
        ("/v2/models/yolo/versions/1.0/infer", "predict", True, False),
        ("/v2/models/yolo", "predict", True, False),
        ("/models", "predict", True, False),
        ("/metrics", "admin", False, True),
    ],
)
def test_at_an_address_holds(address: str, scope: str | None, limited: bool, quiet: bool) -> None:
    policy = policy_for(address)
    assert (policy.scope, policy.limited, policy.quiet) == (scope, limited, quiet)
    assert needed_scope(address) == scope


def test_every_probe_is_unlimited_and_quiet(settings: SettingsMaker) -> None:
    for address in addresses(create_app(settings())):
        if "/health" in address or address == "/metrics":
            assert not policy_for(address).limited, address
            assert policy_for(address).quiet, address


async def test_open_addresses_are_open_and_unknown_ones_are_not_told_from_known(
    guarded: tuple[FastAPI, httpx.AsyncClient], key: str
) -> None:
    _, client = guarded
    for address in ("/", "/health", "/health/live", "/health/ready", "/docs", "/static/docs.js"):
        assert (await client.get(address)).status_code == 200, address
    for address in ("/openapi.json", "/models", "/nothing", "/predict/", "/static"):
        assert_error(await client.get(address), 401, "unauthenticated")
    refused = await client.get("/v2")  # in the words of its protocol
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert_error(await client.get("/nothing", headers=bearer(key)), 404, "not_found")
    assert_error(await client.get("/predict", headers=bearer(key)), 405, "method_not_allowed")


async def test_metrics_need_admin_unless_they_are_public(settings: SettingsMaker, path: Path, key: str) -> None:
    admin = add_key(path, "prometheus", ("admin",))
    async with running_app(settings(api_keys_file=str(path))) as (_, client):
        assert_error(await client.get("/metrics"), 401, "unauthenticated")
        assert_error(await client.get("/metrics", headers=bearer(key)), 403, "insufficient_scope")
        assert (await client.get("/metrics", headers=bearer(admin))).status_code == 200
    async with running_app(settings(api_keys_file=str(path), metrics_public=True)) as (_, client):
        assert (await client.get("/metrics")).status_code == 200


async def test_without_authentication_nobody_is_asked_and_no_layer_stands_in_the_way(client: httpx.AsyncClient) -> None:
    assert (await client.get("/metrics")).status_code == 200
    assert (await client.get("/models", headers=bearer("anything"))).status_code == 200
    document = (await client.get("/openapi.json")).json()
    assert "securitySchemes" not in document["components"]
    assert not codes(document["paths"]["/predict"]["post"]) & OF_AUTH


async def test_openapi_describes_schemes_requirements_and_refusals(
    guarded: tuple[FastAPI, httpx.AsyncClient], key: str
) -> None:
    _, client = guarded
    document = (await client.get("/openapi.json", headers=bearer(key))).json()
    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    for address, methods in document["paths"].items():
        for operation in methods.values():
            if needed_scope(address) is None:
                assert "security" not in operation, address
                assert not codes(operation) & OF_AUTH, address
            else:
                assert operation["security"] == [{"ApiKey": []}, {"Bearer": []}], address
                assert OF_AUTH | {"auth_unavailable", "internal_error"} <= codes(operation), address
                assert f"`{needed_scope(address)}`" in operation["description"]
                for status in ("401", "403", "503"):
                    schema = operation["responses"][status]["content"]["application/json"]["schema"]
                    assert schema == {"$ref": f"#/components/schemas/{error_model(address).__name__}"}
    again = await client.get("/openapi.json", headers=bearer(key))
    assert document == again.json()  # nothing is added twice


async def test_with_authentication_predict_documents_every_error_there_is(
    guarded: tuple[FastAPI, httpx.AsyncClient], key: str
) -> None:
    operation = (await guarded[1].get("/openapi.json", headers=bearer(key))).json()["paths"]["/predict"]["post"]
    not_of_a_route = {kind.code for kind in (*NOT_OF_A_ROUTE, *OF_OTHER_PROTOCOLS, *OF_A_DETECTION)}
    assert codes(operation) == {kind.code for kind in errors.ApiError.__subclasses__()} - not_of_a_route
