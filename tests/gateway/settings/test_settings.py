"""Settings: bounded, with defaults that work, and messages that name the variable."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from gateway.model_server.registry import BACKENDS, UnknownBackendError, create_backend
from gateway.settings import Settings, describe_invalid, open_secrets
from gateway.settings.placement import PlacementSettings
from tests.support import ROOT


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_values_of_the_example_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings()
    for name, value in dotenv_values(ROOT / ".env.example").items():
        monkeypatch.setenv(name, value or "")
    assert Settings() == defaults


def test_without_compose_or_the_scripts_the_gateway_is_on_loopback_without_keys_and_routing() -> None:
    assert PlacementSettings().model_dump() == {
        "gateway_host": "127.0.0.1",
        "gateway_port": 8001,
        "published_bind": "",
        "published_profiles": "",
        "torchserve_inference_url": "http://127.0.0.1:8085",
        "torchserve_management_url": "http://127.0.0.1:8086",
        "routing_file": "",
        "models_file": "",
        "api_keys_file": "",
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
        ("TORCHSERVE_SERVERS", "blue"),
        ("TORCHSERVE_SERVERS", "blue=http://one"),
        ("TORCHSERVE_SERVERS", "blue=http://one|two"),
        ("TORCHSERVE_SERVERS", "blue=http://a|http://b,blue=http://c|http://d"),
        ("TORCHSERVE_SERVERS", '{"blue": "http://a|http://b"}'),
        ("SHADOW_IN_FLIGHT", "-1"),
        ("OIP_URL", "triton:8000"),
        ("OIP_TOKEN_FILE", "/nowhere/token"),
        ("OIP_ENCODING", "base64"),
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
        ("RATE_LIMIT", "60 a minute"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "10/year"),
        ("MAX_WAITING", "-1"),
        ("BODY_TIMEOUT_S", "inf"),
        ("HEADER_TIMEOUT_S", "0"),
        ("MAX_HEADER_BYTES", "1000000"),
        ("MAX_CLIENTS", "0"),
        ("CORS_ORIGINS", "example.org"),
        ("CORS_ORIGINS", "https://example.org/page"),
        ("FORWARDED_ALLOW_IPS", "*"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/8, 10.0.0.256"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8"),
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
        ("CACHE", "disk"),
        ("CACHE_TTL_S", "0"),
        ("CACHE_TTL_S", "inf"),
        ("CACHE_MAX_BYTES", "1"),
        ("CACHE_TIMEOUT_S", "0"),
    ],
)
def test_a_bad_value_is_refused_and_the_variable_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert describe_invalid(caught.value).startswith(f"{variable}={value!r}: ")


def test_an_address_with_a_password_comes_from_a_file_and_is_never_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "redis_url"
    secret.write_text("redis://:sesame@redis:6379/0\n")
    monkeypatch.setenv("RATE_LIMIT_REDIS_URL_FILE", str(secret))
    assert Settings().rate_limit_redis_url == "redis://:sesame@redis:6379/0"
    for content, says in (("http://:sesame@redis", "redis://host:port"), ("redis://:sesame@redis:port", "RATE_LIMIT")):
        secret.write_text(content)
        with pytest.raises(ValidationError) as caught:
            Settings()
        assert says in describe_invalid(caught.value)
        assert "sesame" not in describe_invalid(caught.value)
    secret.unlink()
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "RATE_LIMIT_REDIS_URL_FILE" in describe_invalid(caught.value)
    monkeypatch.setenv("RATE_LIMIT_REDIS_URL", "redis://redis")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "both set" in describe_invalid(caught.value)


@pytest.mark.parametrize("value", ["http://:secret@redis", "redis://:secret@redis:port/0", ":secret"])
def test_a_bad_address_with_a_password_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CACHE_REDIS_URL", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    said = describe_invalid(caught.value)
    assert said.startswith("CACHE_REDIS_URL: ")
    assert "secret" not in said


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text("redis://:secret@redis:6379/0\n")
    monkeypatch.setenv("REDIS_URL_FILE", str(file))
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings().redis_url == "redis://:secret@redis:6379/0"
    for content, says in ((b"\n", "it is empty"), (b"\xff", "it is not text"), (b"x" * 100_000, "it is larger than")):
        file.write_bytes(content)
        with pytest.raises(ValidationError) as caught:
            Settings()
        assert f"REDIS_URL_FILE={str(file)!r} cannot be read: {says}" in describe_invalid(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("machine camera login admin secret-word", "line 1 is not valid; write: machine HOST"),
        ("", "it is empty"),
        (None, "No such file"),
    ],
)
def test_a_file_of_passwords_that_cannot_be_used_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, says: str
) -> None:
    file = tmp_path / "cameras"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("URL_NETRC_FILE", str(file))
    with pytest.raises(ValidationError) as caught:
        Settings()
    said = describe_invalid(caught.value)
    assert "URL_NETRC_FILE" in said
    assert says in said
    assert "secret-word" not in said


def test_a_secret_that_every_user_can_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "address"
        file.write_text("redis://:secret@redis:6379/0")
        for folder_mode, mode, is_open in ((0o755, 0o644, True), (0o755, 0o640, False), (0o700, 0o644, False)):
            file.chmod(mode)
            folder.chmod(folder_mode)
            settings = Settings(
                redis_url_file=str(file),
                routing_file=str(file),
                models_file=str(file),
                jwt_secret_file="/nowhere/x",
            )
            assert open_secrets(settings) == ({"REDIS_URL_FILE": str(file)} if is_open else {})


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CACHE": "redis"}, "CACHE=redis needs an address: set CACHE_REDIS_URL or REDIS_URL"),
        ({"REDIS_URL_FILE": "/nowhere/x"}, "REDIS_URL_FILE='/nowhere/x' cannot be read: No such file or directory"),
        ({"REDIS_URL_FILE": "/", "REDIS_URL": "redis://:secret@x"}, "REDIS_URL and REDIS_URL_FILE are both set"),
        ({"CACHE": "redis", "CACHE_REDIS_URL": ""}, "set CACHE_REDIS_URL or REDIS_URL"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    said = describe_invalid(caught.value)
    assert says in said
    assert "secret" not in said
    assert "\n" not in said


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
