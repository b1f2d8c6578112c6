"""DNS rebinding: a gateway without authentication answers to its own names only."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import Settings
from tests.gateway.conftest import SettingsMaker, running_app
from tests.gateway.support.auth import add_key

pytestmark = pytest.mark.anyio


async def test_without_authentication_a_foreign_name_is_refused_in_the_usual_form(settings: SettingsMaker) -> None:
    async with running_app(settings(allowed_hosts="yolo.lan")) as (_, client):
        for path in ("/", "/health", "/models", "/openapi.json"):
            answer = await client.get(path, headers={"Host": "page.example"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_refused"), path
            assert "ALLOWED_HOSTS" in answer.json()["error"]["message"]
        posted = await client.post("/predict", headers={"Host": "page.example:8001"}, files={"file": b"x"})
        assert posted.status_code == 421
        for host in ("yolo.lan", "127.0.0.1", "localhost:8001"):
            assert (await client.get("/models", headers={"Host": host})).status_code == 200


async def test_with_authentication_every_name_may_be_used(settings: SettingsMaker, tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys.jsonl")
    async with running_app(settings(allowed_hosts="", api_keys_file=str(tmp_path / "keys.jsonl"))) as (_, client):
        answer = await client.get("/models", headers={"Host": "any.example", "X-API-Key": key})
    assert answer.status_code == 200


@pytest.mark.parametrize("text", ["http://a.example", "a.example:80", "a b", "*a.example", "-"])
def test_what_is_not_a_name_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a host name"):
        Settings(allowed_hosts=text)
