"""Request ids: taken from the caller if sane, made otherwise, and everywhere the same."""

from __future__ import annotations

import httpx
import pytest

from gateway.http.observe import choose_request_id, current_request_id
from tests.gateway.support.fake_torchserve import FakeTorchServe, torchserve_error
from tests.gateway.support.pictures import picture

JPEG = picture("JPEG")


@pytest.mark.anyio
async def test_the_callers_id_is_in_the_header_the_body_and_the_call_to_the_model_server(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    response = await client.post("/predict", content=JPEG, headers={"X-Request-ID": "order-66.a_B"})
    assert response.headers.get_list("x-request-id") == ["order-66.a_B"]
    assert response.json()["request_id"] == "order-66.a_B"
    assert fake.predictions[0].headers["x-request-id"] == "order-66.a_B"


@pytest.mark.anyio
async def test_without_one_a_new_one_is_made_for_each_request(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    first, second = [(await client.post("/predict", content=JPEG)).json()["request_id"] for _ in range(2)]
    assert len(first) == 32
    assert first != second
    assert [asked.headers["x-request-id"] for asked in fake.predictions] == [first, second]


@pytest.mark.anyio
async def test_errors_of_every_origin_carry_it(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: torchserve_error(500, "InternalServerException", "Worker died.")
    headers = {"X-Request-ID": "abc"}
    for response in (
        await client.get("/nothing", headers=headers),
        await client.get("/predict", headers=headers),
        await client.post("/predict", content=b"text", headers=headers),
        await client.post("/predict", content=JPEG, headers=headers),
    ):
        assert response.is_error
        assert response.json()["request_id"] == response.headers["x-request-id"] == "abc"


@pytest.mark.parametrize(
    "offered",
    [
        b"",
        b"a b",
        b"x" * 65,
        b'"}{"level":"error',
        b"abc\r\nSet-Cookie: a=b",
        b"abc\n",
        "é".encode(),
        b"../../etc",
        b"${jndi:ldap://x}",
    ],
)
def test_an_id_that_could_inject_something_is_replaced(offered: bytes) -> None:
    chosen = choose_request_id(offered)
    assert chosen.isalnum()
    assert len(chosen) == 32


@pytest.mark.parametrize("offered", [b"a", b"x" * 64, b"0b7c-4.2_Z"])
def test_a_sane_id_is_kept(offered: bytes) -> None:
    assert choose_request_id(offered) == offered.decode()


def test_outside_of_a_request_there_is_none() -> None:
    assert current_request_id() is None
