"""Images by their address: from allowed hosts and public addresses only, whatever names, redirects, servers do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import ApiError, BodyTooLarge, UrlFailed, UrlNotAllowed
from gateway.intake.fetch import ImageFetcher, Resolver
from gateway.intake.url_policy import UrlPolicy, is_own, is_public
from gateway.main import create_app
from gateway.settings import Settings
from gateway.settings.url_allow import parse_allowed
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.certificates import self_signed
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe, serving
from tests.gateway.support.pictures import picture
from tests.gateway.support.sockets import connect

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")
NAME = "pictures.test"
LOOPBACK = "127.0.0.0/8"
LATE = 20.0


class Site:
    """An HTTP server of pictures, good and bad; ``asked`` holds the headers of every request."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.left = 0
        self.at_once = self.most_at_once = 0
        self.location = self.challenge = ""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.asked.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.paths.append(scope["path"])
        match scope["path"]:
            case "/picture.jpg":
                await self._answer(send, 200, JPEG, [(b"set-cookie", b"who=you"), (b"content-type", b"text/plain")])
            case "/large.jpg":
                await self._answer(send, 200, JPEG.ljust(100_000, b"\0"))
            case "/page":
                await self._answer(send, 200, b"<html>not a picture</html>")
            case "/zipped":
                await self._answer(send, 200, JPEG, [(b"content-encoding", b"gzip")])
            case "/to":
                await self._answer(send, 302, b"", [(b"location", self.location.encode())])
            case "/loop":
                await self._answer(send, 307, b"", [(b"location", b"/loop")])
            case "/nowhere":
                await self._answer(send, 302, b"")
            case "/declares":
                await self._answer(send, 200, b"", [(b"content-length", b"999999999")])
            case "/endless":
                await self._endless(receive, send, 65_536)
            case "/drips":
                await self._endless(receive, send, 1)
            case "/silent":
                await self._wait(receive)
            case "/basic" | "/digest":
                await self._camera(scope["path"], self.asked[-1].get("authorization", ""), send)
            case "/challenge":
                await self._answer(send, 401, b"", [(b"www-authenticate", self.challenge.encode("latin-1"))])
            case "/busy":
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await asyncio.sleep(0.05)
                self.at_once -= 1
                await self._answer(send, 200, JPEG)
            case _:
                await self._answer(send, 404, b"no such picture")

    async def _answer(self, send: Any, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        length = (
            [] if any(name == b"content-length" for name, _ in headers) else [(b"content-length", b"%d" % len(body))]
        )
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
        if body or length:
            await send({"type": "http.response.body", "body": body})

    async def _camera(self, path: str, authorization: str, send: Any) -> None:
        """Answer the user admin with the password "p: ss"; as Digest of RFC 2069, the form of the oldest cameras."""
        if path == "/basic":
            is_known = authorization == f"Basic {base64.b64encode(b'admin:p: ss').decode()}"
            challenge = 'Basic realm="camera"'
        else:
            hashes = [hashlib.md5(text).hexdigest() for text in (b"admin:camera:p: ss", b"GET:/digest")]
            expected = hashlib.md5(f"{hashes[0]}:n0nce:{hashes[1]}".encode()).hexdigest()
            is_known = authorization.startswith("Digest ") and f'response="{expected}"' in authorization
            challenge = 'Digest realm="camera", nonce="n0nce"'
        headers = [] if is_known else [(b"www-authenticate", challenge.encode())]
        await self._answer(send, 200 if is_known else 401, JPEG, headers)

    async def _endless(self, receive: Any, send: Any, size: int) -> None:
        leaving = asyncio.create_task(self._wait(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"\xff" * size, "more_body": True})
            await asyncio.sleep(0.001)
        await leaving

    async def _wait(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left += 1


@pytest.fixture
def site() -> Iterator[tuple[Site, int]]:
    """A site on loopback, and its port."""
    site = Site()
    with serving(site) as url:
        yield site, int(url.rpartition(":")[2])


class Names:
    """A resolver that knows what it is told and remembers what it was asked."""

    def __init__(self, **addresses: Sequence[str] | list[Sequence[str]]) -> None:
        self.addresses: dict[str, Any] = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        found = self.addresses.get(host)
        if found is None:
            raise OSError("no such name")
        if found and isinstance(found[0], list):
            return list(found.pop(0))
        return list(found)


@contextlib.asynccontextmanager
async def fetching(
    resolver: Resolver, tls: ssl.SSLContext | None = None, **changed: Any
) -> AsyncIterator[ImageFetcher]:
    defaults: dict[str, Any] = {"url_allow_private": LOOPBACK, "url_timeout_s": 5}
    yield ImageFetcher(Settings(**{**defaults, **changed}), resolver, tls)


HERE = {"pictures_test": ["127.0.0.1"]}


async def refusal(url: str, resolver: Resolver, kind: type[ApiError], **changed: Any) -> str:
    async with fetching(resolver, **changed) as fetcher:
        with pytest.raises(kind) as caught:
            await fetcher.fetch(url)
    return caught.value.message


# --- what is fetched ---


async def test_a_picture_is_fetched_from_an_allowed_host_and_its_name_is_what_the_server_hears(
    site: tuple[Site, int],
) -> None:
    server, port = site
    async with fetching(Names(**HERE), url_allow=f"{NAME}:{port}") as fetcher:
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg#part") == JPEG
        assert await fetcher.fetch(f"HTTP://PICTURES.TEST:{port}/picture.jpg") == JPEG
    assert [asked["host"] for asked in server.asked] == [f"{NAME}:{port}"] * 2
    # Nothing is kept from one request to the next, and nothing tells who asked.
    assert set(server.asked[1]) == {"host", "user-agent", "accept", "accept-encoding", "connection"}


async def test_the_whole_way_through_the_gateway(
    settings: SettingsMaker, site: tuple[Site, int], fake: FakeTorchServe
) -> None:
    server, port = site
    allowed = settings(url_allow=f"localhost:{port}", url_allow_private=f"{LOOPBACK}, ::1/128")
    url = f"http://localhost:{port}/picture.jpg"
    async with running_app(allowed) as (_, client):
        headers = {"Authorization": "Bearer secret", "Cookie": "a=b"}
        response = await client.post("/predict", json={"url": url, "conf": 0.4}, headers=headers)
        assert response.status_code == 200
        assert (fake.predictions[0].body, fake.predictions[0].query) == (JPEG, {"conf": "0.4"})
        assert not {"authorization", "cookie"} & set(server.asked[0])
        drawn = await client.post("/predict?format=png", json={"url": url})
        assert drawn.headers["content-type"] == "image/png"
        missing = url.replace("picture", "missing")
        batch = await client.post("/predict/batch", json={"images": [{"url": url}, {"url": missing}]})
        assert [entry.get("error", {}).get("code") for entry in batch.json()["results"]] == [None, "url_failed"]
        response = await client.post("/predict", json={"url": f"http://localhost:{port}/page"})
        assert_error(response, 415, "unsupported_image")


@pytest.fixture
def password() -> str:
    return "p: ss"


@pytest.fixture
def netrc_file(tmp_path: Path, password: str) -> str:
    path = tmp_path / "cameras.netrc"
    path.write_text(f'machine {NAME} login admin password "{password}"\ndefault login any password secret\n')
    return str(path)


@pytest.mark.parametrize("path", ["basic", "digest"])
async def test_a_camera_gets_the_password_that_a_file_has_for_it(
    site: tuple[Site, int], netrc_file: str, path: str
) -> None:
    server, port = site
    async with fetching(Names(**HERE), url_allow=f"{NAME}:{port}", url_netrc_file=netrc_file) as fetcher:
        assert await fetcher.fetch(f"http://{NAME}:{port}/{path}") == JPEG
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg") == JPEG
    assert ["authorization" in asked for asked in server.asked] == [False, True, False], "only where it is required"


async def test_a_password_goes_to_no_other_host(site: tuple[Site, int], netrc_file: str) -> None:
    server, port = site
    names = Names(pictures_test=["127.0.0.1"], other_test=["127.0.0.1"])
    server.location = f"http://other.test:{port}/basic"
    allow = {"url_allow": f"{NAME}:{port}, other.test:{port}", "url_netrc_file": netrc_file}
    for url in (f"http://other.test:{port}/basic", f"http://{NAME}:{port}/to"):
        message = await refusal(url, names, UrlFailed, **allow)
        assert "401" in message
    assert all("authorization" not in asked for asked in server.asked)


@pytest.mark.parametrize("password", ["wrong"])
async def test_a_wrong_password_is_sent_once(site: tuple[Site, int], netrc_file: str) -> None:
    server, port = site
    for path in ("basic", "digest"):
        server.asked.clear()
        names, allow = Names(**HERE), f"{NAME}:{port}"
        message = await refusal(
            f"http://{NAME}:{port}/{path}", names, UrlFailed, url_allow=allow, url_netrc_file=netrc_file
        )
        assert "401" in message
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="digest"',
        "Digest realm",
        "Digest",
        'Digest realm="camera"',
        'Digest realm="camera", nonce="n", algorithm=ROT13',
        'Digest realm="camera", nonce="n", qop="auth-int"',
        'Digest realm="camera", nonce="n", qop="none"',
        'Digest realm="camera\xff", nonce="n"',
    ],
)
async def test_a_challenge_that_makes_no_sense_is_an_error_of_the_url(
    site: tuple[Site, int], netrc_file: str, challenge: str
) -> None:
    server, port = site
    server.challenge = challenge
    await refusal(
        f"http://{NAME}:{port}/challenge",
        Names(**HERE),
        UrlFailed,
        url_allow=f"{NAME}:{port}",
        url_netrc_file=netrc_file,
    )


