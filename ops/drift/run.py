"""Show the drift of a model, store a baseline with a release, or remove it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from detection_profile import ASPECTS, Profile
from ops.drift import gateway
from ops.drift.gateway import Model
from ops.errors import NotNowError, OpsError, UsageError
from ops.gateways import api_key
from ops.paths import MODEL, store_of
from ops.predict import fetching, sources
from ops.predict.at_once import at_once
from ops.predict.client import Gateway, RefusedError, connect
from ops.predict.sources import Item
from ops.store import audit, baseline
from ops.system import settings
from ops.terminal.console import progress, say, say_to_stderr
from ops.terminal.table import table

#: Above it a stability index is a large change, by custom; above the lower one a change.
LARGE, NOTABLE = 0.25, 0.1
#: With fewer images most of what is seen later would be chance.
LEAST_IMAGES = 100
#: Does not change what is found, but tells the gateway that these images are none of the last hour's.
QUERY = {"agnostic_nms": "false"}


@dataclass(frozen=True)
class Job:
    """What the command line asks for: to show, or one of the other three."""

    baseline: Path | None = None
    keep: bool = False
    forget: bool = False
    model: str = MODEL
    version: str | None = None
    jobs: int = 4
    url: str | None = None
    api_key_file: Path | None = None


def run(job: Job) -> None:
    """Do the job. Raises OpsError."""
    url = (job.url or settings.load().gateway).rstrip("/")
    asyncio.run(_run(job, url, api_key.headers(job.api_key_file)))


async def _run(job: Job, url: str, headers: dict[str, str]) -> None:
    async with connect(url, job.jobs) as client:
        model = await gateway.describe(client, url, headers, job.model)
        if job.baseline is not None:
            version = model.choose(job.version)
            query = {"model": model.name, "version": version, **QUERY}
            items = sources.find([str(job.baseline)])
            profile = await measure(Gateway(url, client, query, headers), items, job.jobs)
            store(job.model, version, profile, f"{profile.images} images of {job.baseline.name}")
        elif job.keep:
            version = model.choose(job.version)
            store(job.model, version, learned(model, version), "learned by the gateway")
        elif job.forget:
            version = model.choose(job.version)
            if not baseline.remove(store_of(job.model), version):
                raise NotNowError(f"no baseline of version {version} of {job.model} is stored")
            audit.record(store_of(job.model), "baseline", "done", to=version, note="removed")
            say(f"The baseline of version {version} is removed")
        else:
            for line in lines(model):
                say(line)


def store(model: str, version: str, profile: Profile, note: str) -> None:
    """Store a baseline with the release and record it. Raises OpsError."""
    if profile.images < LEAST_IMAGES:
        raise OpsError(f"{profile.images} images are too few for a baseline: at least {LEAST_IMAGES}. Nothing changed")
    baseline.write(store_of(model), version, profile)
    audit.record(store_of(model), "baseline", "done", to=version, note=note)
    say(f"The baseline of version {version} of {model} is stored ({note}). Every gateway uses it within 10 s")


def learned(model: Model, version: str) -> Profile:
    """Return what the gateway has learned. Raises OpsError while it has not learned enough."""
    seen = model.drift.get(version)
    if seen is None:
        raise OpsError(f"the gateway has not answered an image with version {version} yet")
    if seen.kept:
        raise NotNowError(f"a baseline of version {version} is stored already. To replace it: --forget first")
    return seen.baseline


async def measure(asked: Gateway, items: Sequence[Item], jobs: int) -> Profile:
    """Return what the version finds in these pictures, without those that fail. Raises OpsError."""
    profile = Profile()

    async def add(item: Item) -> None:
        try:
            reply = await asked.ask(await fetching.read(item, fetcher))
        except (RefusedError, fetching.UnreadableError) as error:
            say_to_stderr(f"error: {item.name}: {error}")
            return
        image = reply.body.get("image") or {}
        found = [(str(one["class"]), float(one["confidence"])) for one in reply.body["detections"]]
        profile.add(found, int(image.get("width") or 0) * int(image.get("height") or 0))

    with progress(f"asking about {len(items)} images", lambda: f"{profile.images}"):
        async with httpx.AsyncClient() as fetcher:
            await at_once(items, jobs, add)
    return profile


def lines(model: Model) -> list[str]:
    """Return the table of all versions, with what it means."""
    if not model.drift:
        return [f"  no image was answered by {model.name} yet since the gateway started"]
    rows = []
    for seen in model.drift.values():
        source = "stored" if seen.kept else "learned"
        row = [seen.version, f"{seen.baseline_images} {source}", str(seen.recent_images)]
        rows.append([*row, *(_index(seen.indexes.get(aspect)) for aspect in ASPECTS), verdict(seen.indexes)])
    return table(rows, ["version", "baseline", "last hour", *ASPECTS, ""])


def verdict(indexes: dict[str, float]) -> str:
    """Return what the indexes mean, empty while there are none."""
    if not indexes:
        return "too few images"
    worst = max(indexes.values())
    return "drift" if worst > LARGE else "some drift" if worst > NOTABLE else "no drift"


def _index(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def check(job: Job) -> None:
    """Raise UsageError for a folder that is not there."""
    if job.baseline is not None and not job.baseline.is_dir():
        raise UsageError(f"--baseline {job.baseline}: there is no such folder. Name one with images")
