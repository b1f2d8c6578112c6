"""API keys: what `ops keys` writes the gateway takes, and what is taken out of the file it refuses, while it runs."""

from __future__ import annotations

import hmac
import json
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.auth import key_file
from gateway.auth.identity import Refusal
from gateway.auth.key_file import KeyFile
from gateway.auth.key_records import hashed, parse_keys
from ops import keys
from tests.gateway.conftest import SettingsMaker, assert_error, running_app
from tests.gateway.support.auth import add_key, attempts, bearer
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.gateway.support.pictures import picture
from tests.support import Clock

pytestmark = pytest.mark.anyio

JPEG = picture("JPEG")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets/api_keys.jsonl"


@pytest.fixture
def key(path: Path) -> str:
    return add_key(path)


@pytest.fixture
async def client(settings: SettingsMaker, path: Path, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(settings(api_keys_file=str(path), metrics_public=True)) as (_, client):
        yield client


def _make_unreadable(path: Path) -> None:
    """Unreadable for root as well, whom no file mode stops."""
    path.unlink()
    path.mkdir()


def refused(file: KeyFile, key: str) -> str:
    with pytest.raises(Refusal) as caught:
        file.verify(key)
    assert caught.value.method == "key"
    return caught.value.outcome


async def test_a_key_is_taken_in_either_header(client: httpx.AsyncClient, key: str) -> None:
    for headers in (
        {"X-API-Key": key},
        bearer(key),
        {"Authorization": f"bearer  {key} "},
        {"X-API-Key": key, **bearer(key)},  # the same twice is no contradiction
    ):
        assert (await client.post("/predict", content=JPEG, headers=headers)).status_code == 200
    assert (await attempts(client))["key", "ok"] == 4


async def test_without_a_key_it_is_401_and_says_how_to_send_one(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", content=JPEG)
    assert_error(response, 401, "unauthenticated", "X-API-Key")
    assert response.headers["www-authenticate"] == 'Bearer realm="yolo-serving"'
    assert await attempts(client) == {("none", "missing"): 1}


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({"X-API-Key": "yolo_00000000_" + "a" * 43}, ("key", "unknown")),
        ({"X-API-Key": "hello"}, ("key", "malformed")),
        ({"X-API-Key": ""}, ("key", "malformed")),
        ({"X-API-Key": "yolo_00000000_" + "a" * 9_000}, ("key", "malformed")),
        ({"X-API-Key": "schlüssel"}, ("key", "malformed")),
        ({"Authorization": "Bearer"}, ("key", "malformed")),
        ({"Authorization": "Bearer a.b.c"}, ("jwt", "unknown")),  # no issuer is configured
        ({"Authorization": "Bearer one", "X-API-Key": "two"}, ("none", "ambiguous")),
    ],
)
async def test_a_wrong_credential_is_401_and_told_apart_only_in_our_log(
    client: httpx.AsyncClient, headers: dict[str, str], outcome: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    raw = {name: value.encode() for name, value in headers.items()}
    response = await client.post("/predict", content=JPEG, headers=raw)
    message = assert_error(response, 401, "invalid_credentials")
    assert response.headers["www-authenticate"] == 'Bearer realm="yolo-serving", error="invalid_token"'
    assert await attempts(client) == {outcome: 1}
    (record,) = [
        record for record in caplog.records if record.name == "gateway.auth" and record.message == "not let in"
    ]
    assert (record.method, record.outcome) == outcome  # type: ignore[attr-defined]
    for value in filter(None, headers.values()):
        assert value not in message + caplog.text + str([vars(record) for record in caplog.records])


async def test_another_scheme_is_401(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", content=JPEG, headers={"Authorization": "Basic dTpw"})
    assert_error(response, 401, "unauthenticated", "Bearer")


async def test_a_known_key_without_the_scope_is_403_and_told_which(
    settings: SettingsMaker, path: Path, key: str
) -> None:
    admin = add_key(path, "boss", ("admin",))
    async with running_app(settings(api_keys_file=str(path))) as (_, client):
        response = await client.get("/metrics", headers=bearer(key))
        assert_error(response, 403, "insufficient_scope", "'admin'")
        expected = 'Bearer realm="yolo-serving", error="insufficient_scope", scope="admin"'
        assert response.headers["www-authenticate"] == expected
        assert_error(await client.post("/predict", headers=bearer(admin)), 403, "insufficient_scope", "'predict'")
        counted = await attempts(client, bearer(admin))
        assert counted == {("key", "scope"): 2, ("key", "ok"): 1}


async def test_nothing_is_read_or_asked_of_the_model_server_for_who_is_not_let_in(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield JPEG

    assert_error(await client.post("/predict", content=body()), 401, "unauthenticated")
    assert read == 0


async def test_the_name_of_the_caller_is_in_the_access_log(
    client: httpx.AsyncClient, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    await client.post("/predict", content=JPEG, headers=bearer(key))
    await client.post("/predict", content=JPEG)
    named = [vars(record).get("identity") for record in caplog.records if record.name == "gateway.access"]
    assert named == ["camera-7", None]
    assert key not in caplog.text


async def test_a_preflight_passes_without_a_key_and_nothing_else_does(client: httpx.AsyncClient) -> None:
    asking = {"Origin": "https://page.test", "Access-Control-Request-Method": "POST"}
    assert (await client.options("/predict", headers=asking)).status_code == 405  # the routes' answer, not the door's
    assert_error(await client.options("/predict"), 401, "unauthenticated")
    assert_error(await client.post("/predict", headers=asking), 401, "unauthenticated")


async def test_a_key_added_or_revoked_counts_within_a_second_without_a_restart(
    client: httpx.AsyncClient, path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "LOOK_EVERY_S", 0.0)
    other = add_key(path, "camera-8")
    assert (await client.get("/models", headers=bearer(other))).status_code == 200
    keys.revoke(path, "camera-7")
    assert_error(await client.get("/models", headers=bearer(key)), 401, "invalid_credentials")
    assert (await client.get("/models", headers=bearer(other))).status_code == 200


def test_the_file_is_looked_at_once_a_second_at_most(path: Path, key: str) -> None:
    clock = Clock()
    file = KeyFile(path, clock)
    keys.revoke(path, "camera-7")
    clock.now += 0.9
    assert file.verify(key).name == "camera-7"
    clock.now += 0.2
    assert refused(file, key) == "unknown"


def test_a_file_changed_in_place_within_its_size_is_noticed(path: Path, key: str) -> None:
    clock = Clock()
    file = KeyFile(path, clock)
    before = path.stat()
    path.write_text(path.read_text().replace(hashed(key)[-4:], "0000"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now += 2
    assert refused(file, key) == "unknown"


def test_an_expired_key_is_told_so(path: Path) -> None:
    key = add_key(path, expires="1h")
    ends = next(iter(parse_keys(path.read_text()).values())).expires
    assert ends is not None
    assert KeyFile(path, now=lambda: ends - 1).verify(key).name == "camera-7"
    with pytest.raises(Refusal, match="expired") as caught:
        KeyFile(path, now=lambda: ends).verify(key)
    assert "has expired" in caught.value.error.message


def test_a_right_id_with_a_wrong_secret_is_unknown(path: Path, key: str) -> None:
    file = KeyFile(path)
    assert refused(file, key[:-1] + ("A" if key[-1] != "A" else "B")) == "unknown"


def test_every_key_is_compared_in_constant_time_also_one_that_is_not_there(
    path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def noting(ours: str, theirs: str) -> bool:
        compared.append((len(ours), len(theirs)))
        return real(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    file = KeyFile(path)
    file.verify(key)
    refused(file, "yolo_00000000_" + "a" * 43)
    assert compared == [(71, 71), (71, 71)]


def test_no_file_is_no_keys_and_one_that_appears_counts(path: Path) -> None:
    clock = Clock()
    file = KeyFile(path, clock)
    assert refused(file, "yolo_00000000_" + "a" * 43) == "unknown"
    key = add_key(path)
    clock.now += 2
    assert file.verify(key).scopes == {"predict"}
    path.unlink()
    clock.now += 2
    assert refused(file, key) == "unknown"


@pytest.mark.parametrize("content", [b"\xff\xfe", b" " * (4 * 2**20 + 1)])
def test_a_file_that_cannot_be_used_opens_nothing_until_it_can(path: Path, key: str, content: bytes) -> None:
    clock = Clock()
    file = KeyFile(path, clock)
    good = path.read_bytes()
    path.write_bytes(content)
    clock.now += 2
    assert refused(file, key) == "unavailable"
    assert file.problem
    path.write_bytes(good)
    clock.now += 2
    assert file.verify(key).name == "camera-7"
    assert file.problem is None


async def test_a_key_that_cannot_be_checked_is_503_with_retry_after(
    client: httpx.AsyncClient, path: Path, key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(key_file, "LOOK_EVERY_S", 0.0)
    _make_unreadable(path)
    response = await client.get("/models", headers=bearer(key))
    assert_error(response, 503, "auth_unavailable")
    assert response.headers["retry-after"] == "10"
    assert "Is a directory" in str([vars(record) for record in caplog.records])


def test_a_wrong_line_opens_nothing_and_harms_no_other(path: Path, key: str, caplog: pytest.LogCaptureFixture) -> None:
    good = json.loads(path.read_text())
    wrong: list[object] = [
        {**good, "id": "0000000A"},
        {**good, "id": "11111111", "name": "a:b"},
        {**good, "id": "22222222", "hash": "md5:1"},
        {**good, "id": "33333333", "scopes": ["root"]},
        {**good, "id": "44444444", "scopes": []},
        {**good, "id": "55555555", "scopes": "predict"},
        {**good, "id": "66666666", "expires": "tomorrow"},
        {**good, "id": "77777777", "expires": "2031-01-01T00:00:00"},
        {**good, "id": "88888888", "expires": 12},
        {"name": "x"},
        [1],
        good,  # its id a second time
    ]
    path.write_text("\n".join(["# cameras", "", json.dumps(good), *map(json.dumps, wrong), "no json", ""]))
    assert list(parse_keys(path.read_text())) == [good["id"]]
    numbers = [vars(record)["line"] for record in caplog.records if "left out" in record.message]
    assert numbers == list(range(4, 4 + len(wrong) + 1))
    assert good["hash"] not in str([vars(record) for record in caplog.records])
    assert KeyFile(path).verify(key).name == "camera-7"


def test_neither_key_nor_hash_is_in_a_repr(path: Path, key: str) -> None:
    from gateway.auth.credentials import read_credential

    records = parse_keys(path.read_text())
    credential = read_credential([(b"x-api-key", key.encode())])
    shown = f"{records!r} {credential!r} {KeyFile(path)!r} {KeyFile(path).verify(key)!r}"
    assert key not in shown
    assert hashed(key)[-12:] not in shown