async def test_without_an_allow_list_nothing_is_fetched_and_the_answer_says_why(
    client: httpx.AsyncClient, site: tuple[Site, int]
) -> None:
    server, port = site
    response = await client.post("/predict", json={"url": f"http://localhost:{port}/picture.jpg"})
    assert_error(response, 403, "url_not_allowed", "URL_ALLOW", "send the image itself")
    assert server.asked == []


async def test_an_address_that_does_not_answer_is_followed_by_the_hosts_next_one(site: tuple[Site, int]) -> None:
    _, port = site
    names = Names(pictures_test=["127.0.0.7", "127.0.0.1"])  # the site listens on the second only
    async with fetching(names, url_allow=f"{NAME}:{port}") as fetcher:
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg") == JPEG


async def test_a_proxy_of_the_environment_is_not_asked(
    site: tuple[Site, int], unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = site
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, unused_url)
    async with fetching(Names(**HERE), url_allow=f"{NAME}:{port}") as fetcher:
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg") == JPEG


# --- which names ---


@pytest.mark.parametrize(
    ("allow", "url", "allowed"),
    [
        ("example.com", "https://example.com/a.jpg", True),
        ("example.com", "http://EXAMPLE.com./a.jpg", True),
        ("Example.COM", "https://example.com/a.jpg", True),
        ("example.com", "https://www.example.com/a.jpg", False),
        ("example.com", "https://notexample.com/a.jpg", False),
        ("example.com", "https://example.com.evil.net/a.jpg", False),
        ("example.com", "https://example.com:8443/a.jpg", False),
        ("example.com", "http://example.com:443/a.jpg", False),
        ("example.com", "https://example.com:443/a.jpg", True),
        ("example.com:8443", "https://example.com:8443/a.jpg", True),
        ("example.com:8443", "https://example.com/a.jpg", False),
        (".example.com", "https://a.b.example.com/a.jpg", True),
        (".example.com", "https://example.com/a.jpg", True),
        (".example.com", "https://notexample.com/a.jpg", False),
        ("a.net, example.com b.net", "https://b.net/", True),
        ("*", "https://anything.net/", True),
        ("*", "https://anything.net:22/", False),
        ("*", "ftp://anything.net/a.jpg", False),
        ("*", "file:///etc/passwd", False),
        ("*", "data:image/png;base64,AAAA", False),
        ("*", "gopher://anything.net/", False),
        ("*", "//anything.net/a.jpg", False),
        ("*", "anything.net/a.jpg", False),
        ("*", "http:///a.jpg", False),
        ("*", "", False),
        ("*", "https://user:secret@anything.net/", False),
        ("*", "https://user@anything.net/", False),
        ("example.com", "https://example.com\\@evil.net/", False),
        ("example.com", "https://example.com@evil.net/", False),
        ("example.com", "https://evil.net#@example.com/", False),
        ("example.com", "https://evil.net\t.example.com/", False),
        ("*", "https://\ud800/", False),
        ("*", f"https://example.com/{'a' * 2048}", False),
        ("xn--exmple-cua.com", "https://exämple.com/", True),
    ],
)
def test_the_allow_list_decides_by_scheme_host_and_port(allow: str, url: str, allowed: bool) -> None:
    policy = UrlPolicy(allow)
    if allowed:
        assert policy.check_url(url).host
    else:
        with pytest.raises(UrlNotAllowed) as caught:
            policy.check_url(url)
        assert len(caught.value.message) < 200
        assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "text", ["https://example.com", "a/b", "exa mple.com/x", "a:0", "a:65536", "*.example.com", "."]
)
def test_an_entry_that_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        parse_allowed(text)


