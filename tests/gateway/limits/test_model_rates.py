"""Rates of a model: counted for each caller and model, besides the rate of all requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from limits import parse_many
from prometheus_client import CollectorRegistry

from gateway.errors import RateLimited
from gateway.http.caller import ASKED_MODELS, IDENTITY
from gateway.limits import rate_counters
from gateway.limits.model_rates import ModelRatesError, read_model_rates, take_model
from gateway.limits.rate_counters import RateLimits, create_rate_limits
from tests.gateway.conftest import SettingsMaker
from tests.gateway.support.gateway_process import gateway_path
from tests.support.services import RedisServer, redis_server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def limits_of(rates: str = "", redis_url: str = "", **of_models: str) -> RateLimits:
    by_model = {model: parse_many(text) for model, text in of_models.items()}
    return RateLimits(parse_many(rates) if rates else (), redis_url, CollectorRegistry(), by_model)


def request_of(caller: str) -> dict[str, Any]:
    return {"type": "http", IDENTITY: caller}


async def allowed(limits: RateLimits, caller: str, model: str, times: int) -> list[bool]:
    found = []
    for _ in range(times):
        try:
            await take_model(limits, request_of(caller), model)
            found.append(True)
        except RateLimited:
            found.append(False)
    return found


async def test_a_rate_counts_for_its_model_and_each_caller() -> None:
    limits = limits_of(helmets="2/minute", plates="1/hour")
    assert await allowed(limits, "door", "helmets", 3) == [True, True, False]
    assert await allowed(limits, "door", "plates", 2) == [True, False]
    assert await allowed(limits, "gate", "helmets", 3) == [True, True, False]
    assert await allowed(limits, "door", "yolo", 5) == [True] * 5  # it has no rate


async def test_it_is_counted_apart_from_the_rate_of_all_requests() -> None:
    limits = limits_of("2/minute", helmets="2/minute")
    assert await allowed(limits, "a/model:helmets", "helmets", 2) == [True, True]
    for caller in ("key:a", "key:a/model:helmets"):
        assert [(await limits.take(caller)).allowed for _ in range(3)] == [True, True, False], caller
    assert await allowed(limits, "a", "helmets", 3) == [True, True, False]


async def test_the_refusal_names_the_model_and_says_for_how_long() -> None:
    limits = limits_of(helmets="1/hour")
    await take_model(limits, request_of("door"), "helmets")
    with pytest.raises(RateLimited, match="the model 'helmets'") as refused:
        await take_model(limits, request_of("door"), "helmets")
    assert 3000 < int(refused.value.headers["Retry-After"]) <= 7200
    assert limits.model_limited.labels("helmets")._value.get() == 1
    assert "Retry-After" not in RateLimited.headers  # the next refusal's own


async def test_a_request_counts_once_however_often_it_is_looked_at() -> None:
    limits = limits_of(helmets="1/minute", plates="1/minute")
    scope = request_of("door")
    for model in ("helmets", "helmets", "plates", "helmets"):
        await take_model(limits, scope, model)
    assert scope[ASKED_MODELS] == ("helmets", "plates")
    with pytest.raises(RateLimited):
        await take_model(limits, request_of("door"), "plates")


async def test_without_any_rate_the_models_are_noted_for_the_metrics() -> None:
    scope = request_of("door")
    await take_model(None, scope, "helmets")
    assert scope[ASKED_MODELS] == ("helmets",)


async def test_several_gateways_share_it_in_redis(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_counters, "REDIS_TIMEOUT_S", 60.0)
    one, two = (limits_of("9/minute", redis.url, helmets="3/minute") for _ in range(2))
    try:
        found = []
        for _ in range(2):
            found += await allowed(one, "door", "helmets", 1) + await allowed(two, "door", "helmets", 1)
        assert found == [True, True, True, False]
        assert (await one.take("key:door")).remaining == 8
    finally:
        await one.aclose()
        await two.aclose()


async def test_without_a_rate_of_all_requests_that_layer_is_off(settings: SettingsMaker) -> None:
    assert create_rate_limits(settings(), CollectorRegistry(), {"helmets": ()}) is None
    limits = create_rate_limits(settings(), CollectorRegistry(), {"helmets": parse_many("1/second")})
    assert limits is not None
    assert not limits.has_rates
    both = create_rate_limits(settings(rate_limit="1/second"), CollectorRegistry())
    assert both is not None
    assert both.has_rates


def test_the_rates_of_models_are_in_their_tables(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        '[helmets]\nrate_limit = "10/second;600/hour"\n[plates]\nconf = 0.4\n[masks]\nrate_limit = ""\n', "utf-8"
    )
    assert read_model_rates(str(file)) == {"helmets": tuple(parse_many("10/second;600/hour"))}


def test_the_file_is_optional(tmp_path: Path) -> None:
    for path in ("", str(tmp_path / "models.toml"), str(tmp_path / "missing/models.toml")):
        assert read_model_rates(path) == {}


@pytest.mark.parametrize("rate", ["fast", "0/minute", "10/year", "2 per 2 days", "1/second;"])
def test_a_rate_that_is_none_is_refused_with_its_place_and_the_fix(tmp_path: Path, rate: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(f'[helmets]\nrate_limit = "{rate}"\n', "utf-8")
    with pytest.raises(ModelRatesError) as refused:
        read_model_rates(str(file))
    for part in (str(file), "[helmets] rate_limit", "a rate"):
        assert part in str(refused.value)


def test_a_folder_that_cannot_be_entered_has_no_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root could enter the real one
    assert read_model_rates(str(tmp_path / "models.toml")) == {}
    assert "no model has a rate" in caplog.text


def test_a_gateway_does_not_start_with_a_wrong_rate(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[helmets]\nrate_limit = "fast"\n', "utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": gateway_path(), "MODELS_FILE": str(file)}
    checked = subprocess.run(
        [sys.executable, "-m", "gateway", "check"], env=environment, capture_output=True, text=True
    )
    assert checked.returncode == 2
    assert "[helmets] rate_limit" in checked.stderr
    file.write_text('[helmets]\nrate_limit = "1/second"\n', "utf-8")
    assert subprocess.run([sys.executable, "-m", "gateway", "check"], env=environment).returncode == 0
