"""How much memory the models take, by estimate, and how much there is.

Measured on Linux with TorchServe 0.12, one worker for each archive, after five requests (what a process does not share,
in MB; the archive of float32 weights holds them twice, for torch and for OpenVINO):

    archive                OpenVINO   torch
    YOLOv8n           20        260     257
    YOLOv8n-cls       22        236     219
    YOLOv8n-seg       28        397     349    with hundreds of masks in each image
    YOLOv8s           90        344     307
    YOLOv8m          208        503     409
    YOLOv8x          547        964     666

Beside the workers: Java, 260 after the start and 350 later; the libraries that workers share, 110; the guard, 30. A
worker that decodes an image takes up to MAX_DECODE_BYTES more. Unpacked archives are files in memory in a container.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000
SERVER_BYTES = 500 * MB
WORKER_BYTES = 300 * MB
BYTES_PER_ARCHIVE_BYTE = 1.3
# Large images are rare. So many at once are allowed for, whatever the number of workers.
LARGE_IMAGES = 2
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)b?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Need:
    """The memory of one model: of each version, its unpacked archive and its workers."""

    #: The size of the archive of each version.
    archives: tuple[int, ...]
    #: The workers of each version.
    workers: int

    @property
    def bytes(self) -> int:
        """The estimate."""
        return sum(
            archive + self.workers * (WORKER_BYTES + int(BYTES_PER_ARCHIVE_BYTE * archive)) for archive in self.archives
        )


def of_server(decode_bytes: int, workers: int) -> int:
    """Return what the server takes before any model is loaded.

    `decode_bytes` is the setting MAX_DECODE_BYTES, `workers` the number of workers of `yolo`.
    """
    return SERVER_BYTES + min(workers, LARGE_IMAGES) * decode_bytes


def refusal(need: Need, used: int, limit: int) -> str | None:
    """Return why a model does not fit, with the figures and the fix; None if it fits.

    `used` is what the server and the other models take, `limit` what there is, both in bytes.
    """
    if used + need.bytes <= limit:
        return None
    versions = f" in {len(need.archives)} versions" if len(need.archives) > 1 else ""
    return (
        f"does not fit into memory: it needs about {shown(need.bytes)} ({need.workers} worker(s){versions}), and "
        f"{shown(used)} of {shown(limit)} are taken. Raise TORCHSERVE_MEMORY (Compose) or the machine's memory, give "
        "models fewer workers in models.toml, or remove one"
    )


def limit(root: Path = Path("/")) -> int:
    """Return the memory that this process and its children may use: the tightest limit of its cgroup, or the machine's.

    `root` is the folder of `/proc` and `/sys`.
    """
    return min([machine(root), *_cgroup_limits(root)])


def machine(root: Path = Path("/")) -> int:
    """Return the machine's memory in bytes."""
    found = re.search(r"^MemTotal:\s*([0-9]+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def parse_size(text: str) -> int | None:
    """Read a size as Compose writes it (`4g`, `1.5gb`); None for anything else, and for 0: no limit."""
    found = _SIZE.fullmatch(text.strip())
    return int(float(found[1]) * 1024 ** "bkmgt".index(found[2].lower() or "b")) or None if found else None


def shown(count: int) -> str:
    """Return a number of bytes for people, in GB."""
    return f"{count / 1e9:.1f} GB"


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Yield the limits of this process's cgroup and its ancestors, v2 or v1.

    In a container the group that `/proc` names is often the host's and does not exist here; the mount point then holds
    the container's own limit. So every level that exists is read.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            mount, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mount, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        parts = [part for part in group.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            value = _text(mount.joinpath(*parts[:depth]) / name)
            if value.isdigit() and int(value) > 0:  # "max", or no such file
                yield int(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