# --- which addresses ---

NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "2001:4860::1"]


def test_only_addresses_of_the_public_internet_are_public() -> None:
    assert [text for text in NOT_PUBLIC if is_public(ip_address(text))] == []
    assert [text for text in PUBLIC if not is_public(ip_address(text))] == []
    # Never wider than what Python itself calls global.
    assert all(ip_address(text).is_global for text in PUBLIC)


async def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused_unconnected(
    site: tuple[Site, int],
) -> None:
    server, port = site
    for address in NOT_PUBLIC:
        for addresses in ([address], ["93.184.216.34", address]):
            allow = {"url_allow": f"{NAME}:{port}", "url_allow_private": ""}
            message = await refusal(f"http://{NAME}:{port}/", Names(pictures_test=addresses), UrlNotAllowed, **allow)
            assert "not public" in message
            assert address not in message
    assert server.asked == []


def test_an_address_of_this_machine_is_told_from_others() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("8.8.8.8"))
    assert not is_own(ip_address("2001:4860::1"))


def test_public_addresses_of_this_machine_are_refused_like_private_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {ip_address("8.8.8.8"), ip_address("2a00:1450::1")}
    monkeypatch.setattr("gateway.intake.url_policy.is_own", own.__contains__)
    for address in map(str, own):
        with pytest.raises(UrlNotAllowed, match="not public"):
            UrlPolicy("*").check_addresses([address])
        assert UrlPolicy("*", private=address).check_addresses([address]) == [address]
    assert UrlPolicy("*").check_addresses(["9.9.9.9"]) == ["9.9.9.9"]


