"""A gateway with everything switched on but TLS, before a model server that runs.

On are API keys and tokens, rates, cache, CORS, and a split in routing.json. Rates and cache are in a Redis of its own
where redis-server is installed, else in the process.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.http_client import Target
from benchmarks.load.loops import answer
from benchmarks.paths import GATEWAY, LOGS, OWN_PYTHON, WORK
from benchmarks.servers.directories import fresh, short_directory
from benchmarks.servers.processes import Tree, free_ports
from benchmarks.servers.variables import clean
from ops import keys
from ops.errors import OpsError

ORIGIN = "https://pages.example"
#: More than anybody can ask here: counted, never refused.
RATE = "1000000/minute"
#: Headers of an answer that tell what is on.
TELLING = ("ratelimit-limit", "x-cache", "access-control-allow-origin", "x-model-version")


@dataclass
class Everything:
    """The running gateway. `store` is where rates and answers are kept: "redis" or "memory"."""

    port: int
    key: str
    store: str
    trees: list[Tree]

    def target(self, field: str | None, *, unlike: bool = True) -> Target:
        """Return where pictures go, as a page of another site would send them with a key.

        `unlike`: each is another picture, so that none is in the cache.
        """
        return Target(
            self.port, "/predict", field, headers=(("X-API-Key", self.key), ("Origin", ORIGIN)), unlike=unlike
        )

    def exited(self) -> int | None:
        """Return the exit code of a part that has ended, None while all run."""
        return next((code for tree in self.trees if (code := tree.exited()) is not None), None)

    def check(self, picture: Path) -> None:
        """Make sure that everything is on: what is measured must be what it is called. Raises OpsError."""
        got = asyncio.run(answer(self.target(None), picture))
        missing = [name for name in TELLING if name not in got.headers]
        stranger = asyncio.run(answer(Target(self.port, "/predict"), picture)).status
        if got.status != 200 or missing or stranger != 401:
            raise OpsError(
                f"not everything is on: status {got.status}, without {', '.join(missing) or 'nothing'}, "
                f"and a caller without a key gets {stranger} instead of 401"
            )


def settings(folder: Path, version: str, redis: str | None) -> tuple[dict[str, str], str]:
    """Write key, secret and routing into a folder; return the gateway's variables and the key."""
    secret, routing = folder / "jwt.secret", folder / "routing.json"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_hex(32))
    key = keys.add(folder / "keys.jsonl", "bench", ["predict"], None)
    split = {"name": "bench", "shares": {version: 50}, "salt": "bench"}
    routing.write_text(json.dumps({"schema": 1, "revision": 1, "stable": version, "experiment": split}))
    return {
        "AUTH": "on",
        "API_KEYS_FILE": str(folder / "keys.jsonl"),
        "JWT_SECRET_FILE": str(secret),
        "JWT_ISSUER": "https://issuer.example",
        "JWT_AUDIENCE": "yolo",
        "RATE_LIMIT": RATE,
        "CORS_ORIGINS": ORIGIN,
        "ROUTING_FILE": str(routing),
        "CACHE": "redis" if redis else "memory",
        "CACHE_TIMEOUT_S": "1",  # a busy moment is not to turn a hit into a question
        "REDIS_URL": redis or "",
    }, key


@contextmanager
def running(name: str, upstream: dict[str, str], version: str) -> Iterator[Everything]:
    """Run it before the model server that `upstream` names, which serves `version`; stopped at the end.

    Its logs are `NAME-everything.log` and `NAME-redis.log`. The caller waits for the first answer.
    """
    port, redis_port = free_ports(2)
    binary = shutil.which("redis-server")
    redis, gateway = Tree(WORK / f"{name}-redis.pids"), Tree(WORK / f"{name}-everything.pids")
    folder = fresh(short_directory() / f"{name}-everything")
    variables, key = settings(folder, version, f"redis://127.0.0.1:{redis_port}/0" if binary else None)
    started = Everything(port, key, variables["CACHE"], [redis, gateway])
    try:
        if binary:
            options = ("--bind", "127.0.0.1", "--port", str(redis_port), "--save", "", "--appendonly", "no")
            redis.spawn([binary, *options, "--maxmemory", "256mb"], clean(), folder, LOGS / f"{name}-redis.log")
        gateway_on(gateway, port, {**upstream, **variables}, LOGS / f"{name}-everything.log")
        yield started
    finally:
        for tree in (gateway, redis):
            tree.stop()


def gateway_on(tree: Tree, port: int, variables: dict[str, str], log: Path) -> None:
    """Start a gateway with these variables on a port of loopback."""
    log.unlink(missing_ok=True)
    environment = {**clean(), **variables, "GATEWAY_PORT": str(port)}
    tree.spawn([str(OWN_PYTHON), "-m", "gateway"], environment, GATEWAY, log)


def upstream(inference: int, management: int) -> dict[str, str]:
    """Return the variables that name a TorchServe on these ports of loopback."""
    return {
        "TORCHSERVE_INFERENCE_URL": f"http://127.0.0.1:{inference}",
        "TORCHSERVE_MANAGEMENT_URL": f"http://127.0.0.1:{management}",
    }
