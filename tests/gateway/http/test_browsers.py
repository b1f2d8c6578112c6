"""What browsers are told, which other sites may call, and whose word counts for where a request came from."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from gateway.http.proxies import KEEP_S, LOOK_UP_EVERY_S, TrustedProxiesMiddleware
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.pictures import picture

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
SITE = "https://shop.example"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/predict"), ("GET", "/models"), ("GET", "/health"), ("GET", "/nothing"), ("PUT", "/predict")],
)
async def test_every_answer_errors_included_is_complete(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path, content=JPEG if method == "POST" else None)
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert not {"server", "x-powered-by", "strict-transport-security"} & set(response.headers)


async def test_a_bug_is_answered_with_them_too(settings: SettingsMaker) -> None:
    async with running_app(settings()) as (app, client):

        @app.get("/bug")
        async def bug() -> None:
            raise ZeroDivisionError

        response = await client.get("/bug")
    assert_error(response, 500, "internal_error")
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_documentation_works_in_a_browser_and_is_framed_by_nobody(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "http" not in policy
    assert "unsafe" not in policy


async def test_what_a_route_has_set_stays(settings: SettingsMaker) -> None:
    async with running_app(settings()) as (app, client):
        add_page(app)
        headers = (await client.get("/page")).headers
    assert headers["content-security-policy"] == "default-src 'self'"
    assert headers["cache-control"] == "max-age=60"
    assert headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert headers["x-content-type-options"] == "nosniff"


def add_page(app: FastAPI) -> None:
    @app.get("/page")
    async def page() -> Response:
        own = {
            "Content-Security-Policy": "default-src 'self'",
            "Cache-Control": "max-age=60",
            "X-Frame-Options": "SAMEORIGIN",
        }
        return Response("<p>", media_type="text/html", headers=own)


@pytest.mark.parametrize(
    ("peer", "host", "sent"),
    [("192.0.2.1", "yolo.example", True), ("192.0.2.9", "yolo.example", False), ("192.0.2.1", "localhost:8443", False)],
    ids=["the edge says https", "somebody else does", "localhost"],
)
async def test_strict_transport_security_only_where_the_edge_speaks_tls(
    settings: SettingsMaker, peer: str, host: str, sent: bool
) -> None:
    async with running_app(settings(forwarded_allow_ips="192.0.2.1")) as (app, _):
        transport = httpx.ASGITransport(app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            response = await client.get("/models", headers={"X-Forwarded-Proto": "https", "Host": host})
    assert response.headers.get("strict-transport-security") == ("max-age=31536000" if sent else None)


async def test_other_sites_pages_may_nothing_by_default(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", content=JPEG, headers={"Origin": SITE})
    assert not [name for name in response.headers if name.startswith("access-control")]
    preflight = {"Origin": SITE, "Access-Control-Request-Method": "POST"}
    assert_error(await client.options("/predict", headers=preflight), 405, "method_not_allowed")


async def test_a_named_site_may_send_pictures_with_a_key_and_read_what_it_needs(settings: SettingsMaker) -> None:
    async with running_app(settings(cors_origins=f"{SITE}, https://other.example", rate_limit="1/minute")) as (
        _,
        client,
    ):
        wanted = {
            "Origin": SITE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-api-key",
        }
        for _ in range(3):  # preflights need no key and do not count
            preflight = await client.options("/predict", headers=wanted)
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == SITE
            assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        answer = await client.post("/predict", content=JPEG, headers={"Origin": SITE})
        refused = await client.post("/predict", content=JPEG, headers={"Origin": SITE})
    assert (answer.status_code, refused.status_code) == (200, 429)
    for response in (answer, refused):  # an error that a page cannot read helps nobody
        assert response.headers["access-control-allow-origin"] == SITE
        assert "Retry-After" in response.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in response.headers
        assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize(
    "changed",
    [{"Origin": "https://evil.example"}, {"Access-Control-Request-Method": "DELETE"}, {"Origin": "null"}],
)
async def test_another_site_or_method_is_refused_in_the_gateways_words(
    settings: SettingsMaker, changed: dict[str, str]
) -> None:
    async with running_app(settings(cors_origins=SITE)) as (_, client):
        asked = {"Origin": SITE, "Access-Control-Request-Method": "POST", **changed}
        assert_error(await client.options("/predict", headers=asked), 403, "origin_refused", "CORS_ORIGINS")
        answer = await client.post("/predict", content=JPEG, headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "seen"),
    [
        ("", "127.0.0.1", "203.0.113.5", "127.0.0.1"),
        ("10.0.0.1", "127.0.0.1", "203.0.113.5", "127.0.0.1"),
        ("10.0.0.0/8", "10.9.9.9", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.0/8", "10.9.9.9", "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.0/8", "10.9.9.9", "203.0.113.5, 10.1.1.1", "203.0.113.5"),
        ("::1", "::1", "2001:db8::7", "2001:db8::7"),
        ("localhost", "127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("no-such-host.invalid", "127.0.0.1", "203.0.113.5", "127.0.0.1"),
    ],
)
async def test_only_a_trusted_proxys_word_counts_in_the_log_and_for_limits(
    settings: SettingsMaker, caplog: pytest.LogCaptureFixture, trusted: str, peer: str, forwarded: str, seen: str
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    async with running_app(settings(forwarded_allow_ips=trusted, rate_limit="1/minute")) as (app, _):
        transport = httpx.ASGITransport(app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            await client.get("/models", headers={"X-Forwarded-For": forwarded})
            other = await client.get("/models", headers={"X-Forwarded-For": "198.51.100.200"})
    lines = [record for record in caplog.records if record.name == "gateway.access"]
    assert getattr(lines[0], "client", None) == seen
    assert other.status_code == (429 if seen == peer else 200), "a spoofed address buys nothing"


@pytest.mark.parametrize(
    ("profiles", "seen"), [("", "127.0.0.1"), ("redis,hedge", "127.0.0.1"), ("redis, edge", "203.0.113.5")]
)
async def test_a_host_called_edge_is_trusted_only_if_its_profile_is_enabled(
    settings: SettingsMaker,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    profiles: str,
    seen: str,
) -> None:
    monkeypatch.setattr("gateway.http.proxies._addresses_of", Resolver("127.0.0.1"))
    caplog.set_level(logging.INFO, "gateway.access")
    async with running_app(settings(published_profiles=profiles, auth="off")) as (_, client):
        await client.get("/models", headers={"X-Forwarded-For": "203.0.113.5"})
    (line,) = (record for record in caplog.records if record.name == "gateway.access")
    assert getattr(line, "client", None) == seen


class Resolver:
    """A name's addresses as a test sets them; None is a resolver that is away."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: tuple[str, ...] | None = addresses
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self, name: str) -> tuple[str, ...]:
        self.asked += 1
        await self.answers.wait()
        if self.addresses is None:
            raise OSError("temporary failure in name resolution")
        return self.addresses


