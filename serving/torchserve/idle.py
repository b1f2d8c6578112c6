"""Models that nobody asks are unloaded: scaled to no worker, which gives their memory back.

This process does it, and not a gateway, so that several gateways agree. The gateway that gets the next request
starts one worker (`gateway/model_server/torchserve/workers.py`); here the others follow, if the model has more.

A model counts as used when its counters change, when requests wait, and when its workers compute, start or change. Not
unloaded are `yolo`, a model whose traffic is split, and one that a release operation works on.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import model_names
import routed_versions
import served_models
from model_settings import ModelSettings
from torchserve_api import FAILED, TorchServe, Version

EVERY_S = 2.0
# Locked by every release operation on a model (ops/store/lock.py).
GUARD = ".release-guard"
# Processor time of a worker between two looks, in hundredths of a second. Describing the model takes less, and an image
# more.
AT_WORK = 5


@dataclass(frozen=True)
class Limits:
    """After how many seconds without a request a model is unloaded, and how many workers it has otherwise."""

    idle_s: int
    workers: int


@dataclass
class _Seen:
    """A model at the last look: what changes when it is used, and since when nothing has."""

    counters: tuple[float, ...] | None
    pids: frozenset[int]
    cpu: int
    since: float


def limits(settings: Mapping[str, ModelSettings]) -> dict[str, Limits]:
    """Return the limits of the models that are unloaded at all; of models that are added later, too."""
    return {
        name: Limits(given.idle_unload_s, given.workers or served_models.WORKERS)
        for name, given in settings.items()
        if given.idle_unload_s is not None and name != model_names.DEFAULT
    }


class IdleModels:
    """Unloads models and completes the workers of those that were woken. `clock` gives monotonic seconds."""

    def __init__(
        self,
        server: TorchServe,
        store: Path,
        wanted: Mapping[str, Limits],
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[Collection[int]], int] | None = None,
    ) -> None:
        self._server, self._store, self._wanted = server, store, wanted
        self._clock, self._cpu = clock, cpu or cpu_ticks
        self._seen: dict[str, _Seen] = {}

    async def run(self, every_s: float = EVERY_S) -> None:
        """Look again and again until cancelled. A server that does not answer is asked again at the next look."""
        while True:
            await asyncio.sleep(every_s)
            with contextlib.suppress(*FAILED):
                await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Unload what is idle, and complete the workers of what was woken. Raises one of `FAILED`."""
        counters = self._server.activity()
        for model, wanted in self._wanted.items():
            versions = self._server.versions(model)
            idle_s = self._idle_s(model, versions, counters.get(model))
            loaded = [version for version in versions if version.min_workers or version.pids]
            if not loaded or self._is_changing(model):
                continue
            if idle_s >= wanted.idle_s:
                # Nothing may have come since the counters were read.
                if self._server.activity().get(model) == counters.get(model):
                    self._scale(model, loaded, 0)
                    print(f"torchserve: {model} is unloaded: no request for {idle_s:.0f} s", flush=True)
            elif partial := [one for one in loaded if one.settled and 0 < one.min_workers < wanted.workers]:
                self._scale(model, partial, wanted.workers)

    def _idle_s(self, model: str, versions: Iterable[Version], counters: tuple[float, ...] | None) -> float:
        """Return for how many seconds a model has not been used."""
        versions = list(versions)
        pids = frozenset(pid for version in versions for pid in version.pids)
        now, cpu, seen = self._clock(), self._cpu(pids), self._seen.get(model)
        is_used = (
            seen is None
            or (seen.counters, seen.pids) != (counters, pids)
            or not 0 <= cpu - seen.cpu < AT_WORK
            or any(version.pending or not version.settled for version in versions)
        )
        self._seen[model] = _Seen(counters, pids, cpu, now if is_used or seen is None else seen.since)
        return now - self._seen[model].since

    def _is_changing(self, model: str) -> bool:
        """Tell whether several versions share the model's traffic, or a release operation is at work on it."""
        return routed_versions.is_split(self._store, model) or _is_locked(
            self._store / served_models.STATE / model / GUARD
        )

    def _scale(self, model: str, versions: Iterable[Version], workers: int) -> None:
        for version in versions:
            self._server.scale(model, version.version, workers)


def cpu_ticks(pids: Iterable[int]) -> int:
    """Return the processor time of processes, in hundredths of a second; 0 where the system does not tell."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            # After the name, which is in parentheses and may hold anything: user and system time are fields 14 and 15.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total


def _is_locked(guard: Path) -> bool:
    try:
        with guard.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no operation ever ran
        return False
    return False