def test_denied_addresses_are_refused_whatever_else_is_allowed() -> None:
    policy = UrlPolicy("*", private="10.0.0.0/8", deny="9.9.9.0/24, 10.1.0.0/16, 2a00:1450::/32")
    assert policy.check_addresses(["8.8.8.8", "10.2.0.1"])
    for address in ("9.9.9.9", "10.1.2.3", "2a00:1450::1"):
        with pytest.raises(UrlNotAllowed, match="not public"):
            policy.check_addresses(["8.8.8.8", address])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "[::1]", "[::ffff:7f00:1]"]
)
async def test_however_loopback_is_written_it_is_refused(host: str) -> None:
    fetcher = ImageFetcher(Settings(url_allow="*", url_timeout_s=5))  # with the system's own resolver
    with pytest.raises((UrlNotAllowed, UrlFailed)) as caught:
        await fetcher.fetch(f"http://{host}/picture.jpg")
    assert "not public" in caught.value.message or "cannot be resolved" in caught.value.message


async def test_a_network_may_be_let_through_and_only_that(site: tuple[Site, int]) -> None:
    _, port = site
    allow = {"url_allow": f"{NAME}:{port}", "url_allow_private": "127.0.0.1/32"}
    async with fetching(Names(**HERE), **allow) as fetcher:
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg") == JPEG
    await refusal(f"http://{NAME}:{port}/", Names(pictures_test=["127.0.0.2"]), UrlNotAllowed, **allow)