class Edge:
    """A middleware that trusts the name `edge`, and whom it takes for the client of what a peer passes on."""

    def __init__(self, resolver: Resolver) -> None:
        self.now = 0.0
        self.proxies = TrustedProxiesMiddleware(
            self._app,  # type: ignore[arg-type]
            ["edge"],
            clock=lambda: self.now,
            resolve=resolver,
        )

    async def _app(self, scope: dict[str, Any], receive: object, send: object) -> None:
        self.seen = scope["client"][0]

    async def client(self, peer: str) -> str:
        scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", b"203.0.113.5")]}
        await self.proxies(scope, None, None)  # type: ignore[arg-type]
        return str(self.seen)

    async def client_after_a_look_up(self, peer: str) -> str:
        self.now += LOOK_UP_EVERY_S
        await self.client(peer)
        for _ in range(10):  # the look-up's own steps; it waits for nothing
            await asyncio.sleep(0)
        return await self.client(peer)


async def test_a_proxy_that_moves_is_found_again() -> None:
    resolver = Resolver("10.0.0.1")
    edge = Edge(resolver)
    assert await edge.client("10.0.0.1") == "203.0.113.5"
    resolver.addresses = ("10.0.0.2",)
    edge.now = LOOK_UP_EVERY_S - 1
    assert await edge.client("10.0.0.2") == "10.0.0.2"
    edge.now = LOOK_UP_EVERY_S
    assert await edge.client("10.0.0.2") == "10.0.0.2", "a later look-up holds nobody up"
    assert await edge.client_after_a_look_up("10.0.0.2") == "203.0.113.5"
    assert await edge.client("10.0.0.1") == "10.0.0.1"


async def test_a_resolver_that_is_away_for_a_while_makes_no_stranger_of_the_proxy() -> None:
    resolver = Resolver("10.0.0.1")
    edge = Edge(resolver)
    await edge.client("10.0.0.1")
    resolver.addresses = None
    while edge.now + LOOK_UP_EVERY_S <= KEEP_S:
        assert await edge.client_after_a_look_up("10.0.0.1") == "203.0.113.5"
    assert await edge.client_after_a_look_up("10.0.0.1") == "10.0.0.1", "not for ever"
    resolver.addresses = ("10.0.0.1",)
    assert await edge.client_after_a_look_up("10.0.0.1") == "203.0.113.5"


async def test_all_who_come_before_the_first_look_up_is_done_wait_for_it() -> None:
    resolver = Resolver("10.0.0.1")
    resolver.answers.clear()
    edge = Edge(resolver)
    asking = [asyncio.create_task(edge.client("10.0.0.1")) for _ in range(3)]
    await until(lambda: resolver.asked)
    asking[0].cancel()  # who leaves takes the look-up of the others with him no more
    resolver.answers.set()
    assert await asyncio.gather(*asking[1:]) == ["203.0.113.5"] * 2
    assert resolver.asked == 1
