"""Settings: bounded, with defaults that work, and messages that name the variable."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.backends import BACKENDS, UnknownBackendError, create_backend
from gateway.settings import Settings, describe_invalid


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_defaults_are_those_of_the_contract() -> None:
    assert Settings().model_dump() == {
        "gateway_host": "127.0.0.1",
        "gateway_port": 8001,
        "backend": "torchserve",
        "torchserve_inference_url": "http://127.0.0.1:8085",
        "torchserve_management_url": "http://127.0.0.1:8086",
        "model_name": "yolo",
        "connect_timeout_s": 0.5,
        "read_timeout_s": 60,
        "write_timeout_s": 30,
        "pool_timeout_s": 5,
        "max_connections": 64,
        "max_body_bytes": 20971520,
        "max_image_pixels": 64000000,
        "max_batch_files": 32,
        "max_batch_bytes": 67108864,
        "batch_concurrency": 4,
        "draw_concurrency": 2,
        "url_allow": "",
        "url_allow_private": "",
        "url_timeout_s": 10,
        "url_max_redirects": 3,
        "url_concurrency": 8,
        "ready_grace_s": 5,
        "shutdown_grace_s": 30,
        "published_bind": "",
        "auth": "auto",
        "api_keys_file": "",
        "metrics_public": False,
        "jwt_jwks_url": "",
        "jwt_secret_file": "",
        "jwt_issuer": "",
        "jwt_audience": "",
        "jwt_algorithms": "RS256,ES256,HS256",
        "jwt_leeway_s": 30,
        "jwt_jwks_refresh_s": 300,
        "jwt_jwks_max_age_s": 86400,
        "log_level": "INFO",
    }


def test_variables_are_read_and_empty_ones_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "9000")
    monkeypatch.setenv("TORCHSERVE_INFERENCE_URL", "http://torchserve:8085/")
    monkeypatch.setenv("READ_TIMEOUT_S", "")
    settings = Settings()
    assert settings.gateway_port == 9000
    assert settings.torchserve_inference_url == "http://torchserve:8085"
    assert settings.read_timeout_s == 60


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEWAY_PORT", "http"),
        ("GATEWAY_PORT", "65536"),
        ("TORCHSERVE_INFERENCE_URL", "torchserve:8085"),
        ("TORCHSERVE_MANAGEMENT_URL", "ftp://torchserve"),
        ("MODEL_NAME", "../etc"),
        ("MODEL_NAME", "a/b"),
        ("CONNECT_TIMEOUT_S", "0"),
        ("READ_TIMEOUT_S", "-1"),
        ("READ_TIMEOUT_S", "nan"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_BODY_BYTES", "20MB"),
        ("MAX_IMAGE_PIXELS", "178956971"),
        ("MAX_BATCH_FILES", "0"),
        ("URL_ALLOW", "https://example.com"),
        ("URL_ALLOW", "example.com:0"),
        ("URL_ALLOW_PRIVATE", "192.168.1.1/24"),
        ("URL_TIMEOUT_S", "0"),
        ("SHUTDOWN_GRACE_S", "1.5"),
        ("LOG_LEVEL", "LOUD"),
        ("AUTH", "maybe"),
        ("METRICS_PUBLIC", "perhaps"),
        ("JWT_JWKS_URL", "file:///etc/keys.json"),
        ("JWT_ALGORITHMS", "none"),
        ("JWT_ALGORITHMS", "RS256,none"),
        ("JWT_ALGORITHMS", "RS512"),
        ("JWT_LEEWAY_S", "3600"),
        ("JWT_JWKS_REFRESH_S", "0"),
        ("JWT_JWKS_MAX_AGE_S", "inf"),
    ],
)
def test_a_bad_value_is_refused_and_the_variable_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert describe_invalid(caught.value).startswith(f"{variable}={value!r}: ")


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownBackendError, match=r"BACKEND='triton'.*torchserve"):
        create_backend(Settings(backend="triton"))


@pytest.mark.anyio
async def test_every_known_backend_can_be_made_and_closed_without_a_server() -> None:
    for name in BACKENDS:
        backend = create_backend(Settings(backend=name))
        assert backend.name == name
        await backend.aclose()
