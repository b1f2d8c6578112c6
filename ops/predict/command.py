"""What `bash scripts/predict.sh` does with its options."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from ops.errors import KeyNeededError, NotRunningError, OpsError, UsageError
from ops.gateways import api_key
from ops.predict import outputs, running, show, sources
from ops.predict.asking import Gateway
from ops.predict.options import DRAWN, add_arguments, chosen
from ops.predict.tally import Tally
from ops.system import settings
from ops.terminal.console import complain
from ops.terminal.exit import INTERRUPTED, ending

TIMEOUT = httpx.Timeout(connect=5, read=120, write=60, pool=60)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; return the exit code. Raises OpsError."""
    format_, out = chosen(arguments)
    found = settings.load()
    url = (arguments.url or found.environment.get("GATEWAY_URL") or found.gateway).rstrip("/")
    headers = api_key.headers(arguments.api_key_file)
    items = sources.find(arguments.pictures)
    if arguments.every is not None and any(item.url is None for item in items):
        raise UsageError("--every is for addresses: a file does not change by itself")
    if format_ == "table":
        return _show(url, items, query(arguments, format_), headers)
    if format_ in ("yolo", *DRAWN):
        sources.check_places(items)
    limits = httpx.Limits(max_connections=arguments.jobs, max_keepalive_connections=arguments.jobs)
    return asyncio.run(_run(arguments, format_, out, url, headers, items, limits))


def query(arguments: argparse.Namespace, format_: str) -> dict[str, str]:
    """Return the gateway's parameters that were given."""
    names = ("conf", "iou", "classes", "max_det", "imgsz", "version")
    given = {name: str(value) for name in names if (value := getattr(arguments, name)) is not None}
    if arguments.agnostic_nms:
        given["agnostic_nms"] = "true"
    if format_ in DRAWN:
        given["format"] = format_
    return given


def _show(url: str, items: list[sources.Item], given: dict[str, str], headers: dict[str, str]) -> int:
    """Print the detections of each picture for a person; one that fails stops no other."""
    failed = 0
    for item in items:
        if item.path is None:
            raise UsageError(f"{item.name}: an address needs --out, or --format jsonl")
        try:
            show.show(url, item.path, given, headers)
        except (NotRunningError, KeyNeededError, UsageError):
            raise  # every further picture would end like this one
        except OpsError as error:
            failed += 1
            complain(f"error: {error}")
    return 1 if failed else 0


async def _run(
    arguments: argparse.Namespace,
    format_: str,
    out: Path | None,
    url: str,
    headers: dict[str, str],
    items: list[sources.Item],
    limits: httpx.Limits,
) -> int:
    from ops.predict.progress import watching  # rich, which packaging and a table do without

    client = httpx.AsyncClient(timeout=TIMEOUT, limits=limits, trust_env=show.by_proxy(url))
    async with client, httpx.AsyncClient() as fetcher:
        await _check(client, url, format_, headers)
        output = outputs.create(
            format_, out, arguments.again, annotations=arguments.annotations, confidence=arguments.save_conf
        )
        gateway = Gateway(url, client, query(arguments, format_), headers, arguments.retries)
        tally = Tally()
        total: int | None
        if arguments.every is None:
            wanted, tally.skipped = running.parts(items, output)
            stream, total = running.once(wanted), len(wanted)
        else:
            stream = running.repeatedly(items, arguments.every, arguments.count)
            total = arguments.count * len(items) if arguments.count else None
        try:
            with watching(tally, total, arguments.quiet) as watch:
                job = running.Run(gateway, output, fetcher, watch.tell, watch.moved, arguments.jobs, tally)
                code = await _until_interrupted(job.go(stream))
        finally:
            output.close()
            if not arguments.quiet:
                summary = [*tally.lines(gateway.waited), *([f"  output      {out}"] if out else [])]
                print(*summary, sep="\n", file=sys.stderr, flush=True)
    return code or (1 if tally.failed else 0)


async def _until_interrupted(work: Any) -> int:
    """Await `work`; on Ctrl-C or a signal to end, give up what is under way and return 130."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    told = False

    def interrupt() -> None:
        nonlocal told
        told = True
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
        return INTERRUPTED
    return 0


async def _check(client: httpx.AsyncClient, url: str, format_: str, headers: dict[str, str]) -> None:
    """See that a gateway is there, and can draw where that is wanted. Raises NotRunningError, OpsError, UsageError."""
    try:
        response = await client.get(f"{url}/openapi.json", headers=headers)
    except httpx.InvalidURL as error:
        raise UsageError(f"{url}: this is no address of a gateway") from error
    except httpx.HTTPError as error:
        raise NotRunningError(
            f"no answer from {url} ({error}). Is it up? bash scripts/up.sh. Nothing was asked"
        ) from error
    if format_ not in DRAWN or response.status_code in (401, 403, 404):
        return  # it may keep its description to itself; then the first picture tells
    try:
        parameters = response.json()["paths"]["/predict"]["post"]["parameters"]
        drawn = any(parameter["name"] == "format" for parameter in parameters)
    except (ValueError, KeyError, TypeError):
        drawn = False
    if not drawn:
        raise OpsError(
            f"the gateway at {url} does not draw on pictures; --format jsonl, csv, coco or yolo. Nothing was asked"
        )


def main() -> int:
    """Run by itself, where no more than this is installed; every failure is one message and an exit code."""
    parser = argparse.ArgumentParser(prog="predict.sh", description="Ask the running gateway about many pictures.")
    add_arguments(parser)
    arguments = parser.parse_args()
    os.umask(0o022)
    return ending(lambda: run(arguments), "asking", "interrupted; what is done is kept")


if __name__ == "__main__":
    raise SystemExit(main())
