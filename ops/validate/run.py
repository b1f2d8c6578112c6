"""One validation of the running service."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.gateways import api_key
from ops.predict.client import Gateway, Reply, connect
from ops.predict.progress import progress
from ops.predict.tally import Tally
from ops.system import settings
from ops.terminal.console import say, say_to_stderr
from ops.validate import dataset, pictures, report, service
from ops.validate.dataset import Dataset
from ops.validate.metrics import Metrics, Result, query
from ops.validate.pictures import Frame, Framed
from ops.validate.service import Asking, Model


@dataclass(frozen=True)
class Job:
    """What the command line asks for. `originals` sends the files as they are."""

    data: Path
    split: str = "val"
    limit: int | None = None
    url: str | None = None
    model: str | None = None
    version: str | None = None
    originals: bool = False
    jobs: int = 4
    json: bool = False


def run(job: Job) -> int:
    """Measure, and print the figures; return 1 if a picture failed. Raises OpsError, KeyboardInterrupt."""
    found = settings.load()
    given = job.url or found.environment.get("GATEWAY_URL") or os.environ.get("OPS_GATEWAY_URL") or found.gateway
    labelled = dataset.read(job.data, job.split, job.limit)
    report.warn(labelled.left_out)
    try:
        return asyncio.run(_run(job, given.rstrip("/"), labelled))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(job: Job, url: str, labelled: Dataset) -> int:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run made one
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    headers = {**api_key.headers(), "Cache-Control": "no-store"}  # it is the model that is measured
    async with connect(url, job.jobs) as client:
        chosen = {name: value for name in ("model", "version") if (value := getattr(job, name)) is not None}
        model = await _describe(job, Gateway(url, client, chosen, headers), labelled)
        for line in dataset.differences(model.names, labelled.names):
            say_to_stderr(f"warning: {line}")
        frame = None if job.originals else model.frame
        parameters = query(model.task, labelled.most_objects, frame.padded_side if frame else None)
        parameters |= chosen
        arranged = _arrange(labelled, frame)
        metrics = Metrics(model.task, model.names or labelled.names)
        tally = Tally()
        with progress(tally, len(arranged), quiet=False) as moved:

            def count(reply: Reply | None) -> None:
                if reply is None:
                    tally.failed += 1
                else:
                    tally.add(reply)
                moved()

            asking = Asking(Gateway(url, client, parameters, headers), metrics, frame, say_to_stderr, count)
            await asking.go(arranged, job.jobs)
    show(job, model, frame, metrics.result(), asking.versions, tally)
    return 1 if tally.failed else 0


async def _describe(job: Job, gateway: Gateway, labelled: Dataset) -> Model:
    """Ask for the model. One that says nothing of itself may not be loaded: a request loads it. Raises OpsError."""

    async def ask() -> Model:
        return await service.describe(gateway.client, gateway.url, gateway.headers, job.model, job.version)

    model = await ask()
    if model.described or job.originals:
        return model
    await gateway.ask(labelled.samples[0].path.read_bytes())
    model = await ask()
    if not model.described:
        raise OpsError(
            f"the gateway does not say which size of pictures {model.name} takes. Try again, or let the service resize "
            "and pad the files: --originals"
        )
    return model


def _arrange(labelled: Dataset, frame: Frame | None) -> Sequence[Framed]:
    if frame is None:
        return [Framed(sample) for sample in labelled.samples]
    arranged, unreadable = pictures.arrange(labelled.samples, frame)
    report.warn(unreadable)
    if not arranged:
        raise OpsError(f"{labelled.file}: no picture of {labelled.split} can be read")
    return arranged


def show(
    job: Job, model: Model, frame: Frame | None, result: Result, versions: Mapping[str, int], tally: Tally
) -> None:
    """Print the figures and what they are of."""
    if len(versions) > 1:
        counts = ", ".join(f"{version} {count}" for version, count in versions.items())
        say_to_stderr(f"warning: several versions answered ({counts}); --version measures one")
    answered = ", ".join(versions)
    if job.json:
        about = {
            "data": str(job.data),
            "split": job.split,
            "model": {"name": model.name, "version": answered, "task": model.task},
            "pictures": {"measured": result.total.images, "failed": tally.failed},
            "letterbox": "service" if frame is None else "val",
        }
        say(json.dumps(report.document(result, **about), ensure_ascii=False))
        return
    for line in report.table(result):
        say(line)
    boxes = {"segment": "; boxes, not masks", "pose": "; boxes, not keypoints"}.get(model.task, "")
    sent = "files as they are" if frame is None else "pictures letterboxed as by yolo val"
    say_to_stderr(f"  model {model.name} {answered}, {model.task}{boxes}; {sent}")
    for line in tally.lines():
        if not line.startswith("  detections"):
            say_to_stderr(line)
