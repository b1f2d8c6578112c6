"""The gateway as a process, plain or with every feature on except TLS."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.load.http_client import send_once
from benchmarks.load.target import Target
from benchmarks.paths import COMMON, GATEWAY, OWN_PYTHON, ROOT
from benchmarks.servers.directories import emptied, short_directory
from benchmarks.servers.processes import free_ports
from benchmarks.servers.server import Server
from ops import keys
from ops.errors import OpsError

ORIGIN = "https://pages.example"
# High enough that every request is counted and none refused.
RATE = "1000000/minute"
# The headers of an answer that show which features are on.
FEATURE_HEADERS = ("ratelimit-limit", "x-cache", "access-control-allow-origin", "x-model-version")


def start_gateway(
    server: Server, port: int, variables: Mapping[str, str], part: str = "gateway", module: str = "gateway"
) -> None:
    """Start a gateway with these variables on a port of loopback, as a part of `server`. `module` is its program."""
    variables = {**variables, "GATEWAY_PORT": str(port), "PYTHONPATH": f"{COMMON}:{ROOT}"}
    server.start(part, [str(OWN_PYTHON), "-m", module], GATEWAY, variables)


def upstream(inference: int, management: int) -> dict[str, str]:
    """Return the variables that point a gateway to a TorchServe on these ports of loopback."""
    return {
        "TORCHSERVE_INFERENCE_URL": f"http://127.0.0.1:{inference}",
        "TORCHSERVE_MANAGEMENT_URL": f"http://127.0.0.1:{management}",
    }


class FullGateway(Server):
    """A gateway with API keys, tokens, rate limits, cache, CORS and an experiment in routing.json.

    Rate limits and cache use a Redis of its own when `redis-server` is installed, else the gateway's memory; `store` is
    "redis" or "memory".
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}-full")
        self.redis = shutil.which("redis-server")
        self.store = "redis" if self.redis else "memory"
        self.key = ""

    def launch(self, before: Mapping[str, str], version: str) -> None:
        """Start in front of the model server that `before` names, which serves `version`."""
        self.ports["gateway"], redis_port = free_ports(2)
        folder = emptied(short_directory() / self.name)
        self.key = keys.add(folder / "keys.jsonl", "bench", ["predict"], None)
        if self.redis:
            options = ("--bind", "127.0.0.1", "--port", str(redis_port), "--save", "", "--appendonly", "no")
            self.start("redis", [self.redis, *options, "--maxmemory", "256mb"], folder)
        settings = self._settings(folder, version, f"redis://127.0.0.1:{redis_port}/0")
        start_gateway(self, self.ports["gateway"], {**before, **settings})

    def target(self, field: str | None, *, unique: bool = True) -> Target:
        """Return where a web page of another origin sends images with a key; `unique` ones miss the cache."""
        headers = (("X-API-Key", self.key), ("Origin", ORIGIN))
        return Target(self.ports["gateway"], "/predict", field, headers=headers, unique=unique)

    def check(self, image: Path) -> None:
        """Check that every feature is on, before anything is measured. Raises OpsError."""
        answer = asyncio.run(send_once(self.target(None), image))
        anonymous = asyncio.run(send_once(Target(self.ports["gateway"], "/predict"), image)).status
        missing = [name for name in FEATURE_HEADERS if name not in answer.headers]
        if answer.status != 200 or missing or anonymous != 401:
            raise OpsError(
                f"some features are off: status {answer.status}, missing headers: {', '.join(missing) or 'none'}; "
                f"a caller without a key gets {anonymous} instead of 401"
            )

    def _settings(self, folder: Path, version: str, redis_url: str) -> dict[str, str]:
        """Write secret and routing into a folder that holds the keys; return the gateway's variables."""
        secret, routing = folder / "jwt.secret", folder / "routing.json"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32))
        experiment = {"name": "bench", "shares": {version: 50}, "salt": "bench"}
        routing.write_text(json.dumps({"schema": 1, "revision": 1, "stable": version, "experiment": experiment}))
        return {
            "AUTH": "on",
            "API_KEYS_FILE": str(folder / "keys.jsonl"),
            "JWT_SECRET_FILE": str(secret),
            "JWT_ISSUER": "https://issuer.example",
            "JWT_AUDIENCE": "yolo",
            "RATE_LIMIT": RATE,
            "CORS_ORIGINS": ORIGIN,
            "ROUTING_FILE": str(routing),
            "CACHE": self.store,
            "CACHE_TIMEOUT_S": "1",  # a busy moment must not turn a hit into an inference
            "REDIS_URL": redis_url if self.redis else "",
        }
