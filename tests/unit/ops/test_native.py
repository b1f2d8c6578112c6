"""What the native services are started with."""

import os
import sys
from pathlib import Path

import pytest

from ops import native, settings
from ops.errors import OpsError
from ops.paths import API_KEYS, ROOT


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.setattr(native.java, "home", lambda: tmp_path)
    monkeypatch.setenv("PUBLISHED_BIND", "127.0.0.1")
    monkeypatch.setenv("BIND", "0.0.0.0")
    monkeypatch.delenv("JWT_SECRET_FILE", raising=False)
    return lambda: native.services_environment(settings.load(tmp_path / ".env"))


def test_natively_the_address_that_is_listened_on_decides_who_is_asked(environment):
    found = environment()
    assert (found["GATEWAY_HOST"], found["PUBLISHED_BIND"], found["PUBLISHED_PROFILES"]) == ("0.0.0.0", "", "")
    assert found["API_KEYS_FILE"] == str(API_KEYS)
    assert "JWT_SECRET_FILE" not in found


def test_a_secret_is_found_from_the_checkout_as_in_compose(environment, monkeypatch):
    monkeypatch.setenv("JWT_SECRET_FILE", "secrets/jwt_secret")
    assert environment()["JWT_SECRET_FILE"] == str(ROOT / "secrets/jwt_secret")
    monkeypatch.setenv("JWT_SECRET_FILE", "/etc/jwt_secret")
    assert environment()["JWT_SECRET_FILE"] == "/etc/jwt_secret"


def test_a_gateway_that_would_refuse_its_settings_is_not_started_at_all(monkeypatch):
    monkeypatch.setattr(native.supervision, "PYTHON", Path(sys.executable))
    environment = {"PATH": os.environ["PATH"], "GATEWAY_HOST": "0.0.0.0"}
    with pytest.raises(OpsError, match=r"(?s)open to others.*keys\.sh add.*Nothing was started"):
        native.check_gateway(environment)
    native.check_gateway({**environment, "AUTH": "off"})


def test_the_first_key_restarts_the_services_at_the_next_up(monkeypatch, tmp_path):
    path = Path(tmp_path / "api_keys.jsonl")
    monkeypatch.setattr(native, "API_KEYS", path)
    before = native.fingerprint({})
    path.touch()
    assert native.fingerprint({}) != before
