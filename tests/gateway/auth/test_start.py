"""When the gateway asks who is calling, and when it refuses to start: it would stand open, or shut to everybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.auth.policy import AuthSettingsError, create_authenticator, is_loopback
from gateway.settings import Settings
from ops import keys
from tests.gateway.conftest import Start
from tests.gateway.support.auth import add_key, bearer
from tests.gateway.support.gateway_process import gateway_path
from tests.support import wait_until

TOKENS = {"jwt_issuer": "https://issuer.test", "jwt_audience": "yolo"}
JWKS = {**TOKENS, "jwt_jwks_url": "https://issuer.test/keys"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets/api_keys.jsonl"


def asks(**settings: Any) -> bool:
    return create_authenticator(Settings(**settings)) is not None


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_an_address_is_loopback_or_not(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def test_on_loopback_nobody_is_asked(path: Path) -> None:
    assert not asks()
    assert not asks(api_keys_file=str(path))
    assert not asks(gateway_host="0.0.0.0", published_bind="127.0.0.1")  # a container


def test_keys_or_an_issuer_set_up_are_asked_for_on_loopback_too(path: Path) -> None:
    assert asks(**JWKS)
    add_key(path)
    assert asks(api_keys_file=str(path))
    assert asks(api_keys_file=str(path), auth="on")
    assert not asks(api_keys_file=str(path), auth="off")


def test_published_elsewhere_somebody_must_be_able_to_get_in(path: Path) -> None:
    for address in ({"gateway_host": "0.0.0.0"}, {"gateway_host": "0.0.0.0", "published_bind": "192.168.1.5"}):
        with pytest.raises(AuthSettingsError, match=r"(?s)open to others.*keys.sh add.*JWT_JWKS_URL.*AUTH=off"):
            asks(**address, api_keys_file=str(path))
        assert not asks(**address, auth="off")
        assert asks(**address, **JWKS)
    add_key(path)
    assert asks(gateway_host="0.0.0.0", api_keys_file=str(path))


def test_a_proxy_for_the_internet_in_front_counts_as_being_published(path: Path) -> None:
    behind = {"gateway_host": "0.0.0.0", "published_bind": "127.0.0.1", "api_keys_file": str(path)}
    for profiles in ("edge", "redis,edge", "redis, edge"):
        with pytest.raises(AuthSettingsError, match="open to others at the profile edge"):
            asks(**behind, published_profiles=profiles)
        assert not asks(**behind, published_profiles=profiles, auth="off")
    assert not asks(**behind, published_profiles="redis,knowledge")
    add_key(path)
    assert asks(**behind, published_profiles="edge")


def test_the_last_key_revoked_does_not_open_the_door(path: Path) -> None:
    add_key(path)
    keys.revoke(path, "camera-7")
    with pytest.raises(AuthSettingsError, match="has no key"):
        asks(api_keys_file=str(path))
    with pytest.raises(AuthSettingsError, match="AUTH=on"):
        asks(auth="on", api_keys_file="")


def test_a_key_file_that_cannot_be_read_is_no_start(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(AuthSettingsError, match=r"Is a directory.*keys.sh list"):
        asks(api_keys_file=str(path))


def test_an_issuer_needs_its_name_and_our_own() -> None:
    for missing in TOKENS:
        with pytest.raises(AuthSettingsError, match=missing.upper()):
            asks(**{**JWKS, missing: ""})
    with pytest.raises(AuthSettingsError, match="RS256 or ES256"):
        asks(**JWKS, jwt_algorithms="HS256")


def test_keys_fetched_without_tls_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    for url in ("https://issuer.test/keys", "http://127.0.0.1:9/keys", "http://localhost:9/keys"):
        assert asks(**{**JWKS, "jwt_jwks_url": url})
    assert caplog.text == ""
    assert asks(**{**JWKS, "jwt_jwks_url": "http://issuer.test/keys"})
    assert "not https" in caplog.text


def test_a_shared_secret_must_be_there_readable_and_long(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(AuthSettingsError, match=r"JWT_SECRET_FILE=.*No such file.*chown"):
        asks(**TOKENS, jwt_secret_file=str(path))
    path.write_bytes(b"\n")
    with pytest.raises(AuthSettingsError, match="empty"):
        asks(**TOKENS, jwt_secret_file=str(path))
    path.write_bytes(b"short and secret")
    with pytest.raises(AuthSettingsError, match="needs 32 bytes") as caught:
        asks(**TOKENS, jwt_secret_file=str(path))
    assert "short and" not in str(caught.value)
    path.write_bytes(bytes(70_000))
    with pytest.raises(AuthSettingsError, match="larger than"):
        asks(**TOKENS, jwt_secret_file=str(path))
    path.write_bytes(b"x" * 32 + b"\r\n")
    assert asks(**TOKENS, jwt_secret_file=str(path))
    with pytest.raises(AuthSettingsError, match="HS256 in JWT_ALGORITHMS"):
        asks(**TOKENS, jwt_secret_file=str(path), jwt_algorithms="RS256")


def test_the_process_refuses_to_be_open_to_the_network(start: Start) -> None:
    code, out, err = start(GATEWAY_HOST="0.0.0.0").end()
    assert (code, out) == (2, "")
    assert "open to others at 0.0.0.0" in err
    for mend in ("scripts/keys.sh add", "JWT_JWKS_URL", "BIND=127.0.0.1", "AUTH=off"):
        assert mend in err
    assert "Traceback" not in err


def test_it_says_beforehand_whether_it_would_start(path: Path) -> None:
    def check(*words: str, **variables: str) -> tuple[int, str]:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": gateway_path(), **variables}
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words], env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    assert check("check") == (0, "")
    assert check("check", GATEWAY_HOST="0.0.0.0", AUTH="off") == (0, "")
    code, err = check("check", GATEWAY_HOST="0.0.0.0")
    assert (code, "AUTH=off" in err) == (2, True)
    assert check("dance") == (2, "usage: python -m gateway [check]\n")


def test_in_a_container_what_is_published_decides(start: Start) -> None:
    code, _, err = start(GATEWAY_HOST="127.0.0.1", PUBLISHED_BIND="0.0.0.0").end()
    assert code == 2
    assert "open to others at 0.0.0.0" in err
    url = start(GATEWAY_HOST="0.0.0.0", PUBLISHED_BIND="127.0.0.1").url().replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{url}/models", trust_env=False).status_code == 200


def test_open_on_purpose_is_said_in_the_log(start: Start) -> None:
    gateway = start(GATEWAY_HOST="0.0.0.0", AUTH="OFF")
    line = gateway.wait_until("open to everybody who can reach it: AUTH=off")
    assert (line["level"], line["published"]) == ("warning", "0.0.0.0")
    gateway.process.terminate()
    assert gateway.end()[0] == 0


def test_the_process_asks_for_keys_forgets_revoked_ones_and_shows_none(start: Start, path: Path) -> None:
    key, other = add_key(path), add_key(path, "camera-8")
    gateway = start(GATEWAY_HOST="0.0.0.0", API_KEYS_FILE=str(path))
    url = gateway.url().replace("0.0.0.0", "127.0.0.1")
    with httpx.Client(base_url=url, trust_env=False, timeout=10) as client:
        assert client.get("/models").status_code == 401
        assert client.get("/models", headers=bearer(key)).status_code == 200
        keys.revoke(path, "camera-7")
        refused = lambda: client.get("/models", headers=bearer(key)).status_code == 401  # noqa: E731
        wait_until(refused, "the revoked key is refused", deadline_s=10)
        assert client.get("/models", headers=bearer(other)).status_code == 200
        # Refused with a body still on its way: the answer arrives, and the connection can be used again.
        assert client.post("/predict", content=bytes(10_000_000)).status_code == 401
        assert client.get("/models", headers=bearer(other)).status_code == 200
    gateway.process.terminate()
    code, out, err = gateway.end()
    assert (code, err) == (0, "")
    assert key not in out
    assert other not in out
    assert '"identity": "camera-8"' in out