async def test_a_name_is_resolved_once_so_that_a_changed_mind_changes_nothing(site: tuple[Site, int]) -> None:
    server, port = site
    # The second answer is where an attacker's name server would point: cloud metadata.
    names = Names(pictures_test=[["127.0.0.1"], ["169.254.169.254"]])
    async with fetching(names, url_allow=f"{NAME}:{port}") as fetcher:
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg") == JPEG
    assert names.asked == [(NAME, port)]
    assert len(server.asked) == 1


async def test_the_connection_goes_to_the_address_that_was_checked_not_to_the_names_real_one(
    site: tuple[Site, int],
) -> None:
    server, port = site
    # The system would find 127.0.0.1 for this name; what was checked is an address where nothing listens.
    message = await refusal(
        f"http://localhost:{port}/picture.jpg",
        Names(localhost=["127.0.0.9"]),
        UrlFailed,
        url_allow=f"localhost:{port}",
    )
    assert "No connection" in message
    assert server.asked == []


# --- redirects ---


async def test_a_redirect_to_an_allowed_place_is_followed(site: tuple[Site, int]) -> None:
    server, port = site
    names = Names(pictures_test=["127.0.0.1"], other_test=["127.0.0.1"])
    for location in ("/picture.jpg", f"http://other.test:{port}/picture.jpg", f"//{NAME}:{port}/picture.jpg"):
        server.location = location
        async with fetching(names, url_allow=f"{NAME}:{port}, other.test:{port}") as fetcher:
            assert await fetcher.fetch(f"http://{NAME}:{port}/to") == JPEG
    assert len(names.asked) == 6  # each step is resolved and checked anew


@pytest.mark.parametrize(
    ("location", "kind", "says"),
    [
        ("http://evil.test/picture.jpg", UrlNotAllowed, "'evil.test'"),
        ("http://inside.test:{port}/picture.jpg", UrlNotAllowed, "not public"),
        ("http://127.0.0.1:{port}/picture.jpg", UrlNotAllowed, "127.0.0.1"),
        ("http://169.254.169.254/latest/meta-data/", UrlNotAllowed, "169.254.169.254"),
        ("http://pictures.test:22/", UrlNotAllowed, ":22"),
        ("http://user:secret@pictures.test:{port}/picture.jpg", UrlNotAllowed, "password"),
        ("file:///etc/passwd", UrlNotAllowed, "Only complete http://"),
        ("http://a:b:c/", UrlFailed, "an invalid URL"),
        ("/loop", UrlFailed, "more than 3 times"),
        ("/nowhere", UrlFailed, "302"),
    ],
)
async def test_a_redirect_is_checked_like_the_first_address(
    site: tuple[Site, int], location: str, kind: type[ApiError], says: str
) -> None:
    server, port = site
    server.location = location.format(port=port)
    names = Names(pictures_test=["127.0.0.1"], inside_test=["10.0.0.1"], evil_test=["127.0.0.1"])
    message = await refusal(f"http://{NAME}:{port}/to", names, kind, url_allow=f"{NAME}:{port}, inside.test:{port}")
    assert says in message
    assert "/picture.jpg" not in server.paths


# --- bodies ---


async def test_an_endless_body_is_cut_off_at_the_limit(site: tuple[Site, int]) -> None:
    server, port = site
    message = await refusal(
        f"http://{NAME}:{port}/endless", Names(**HERE), BodyTooLarge, url_allow=f"{NAME}:{port}", max_body_bytes=500_000
    )
    assert "500000" in message
    await until(lambda: server.left == 1)


