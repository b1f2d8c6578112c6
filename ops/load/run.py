"""One load: pictures are sent to POST /predict at a constant rate, whatever comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
from rich.console import Console
from rich.live import Live

from ops.errors import NotRunningError, UsageError
from ops.gateways import api_key
from ops.load import picture, view
from ops.load.record import Record
from ops.load.schedule import due_times, open_loop
from ops.predict import client as predict
from ops.predict import sources
from ops.predict.client import BUSY, RefusedError, explanation
from ops.system import settings
from ops.terminal.console import say

#: All pictures are held in memory.
MOST_BYTES = 256 * 1024 * 1024
REDRAW_S = 0.25
LINE_S = 1.0


@dataclass(frozen=True)
class Job:
    """What the command line asks for. A request has `timeout` seconds from its due time."""

    pictures: Sequence[str] = ()
    rate: float = 5.0
    seconds: float = 30.0
    connections: int = 64
    timeout: float = 30.0
    url: str | None = None
    api_key_file: Path | None = None
    query: Mapping[str, str] = field(default_factory=dict)


def run(job: Job) -> int:
    """Do the job and print the summary; return 1 if no picture was answered. Raises OpsError, KeyboardInterrupt."""
    # GATEWAY_URL may be the one in production: that is loaded only where it is named.
    url = (job.url or settings.load().gateway).rstrip("/")
    headers = {"Content-Type": "application/octet-stream", **api_key.headers(job.api_key_file)}
    pictures = read(job.pictures)
    try:
        return asyncio.run(_run(job, url, headers, pictures))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def read(named: Sequence[str]) -> list[bytes]:
    """Return the encoded pictures, or a drawn one if none is named. Raises UsageError, OSError."""
    if not named:
        return [picture.draw()]
    paths = [item.path for item in sources.find(named) if item.path is not None]
    if not paths:
        raise UsageError("name files, folders or patterns: a picture is not fetched by its address here")
    if (total := sum(path.stat().st_size for path in paths)) > MOST_BYTES:
        raise UsageError(
            f"these pictures take {total >> 20} MiB, and are held in memory: name some of them, at most "
            f"{MOST_BYTES >> 20} MiB"
        )
    return [path.read_bytes() for path in paths]


async def _run(job: Job, url: str, headers: Mapping[str, str], pictures: Sequence[bytes]) -> int:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101 - asyncio.run made one
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    async with predict.connect(url, job.connections) as client:
        sender = Sender(client, f"{url}/predict", job.query, headers, pictures, job.connections, job.timeout)
        await sender.check()
        sender.record = Record(loop.time())
        try:
            async with _shown(f"Load on {url}", sender.record, job.seconds):
                await open_loop(due_times(job.rate, job.seconds), sender.send)
        finally:
            for line in view.summary(sender.record, loop.time()):
                say(line)
    return 0 if sender.record.answered else 1


@dataclass
class Sender:
    """Sends the pictures in turn. At most `connections` requests are in flight; further ones wait, and that counts."""

    client: httpx.AsyncClient
    address: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    pictures: Sequence[bytes]
    connections: int
    timeout_s: float
    record: Record = field(default_factory=lambda: Record(time.monotonic()))

    def __post_init__(self) -> None:
        self._turn = count()
        self._places = asyncio.Semaphore(self.connections)

    async def check(self) -> None:
        """Send one picture that does not count, so that a wrong key or model is one message instead of a load.

        Raises NotRunningError, KeyNeededError, RefusedError. A gateway that is busy passes.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                response = await self._post(self.pictures[0])
        except (httpx.TransportError, TimeoutError) as error:
            name = f"{type(error).__name__} {error}".strip()
            raise NotRunningError(f"no answer from {self.address} ({name}). Is it up? bash scripts/up.sh") from error
        if response.status_code not in BUSY:
            predict.read(response, 0)

    async def send(self, due: float) -> None:
        """Send the next picture and record what comes back. Raises nothing."""
        body = self.pictures[next(self._turn) % len(self.pictures)]
        self.record.plan(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout_at(due + self.timeout_s), self._place():
                response = await self._post(body)
        except TimeoutError:
            self.record.fail(f"later than {self.timeout_s:g} s")
        except httpx.HTTPError as error:
            self.record.fail(type(error).__name__)
        else:
            self._count(response, due)

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        self.record.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.record.waiting -= 1
        self.record.in_flight += 1
        try:
            yield
        finally:
            self.record.in_flight -= 1
            self._places.release()

    async def _post(self, body: bytes) -> httpx.Response:
        return await self.client.post(
            self.address, content=body, params=self.query, headers=self.headers, timeout=self.timeout_s
        )

    def _count(self, response: httpx.Response, due: float) -> None:
        now = asyncio.get_running_loop().time()
        if response.status_code != 200:
            code, _ = explanation(response)
            self.record.refuse(f"{response.status_code} {code}".strip(), response.headers.get("retry-after"))
            return
        try:
            model = predict.read(response, now - due).body.get("model") or {}
        except RefusedError:
            self.record.refuse("200 without detections", None)
            return
        version = f"{model.get('name', '')} {model.get('version') or ''}".strip() or "unknown"
        self.record.answer(now, due, version, cached=response.headers.get("x-cache", "").lower() == "hit")


@contextlib.asynccontextmanager
async def _shown(title: str, record: Record, seconds: float) -> AsyncIterator[None]:
    """Show the load while the block runs: live on a terminal, otherwise as a line each second."""
    clock = asyncio.get_running_loop().time
    with contextlib.ExitStack() as stack:
        if sys.stdout.isatty():
            # Transient: the summary takes its place. Without rich's own thread, which would read what is just changing.
            live = stack.enter_context(Live(console=Console(), auto_refresh=False, transient=True))
            every_s = REDRAW_S

            def show() -> None:
                live.update(view.screen(title, record, clock(), seconds), refresh=True)
        else:
            say(title)
            every_s = LINE_S

            def show() -> None:
                say(view.line(record, clock()))

        shower = asyncio.create_task(_repeat(every_s, show))
        try:
            yield
        finally:
            shower.cancel()


async def _repeat(every_s: float, show: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(every_s)
        show()
