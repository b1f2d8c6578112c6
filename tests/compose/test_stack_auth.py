"""API keys in Compose: added, required, revoked."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

import pytest

from tests.compose.stack import Stack
from tests.support import wait_until
from tests.support.endpoints import HTTP

KEY = re.compile(r"yolo_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def stopped(running: Stack) -> Iterator[Stack]:
    """The stack, stopped; afterwards without any key."""
    running.compose("down")
    yield running
    (running.root / "secrets/api_keys.jsonl").unlink(missing_ok=True)
    running.compose("down")


def test_beyond_loopback_it_starts_only_with_a_key_and_forgets_a_revoked_one(stopped: Stack) -> None:
    refused = stopped.script("scripts/up.sh", "--docker", BIND="0.0.0.0")
    assert refused.returncode == 1, refused.stdout
    assert "no API key or JWT is set up" in refused.stdout
    assert "Nothing was started" in refused.stdout

    made = stopped.go("scripts/keys.sh", "add", "camera-7")
    (key,) = KEY.findall(made)
    found = (stopped.root / "secrets/api_keys.jsonl").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (10001, 0o600)

    up = stopped.script("scripts/up.sh", "--docker", BIND="0.0.0.0", YOLO_API_KEY=key)
    assert up.returncode == 0, up.stdout
    assert '"status":"success"' in up.stdout
    assert key not in up.stdout

    def models(**headers: str) -> int:
        return HTTP.get(f"{stopped.gateway}/models", headers=headers, timeout=10).status_code

    assert models() == 401
    assert models(**{"X-API-Key": key}) == 200
    assert "camera-7" in stopped.go("scripts/keys.sh", "list")
    stopped.go("scripts/keys.sh", "revoke", "camera-7")
    wait_until(lambda: models(**{"X-API-Key": key}) == 401, "the revoked key is refused")
    assert key not in stopped.compose("logs", "--no-color")
