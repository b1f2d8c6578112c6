"""Every error has one body, and none tells what it should not."""

from __future__ import annotations

import re

import httpx
import pytest

from gateway import errors
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction
from gateway.main import create_app
from gateway.model_server.base import Model, Readiness
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


def every_api_error() -> list[type[errors.ApiError]]:
    def below(base: type[errors.ApiError]) -> list[type[errors.ApiError]]:
        return [found for child in base.__subclasses__() for found in (child, *below(child))]

    return below(errors.ApiError)


class BrokenBackend:
    """A backend with a bug: it raises what no backend may raise."""

    name = "broken"

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        raise ZeroDivisionError("a secret at /srv/gateway/broken.py")

    async def ready(self) -> Readiness:
        raise ZeroDivisionError("a secret at /srv/gateway/broken.py")

    async def models(self) -> list[Model]:
        return []

    async def aclose(self) -> None:
        return None


async def test_an_unknown_address_is_404(client: httpx.AsyncClient) -> None:
    for path in ("/nothing/here", "/predict/", "/%2e%2e/etc/passwd"):
        assert_error(await client.get(path), 404, "not_found", "/docs")


async def test_a_wrong_method_is_405_and_says_which_is_right(client: httpx.AsyncClient) -> None:
    response = await client.get("/predict")
    assert_error(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    both = await client.options("/v1/vision/custom/list")  # two routes with one address
    assert (both.status_code, both.headers["allow"]) == (405, "GET, HEAD, POST")
    assert_error(await client.post("/health/live"), 405, "method_not_allowed")
    assert_error(await client.request("BREW", "/predict"), 405, "method_not_allowed")


async def test_a_bug_is_500_without_its_details_and_is_logged_with_them(
    settings: SettingsMaker, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_app(settings(), BrokenBackend()) as (_, client):
        response = await client.post("/predict", content=JPEG)
    assert_error(response, 500, "internal_error", "request_id")
    assert "secret" not in response.text
    record = next(record for record in caplog.records if record.message == "unhandled error")
    assert record.exc_info is not None
    assert "a secret" in str(record.exc_info[1])


async def test_a_bug_in_the_readiness_check_is_not_ready(settings: SettingsMaker) -> None:
    async with running_app(settings(), BrokenBackend()) as (_, client):
        assert_error(await client.get("/health/ready"), 503, "model_not_ready", "the readiness check failed")


async def test_a_bug_after_half_an_answer_breaks_the_connection_instead_of_mixing_two(settings: SettingsMaker) -> None:
    app = create_app(settings(), BrokenBackend())

    async def half_an_answer(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        raise ZeroDivisionError

    app.mount("/half", half_an_answer)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/half/")


def test_codes_are_unique_snake_case_and_their_messages_are_sentences() -> None:
    kinds = every_api_error()
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    for kind in kinds:
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", kind.code)
        assert kind.default.endswith(".")
        assert kind().message == kind.default
        assert kind("Another.").message == "Another."


@pytest.mark.parametrize(
    ("text", "shown"),
    [("conf", "'conf'"), ("a\nb\x1b[0m", "'a\ufffdb\ufffd[0m'"), ("x" * 61, f"'{'x' * 60}…'"), ("", "''")],
)
def test_what_a_client_sent_is_shown_on_one_visible_bounded_line(text: str, shown: str) -> None:
    assert errors.printable(text) == shown
