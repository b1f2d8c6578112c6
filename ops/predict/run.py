"""One run over many pictures: each is read, sent and written; one that fails is reported and stops no other."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from ops.errors import NotRunningError, NotServingError, OpsError, UsageError, from_os_error
from ops.gateways import api_key
from ops.predict import credentials, fetching, outputs, sources
from ops.predict.client import Gateway, RefusedError, Reply, connect, explanation, no_answer
from ops.predict.outputs import DRAWN, Output
from ops.predict.progress import progress
from ops.predict.sources import Item, snapshot
from ops.predict.tally import Tally
from ops.system import settings
from ops.terminal.console import say_to_stderr

# After so many pictures in a row without any answer, each after all its attempts, the gateway counts as gone.
GIVE_UP_AFTER = 4


@dataclass(frozen=True)
class Job:
    """What the command line asks for; `out` None is standard output, `query` are the gateway's parameters."""

    pictures: Sequence[str]
    format: str = "table"
    out: Path | None = None
    url: str | None = None
    api_key_file: Path | None = None
    netrc_file: Path | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    jobs: int = 4
    retries: int = 8
    every: float | None = None
    count: int | None = None
    quiet: bool = False
    annotations: Path | None = None
    save_conf: bool = False


def run(job: Job) -> int:
    """Do the job; return 1 if a picture failed. Raises OpsError, KeyboardInterrupt."""
    found = settings.load()
    url = (job.url or found.environment.get("GATEWAY_URL") or found.gateway).rstrip("/")
    headers = api_key.headers(job.api_key_file)
    passed_over: Counter[str] = Counter()
    items = sources.find(job.pictures, job.out if job.format in DRAWN else None, passed_over)
    if passed_over and not job.quiet:
        kinds = ", ".join(f"{suffix or 'without a suffix'} {count}" for suffix, count in passed_over.most_common(5))
        say_to_stderr(f"  passed over {passed_over.total()} file(s) that are not pictures by their names: {kinds}")
    if job.netrc_file is not None:
        items = credentials.add_credentials(items, job.netrc_file)
    if job.every is not None and any(item.url is None for item in items):
        raise UsageError("--every is for addresses: a file does not change")
    if job.format in ("yolo", *DRAWN):
        sources.check_places(items)
    try:
        return asyncio.run(_run(job, url, headers, items))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(job: Job, url: str, headers: Mapping[str, str], items: Sequence[Item]) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made one
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with connect(url, job.jobs) as client, httpx.AsyncClient() as fetcher:
        await _check(client, url, job.format, headers)
        await _check_model(client, url, job.query.get("model"), headers)
        output = outputs.create(job.format, job.out, job.again, annotations=job.annotations, confidence=job.save_conf)
        gateway = Gateway(url, client, job.query, headers, job.retries)
        tally = Tally()
        total: int | None
        if job.every is None:
            wanted = [item for item in items if not output.has(item)]
            tally.skipped = len(items) - len(wanted)
            stream, total = once(wanted), len(wanted)
        else:
            stream = repeatedly(items, job.every, job.count)
            total = job.count * len(items) if job.count else None
        quiet = job.quiet or job.format == "table"
        try:
            with progress(tally, total, quiet) as moved:
                await Run(gateway, output, fetcher, tally, moved).go(stream, job.jobs)
        finally:
            output.close()
            if not quiet:
                for line in [*tally.lines(gateway.waited), *([f"  output      {job.out}"] if job.out else [])]:
                    say_to_stderr(line)
    return 1 if tally.failed else 0


async def _check(client: httpx.AsyncClient, url: str, format_: str, headers: Mapping[str, str]) -> None:
    """Raise NotRunningError unless a gateway answers, OpsError if it cannot draw."""
    try:
        response = await client.get(f"{url}/openapi.json", headers=headers)
    except httpx.HTTPError as error:
        raise no_answer(url, error) from error
    if format_ not in DRAWN or response.status_code in (401, 403, 404):
        return  # the description may be protected; then the first picture tells
    try:
        parameters = response.json()["paths"]["/predict"]["post"]["parameters"]
        draws = any(parameter["name"] == "format" for parameter in parameters)
    except (ValueError, KeyError, TypeError):
        draws = False
    if not draws:
        raise OpsError(f"the gateway at {url} cannot draw; use --format jsonl, csv, coco or yolo. Nothing was asked")


async def _check_model(client: httpx.AsyncClient, url: str, model: str | None, headers: Mapping[str, str]) -> None:
    """Raise UsageError if the gateway has no such model: every picture would be refused for it."""
    if model is None:
        return
    try:
        response = await client.get(f"{url}/models/{model}", headers=headers)
    except httpx.HTTPError as error:
        raise no_answer(url, error) from error
    code, message = explanation(response) if response.status_code == 404 else ("", "")
    if code == "model_not_found":
        raise UsageError(f"{message} Nothing was asked")


@dataclass
class Run:
    """The work on all pictures. `moved` is called after each of them."""

    gateway: Gateway
    output: Output
    fetcher: httpx.AsyncClient
    tally: Tally = field(default_factory=Tally)
    moved: Callable[[], None] = lambda: None
    _unanswered: int = 0

    async def go(self, items: AsyncIterator[Item], jobs: int = 4) -> None:
        """Ask about all of them, `jobs` at once. Raises OpsError if going on is pointless; what is written stays."""
        queue: asyncio.Queue[Item | None] = asyncio.Queue(maxsize=jobs)

        async def work() -> None:
            while (item := await queue.get()) is not None:
                await self._do(item)
                self.moved()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(jobs):
                    group.create_task(work())
                async for item in items:
                    await queue.put(item)
                for _ in range(jobs):
                    await queue.put(None)
        except* OpsError as errors:
            raise errors.exceptions[0] from None

    async def _do(self, item: Item) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            reply = await self.gateway.ask(await fetching.read(item, self.fetcher))
        except NotRunningError as error:
            self._unanswered += 1
            self._report(item, error)
            if self._unanswered >= GIVE_UP_AFTER:
                raise NotServingError(f"{error}. What is done is kept: run the same command again to go on") from error
        except (RefusedError, fetching.UnreadableError) as error:
            self._unanswered = 0
            self._report(item, error)
        else:
            self._unanswered = 0
            self._keep(item, reply, at)

    def _keep(self, item: Item, reply: Reply, at: str) -> None:
        try:
            self.output.add(item, reply, at)
        except OSError as error:  # every further picture would fail too
            raise from_os_error(error, f"writing what was found in {item.name}") from error
        self.tally.add(reply)

    def _report(self, item: Item, error: OpsError) -> None:
        self.tally.failed += 1
        say_to_stderr(f"error: {item.name}: {error}")


async def once(items: Sequence[Item]) -> AsyncIterator[Item]:
    """Yield each picture once."""
    for item in items:
        yield item


async def repeatedly(items: Sequence[Item], every_s: float, count: int | None) -> AsyncIterator[Item]:
    """Yield a new picture of each camera every so many seconds, `count` times, or forever.

    Where asking takes longer than that, moments are left out rather than made up for.
    """
    loop = asyncio.get_running_loop()
    started, number = loop.time(), 0
    while count is None or number < count:
        if number:
            late = loop.time() - started
            await asyncio.sleep((late // every_s + 1) * every_s - late)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
        for item in items:
            yield snapshot(item, moment)
        number += 1