async def test_a_body_that_declares_too_much_is_not_read(site: tuple[Site, int]) -> None:
    _, port = site
    await refusal(f"http://{NAME}:{port}/declares", Names(**HERE), BodyTooLarge, url_allow=f"{NAME}:{port}")


@pytest.mark.parametrize("path", ["drips", "silent"])
async def test_a_server_that_takes_its_time_is_given_up(site: tuple[Site, int], path: str) -> None:
    _, port = site
    started = time.monotonic()
    message = await refusal(
        f"http://{NAME}:{port}/{path}", Names(**HERE), UrlFailed, url_allow=f"{NAME}:{port}", url_timeout_s=0.3
    )
    assert "within 0.3 s" in message
    assert time.monotonic() - started < LATE


async def test_a_name_server_that_takes_its_time_is_given_up() -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(LATE)
        return ["127.0.0.1"]

    assert "within" in await refusal(f"http://{NAME}/", slow, UrlFailed, url_allow=NAME, url_timeout_s=0.2)


@pytest.mark.parametrize(("path", "says"), [("missing", "404"), ("zipped", "compressed"), ("nowhere", "302")])
async def test_what_is_no_picture_of_its_own_is_refused(site: tuple[Site, int], path: str, says: str) -> None:
    _, port = site
    message = await refusal(f"http://{NAME}:{port}/{path}", Names(**HERE), UrlFailed, url_allow=f"{NAME}:{port}")
    assert says in message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "HTTP"),
        (b"", "HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\xff\xd8", "broke"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broke"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "too much"),
    ],
    ids=["another protocol", "nothing", "a body cut short", "broken chunks", "a huge header"],
)
async def test_a_server_that_does_not_speak_http_properly_is_an_error_of_its_own(answer: bytes, says: str) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        message = await refusal(f"http://{NAME}:{port}/", Names(**HERE), UrlFailed, url_allow=f"{NAME}:{port}")
    assert says in message


@pytest.mark.parametrize("names", [Names(), Names(pictures_test=[])])
async def test_a_name_that_leads_nowhere_is_an_error_of_its_own(names: Names) -> None:
    message = await refusal(f"http://{NAME}/", names, UrlFailed, url_allow=NAME)
    assert f"'{NAME}'" in message


# --- bounds ---


async def test_no_more_are_fetched_at_once_than_the_setting_says(site: tuple[Site, int]) -> None:
    server, port = site
    async with fetching(Names(**HERE), url_allow=f"{NAME}:{port}", url_concurrency=2) as fetcher:
        await asyncio.gather(*(fetcher.fetch(f"http://{NAME}:{port}/busy") for _ in range(8)))
    assert server.most_at_once == 2


async def test_slow_urls_of_one_caller_leave_places_for_the_others(site: tuple[Site, int]) -> None:
    server, port = site
    async with fetching(Names(**HERE), url_allow=f"{NAME}:{port}", url_timeout_s=60) as fetcher:
        slow = [
            asyncio.create_task(fetcher.fetch(f"http://{NAME}:{port}/silent", caller="key:slow")) for _ in range(20)
        ]
        await until(lambda: len(server.asked) == 4)
        async with asyncio.timeout(LATE):
            assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg", caller="key:other") == JPEG
        assert server.paths.count("/silent") == 4
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_a_look_up_that_goes_on_after_the_timeout_counts_for_its_caller(site: tuple[Site, int]) -> None:
    _, port = site
    over = asyncio.Event()
    slow: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host == "slow.test":
            slow.append(host)
            await over.wait()  # as a thread of the system's resolver, it does not end because nobody waits any more
        return ["127.0.0.1"]

    limits = {"url_concurrency": 2, "url_concurrency_per_caller": 1, "url_timeout_s": 1.0}
    async with fetching(resolve, url_allow=f"slow.test,{NAME}:{port}", **limits) as fetcher:
        lost = [fetcher.fetch("http://slow.test/", caller="key:slow") for _ in range(2)]
        assert {type(error) for error in await asyncio.gather(*lost, return_exceptions=True)} == {UrlFailed}
        assert slow == ["slow.test"]
        assert await fetcher.fetch(f"http://{NAME}:{port}/picture.jpg", caller="key:other") == JPEG
        over.set()


