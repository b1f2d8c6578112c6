"""A small ASGI application that answers as TorchServe 0.12 does; its statuses and bodies were copied from the real one.

A test changes what it answers by replacing ``fake.predict`` (a function from request to answer) or by setting
``fake.workers``; what was asked is in ``fake.predictions``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl

import uvicorn

STREET: dict[str, Any] = {
    "boxes": [
        {"xyxy": [245.31, 184.2, 456.8, 298.1], "conf": 0.8912, "cls": 0, "name": "person"},
        {"xyxy": [10.0, 20.5, 700.25, 760.0], "conf": 0.7404, "cls": 5, "name": "bus"},
    ],
    "task": "detect",
    "image": {"width": 810, "height": 1080},
    "model": {"name": "yolo", "version": "1.0"},
    "timings_ms": {"decode": 5.31, "letterbox": 0.3, "infer": 59.02, "nms": 0.5, "total": 65.2},
}


@dataclass
class Asked:
    """A request as the fake got it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to answer: ``body`` is sent as JSON unless it is bytes. ``delay_s`` is how long the worker is busy."""

    body: Any
    status: int = 200
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


def torchserve_error(status: int, kind: str, message: str, delay_s: float = 0.0) -> Answer:
    return Answer({"code": status, "type": kind, "message": message}, status, delay_s)


def asked_model(asked: Asked) -> str:
    """Return the name of the model that a prediction asks for."""
    first, second, *_ = asked.path.strip("/").split("/")
    return second if first in ("models", "predictions") else first


def street(asked: Asked) -> Answer:
    """Answer as the model that was asked."""
    name = asked_model(asked)
    return Answer([STREET if name == "yolo" else {**STREET, "model": {"name": name, "version": "1.0"}}])


@dataclass
class FakeTorchServe:
    """The model ``yolo``, and others where a test adds them; versions and workers as set."""

    predict: Callable[[Asked], Answer] = street
    #: State of each worker by version; the first version is the default.
    workers: dict[str, list[str]] = field(default_factory=lambda: {"1.0": ["READY"]})
    #: The same of each other model.
    others: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    #: Names and versions of models that were scaled to no workers.
    unloaded: set[tuple[str, str]] = field(default_factory=set)
    #: Seconds that a worker takes to load its model, and when the last one of a model is ready.
    load_s: float = 0.0
    loaded_at: dict[str, float] = field(default_factory=dict)
    scaled: list[Asked] = field(default_factory=list)
    #: Whether requests to an unloaded model wait for a worker, as those do that it had when it was unloaded.
    keeps_requests: bool = False
    #: How often the models were listed, and an answer that replaces the list.
    listed: int = 0
    list_models: Answer | None = None
    #: When each worker started: another time is a version loaded anew.
    started: str = "2026-11-23T11:40:39.223Z"
    #: How often the default or one version was described.
    described: int = 0
    #: What the handler tells of itself; None is a worker too busy to say, and an Answer is one that cannot.
    details: dict[str, Any] | Answer | None = field(default_factory=lambda: {"engine": "openvino", "threads": 2})
    #: Replaces the description altogether.
    describe: Answer | None = None
    predictions: list[Asked] = field(default_factory=list)
    details_asked: int = 0
    #: Predictions whose client went away before the answer.
    abandoned: int = 0
    #: Requests that wait for their answer, now and at most.
    delayed: int = 0
    most_delayed: int = 0

    def reset(self) -> None:
        self.__dict__.update(FakeTorchServe().__dict__)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = Asked(
            scope["method"],
            scope["path"],
            dict(parse_qsl(scope["query_string"].decode())),
            {name.decode(): value.decode() for name, value in scope["headers"]},
            body,
        )
        answer = self._answer(asked)
        if answer.delay_s:
            self.delayed += 1
            self.most_delayed = max(self.most_delayed, self.delayed)
            has_left = await self._client_left_within(answer.delay_s, receive)
            self.delayed -= 1
            if has_left:
                self.abandoned += 1
                return
        while self.keeps_requests and asked in self.predictions and self._stalls(asked_model(asked)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        headers = [(b"content-type", b"application/json"), (b"x-request-id", b"torchserves-own-id")]
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        if answer.status >= 400:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, asked: Asked) -> Answer:
        parts = asked.path.strip("/").split("/")
        match parts:
            case ["models"]:
                self.listed += 1
                return self.list_models or self._page(asked)
            case ["models" | "predictions", name, *_] if self._versions_of(name) is None:
                return torchserve_error(404, "ModelNotFoundException", f"Model not found: {name}")
            case ["models", name, "invoke"]:
                self.predictions.append(asked)
                return self._predicted(name, next(iter(self._versions_of(name) or {}), ""), asked)
            case ["models", name, version] if asked.method == "PUT":
                self.scaled.append(asked)
                self.unloaded.discard((name, version))
                self.loaded_at[name] = time.monotonic() + self.load_s
                return Answer({"status": "Processing worker updates..."}, 202)
            case [name, version, "predict"] if (versions := self._versions_of(name)) is not None:
                self.predictions.append(asked)
                if version not in versions:
                    return torchserve_error(404, "ModelVersionNotFoundException", f"Model version: {version} not found")
                return self._predicted(name, version, asked)
            case ["predictions", *_]:
                # The real one answers here too, but loses the query string on the way to the handler.
                self.predictions.append(asked)
                asked.query = {}
                return self.predict(asked)
            case ["models", name, *suffix]:
                return self._described(name, suffix, asked)
        return torchserve_error(404, "ResourceNotFoundException", "Requested resource is not found")

    def _predicted(self, name: str, version: str, asked: Asked) -> Answer:
        if (name, version) in self.unloaded and not self.keeps_requests:
            said = (
                f'Model "{name}" Version {version} has no worker to serve inference request. Please use scale workers'
            )
            return torchserve_error(503, "ServiceUnavailableException", said)
        answer = self.predict(asked)
        return replace(answer, delay_s=answer.delay_s + self._loading_s(name))  # in the queue

    def _stalls(self, name: str) -> bool:
        return any(name == unloaded for unloaded, _ in self.unloaded) or self._loading_s(name) > 0

    def _loading_s(self, name: str) -> float:
        return max(0.0, self.loaded_at.get(name, 0.0) - time.monotonic())

    def _versions_of(self, name: str) -> dict[str, list[str]] | None:
        return self.workers if name == "yolo" else self.others.get(name)

    def _page(self, asked: Asked) -> Answer:
        names = ["yolo", *self.others]
        start, limit = int(asked.query.get("next_page_token", 0)), int(asked.query.get("limit", 100))
        listed = [{"modelName": name, "modelUrl": f"{name}.mar"} for name in names[start : start + limit]]
        more = {"nextPageToken": str(start + limit)} if start + limit < len(names) else {}
        return Answer({**more, "models": listed})

    def _described(self, name: str, suffix: list[str], asked: Asked) -> Answer:
        versions = self._versions_of(name) or {}
        if suffix == ["all"]:
            return self.describe or Answer([self._description(name, version, asked).body[0] for version in versions])
        self.described += 1
        version = suffix[0] if suffix else next(iter(versions))
        if version not in versions:
            return torchserve_error(404, "ModelVersionNotFoundException", f"Model version: {version} not found")
        return self.describe or self._description(name, version, asked)

    def _description(self, name: str, version: str, asked: Asked) -> Answer:
        states = [] if (name, version) in self.unloaded else (self._versions_of(name) or {})[version]
        if self._loading_s(name):
            states = ["UNLOADING" for _ in states]
        entry: dict[str, Any] = {
            "modelName": name,
            "modelVersion": version,
            "modelUrl": f"{name}.mar",
            **({"minWorkers": 0, "maxWorkers": 0} if (name, version) in self.unloaded else {}),
            "batchSize": 4,
            "maxBatchDelay": 5,
            "workers": [
                {
                    "id": str(9000 + number),
                    "startTime": self.started,
                    "status": state,
                    "memoryUsage": 231186432,
                    "pid": 15544,
                    "gpu": False,
                    "gpuUsage": "N/A",
                }
                for number, state in enumerate(states)
            ],
            "jobQueueStatus": {"remainingCapacity": 100, "pendingRequests": 0},
        }
        delay_s = 0.0
        if asked.query.get("customized") == "true":
            self.details_asked += 1
            if isinstance(self.details, Answer):
                return self.details
            delay_s = 5.0 if self.details is None else 0.0
            entry["customizedMetadata"] = self.details
        return Answer([entry], delay_s=delay_s)

    async def _client_left_within(self, seconds: float, receive: Any) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await receive()  # after the body only a disconnect can come
                return True
        return False


@contextlib.contextmanager
def serving(
    app: Any, lifespan: Literal["on", "off"] = "off", http: Any = "auto", address: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[str]:
    """Run an ASGI application on a free loopback port in a thread; yields its URL. `http` is uvicorn's protocol."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # see gateway.__main__.listen
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # it may come back while old connections linger
    listener.bind(address)
    listener.listen(128)
    config = uvicorn.Config(app, http=http, log_config=None, lifespan=lifespan, ws="none", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://{address[0]}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
