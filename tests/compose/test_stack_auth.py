"""API keys in Compose, after test_stack.py, which ends with everything down: made, demanded, revoked."""

from __future__ import annotations

import re
import stat

import httpx

from tests.support import wait_until

KEY = re.compile(r"yolo_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


def test_beyond_loopback_it_starts_only_with_a_key_and_forgets_a_revoked_one(running):
    refused = running.run("bash", "scripts/up.sh", "--docker", BIND="0.0.0.0")
    assert refused.returncode == 1, refused.stdout
    assert "no API key or JWT is set up" in refused.stdout
    assert "Nothing was started" in refused.stdout

    made = running.run("bash", "scripts/keys.sh", "add", "camera-7")
    assert made.returncode == 0, made.stdout
    (key,) = KEY.findall(made.stdout)
    path = running.root / "secrets/api_keys.jsonl"
    found = path.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (10001, 0o600)

    up = running.run("bash", "scripts/up.sh", "--docker", BIND="0.0.0.0", YOLO_API_KEY=key)
    assert up.returncode == 0, up.stdout
    assert '"status":"success"' in up.stdout
    assert key not in up.stdout

    def models(**headers: str) -> int:
        return httpx.get(f"{running.gateway}/models", headers=headers, timeout=10).status_code

    assert models() == 401
    assert models(**{"X-API-Key": key}) == 200
    assert "camera-7" in running.run("bash", "scripts/keys.sh", "list").stdout
    assert running.run("bash", "scripts/keys.sh", "revoke", "camera-7").returncode == 0
    wait_until(lambda: models(**{"X-API-Key": key}) == 401, "the revoked key is refused", 10)
    assert key not in running.compose("logs", "--no-color")
    path.unlink()
    running.compose("down")
