"""How many CPUs this process may use, and how workers and threads share them.

The entrypoint also uses it, to set the number of workers before any worker exists.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

# With more than four threads a 640-pixel image gains little; another worker gains nearly its share.
PREFERRED_THREADS = 4
# While one worker decodes, runs NMS or sends its answer, its inference threads are idle, and the second worker uses the
# CPUs. Each worker keeps the threads that it would have alone, so that a single client is answered as quickly.
MIN_WORKERS = 2

_Reader: TypeAlias = Callable[[Path], float | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Workers and inference threads per worker. Their product may exceed `cpus`: see `MIN_WORKERS`."""

    cpus: int
    workers: int
    threads: int


def available(root: Path = Path("/")) -> int:
    """Return the number of CPUs this process may use: its affinity, limited by its cgroup's quota, at least 1.

    `root` is the folder of `/proc` and `/sys`. A quota of 2.5 CPUs counts as 2: a third thread would be throttled while
    the other two wait for it.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = quota(root)
    return affinity if limit is None else max(1, min(affinity, int(limit)))


def quota(root: Path = Path("/")) -> float | None:
    """Return the tightest quota, in CPUs, of this process's cgroup and its ancestors (v2 or v1), None if unlimited."""
    limits = [
        limit
        for mount, group, read in _hierarchies(root)
        for folder in _ancestors(mount, group)
        if (limit := read(folder)) is not None
    ]
    return min(limits, default=None)


def plan(workers: int | None = None, threads: int | None = None, cpus: int | None = None) -> Plan:
    """Share the CPUs between workers and threads. A number that the caller sets is kept, the other one is derived.

    With neither set, there are at least two workers (one on a single CPU), and threads as near to four as the CPUs
    allow: 1 → 1×1, 2 → 2×2, 4 → 2×4, 8 → 2×4, 10 → 2×5, 12 → 3×4. With one set, the other uses the remaining CPUs and
    is at least 1.
    """
    cpus = available() if cpus is None else cpus
    if workers is None and threads is None:
        workers = max(cpus // PREFERRED_THREADS, min(cpus, MIN_WORKERS))
        threads = min(cpus, max(PREFERRED_THREADS, cpus // workers))
    if workers is None:
        workers = max(1, cpus // (threads or 1))
    if threads is None:
        threads = max(1, cpus // workers)
    return Plan(cpus=cpus, workers=workers, threads=threads)


def _hierarchies(root: Path) -> list[tuple[Path, str, _Reader]]:
    """Return (mount point, this process's group, quota reader) for the unified hierarchy and the v1 cpu controller."""
    found: list[tuple[Path, str, _Reader]] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            found.append((root / "sys/fs/cgroup", group, _quota_v2))
        elif "cpu" in controllers.split(","):
            found.append((root / "sys/fs/cgroup" / controllers, group, _quota_v1))
            found.append((root / "sys/fs/cgroup/cpu", group, _quota_v1))
    return found


def _ancestors(mount: Path, group: str) -> list[Path]:
    """Return the group's folder and its parents up to the mount point.

    Inside a container the group named by `/proc` is often the host's and does not exist here; the mount point then
    holds the container's own limit. So every level that exists is read.
    """
    parts = [part for part in group.split("/") if part not in ("", "..")]
    return [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _quota_v2(folder: Path) -> float | None:
    allowed, _, period = _text(folder / "cpu.max").partition(" ")
    return _ratio(allowed, period)


def _quota_v1(folder: Path) -> float | None:
    return _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _ratio(allowed: str, period: str) -> float | None:
    try:
        microseconds, of = int(allowed), int(period)
    except ValueError:  # "max", or no such file
        return None
    return microseconds / of if microseconds > 0 and of > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