async def test_the_callers_of_the_route_have_shares_of_their_own(
    settings: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = []

    async def fetch(self: ImageFetcher, text: str, take: Any, caller: str) -> bytes:
        callers.append(caller)
        return JPEG

    monkeypatch.setattr(ImageFetcher, "fetch", fetch)
    async with running_app(settings(forwarded_allow_ips="127.0.0.1")) as (_, client):
        for path, body in (("", {"url": "x"}), ("/batch", {"images": [{"url": "x"}, {"url": "y"}]})):
            answer = await client.post(f"/predict{path}", json=body, headers={"X-Forwarded-For": "192.0.2.7"})
            assert answer.status_code == 200
    assert callers == ["ip:192.0.2.7"] * 3


async def test_a_client_that_leaves_ends_the_fetching(
    settings: SettingsMaker, site: tuple[Site, int], fake: FakeTorchServe
) -> None:
    server, port = site
    app = create_app(settings(url_allow=f"{NAME}:{port}", url_allow_private=LOOPBACK))
    fetcher = ImageFetcher(app.state.services.settings, Names(**HERE))
    app.state.services = dataclasses.replace(app.state.services, fetcher=fetcher)
    body = b'{"url": "http://%s:%d/silent"}' % (NAME.encode(), port)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with serving(app, lifespan="on") as url:
        with connect(url) as client:
            client.sendall(head % len(body) + body)
            await until(lambda: server.asked)
        await until(lambda: server.left == 1)
    assert fake.predictions == []


async def test_fetched_pictures_take_their_room_from_that_of_uploads_until_they_are_answered(
    settings: SettingsMaker, site: tuple[Site, int], fake: FakeTorchServe
) -> None:
    _, port = site
    answer = fake.predict
    url = f"http://localhost:{port}/large.jpg"
    allowed = {"url_allow": f"localhost:{port}", "url_allow_private": f"{LOOPBACK}, ::1/128"}
    async with running_app(settings(**allowed, upload_memory_bytes=150_000, batch_concurrency=1)) as (app, client):
        fake.predict = lambda asked: Answer([STREET], delay_s=10)
        waiting = asyncio.create_task(client.post("/predict", json={"url": url}))
        await until(lambda: fake.predictions)
        assert_error(await client.post("/predict", json={"url": url}), 503, "overloaded", "uploads")
        batch = await client.post("/predict/batch", json={"images": [{"url": url}]})
        assert batch.json()["results"][0]["error"]["code"] == "overloaded"
        waiting.cancel()
        await until(lambda: app.state.services.uploads.held == 0)
        fake.predict = answer
        assert (await client.post("/predict", json={"url": url})).status_code == 200
        # Those of a batch have their room one after the other.
        batch = await client.post("/predict/batch", json={"images": [{"url": url}] * 3})
        assert batch.json()["succeeded"] == 3
        assert app.state.services.uploads.held == 0


# --- TLS ---


@pytest.mark.parametrize(("of", "fits"), [(NAME, True), ("other.test", False)])
async def test_tls_speaks_of_the_name_and_the_certificate_must_be_the_names(
    tmp_path: Path, of: str, fits: bool
) -> None:
    crt, key = self_signed(tmp_path, of)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(crt, key)
    heard: list[str | None] = []
    tls.sni_callback = lambda _, name, __: heard.append(name)

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(JPEG) + JPEG)
        await writer.drain()
        writer.close()

    trusting = ssl.create_default_context(cafile=str(crt))
    async with await asyncio.start_server(reply, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        async with fetching(Names(**HERE), trusting, url_allow=f"{NAME}:{port}") as fetcher:
            if fits:
                assert await fetcher.fetch(f"https://{NAME}:{port}/a.jpg") == JPEG
            else:
                with pytest.raises(UrlFailed, match="No connection"):
                    await fetcher.fetch(f"https://{NAME}:{port}/a.jpg")
    assert heard == [NAME]
