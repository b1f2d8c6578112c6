"""Whether one more model fits into the memory that TorchServe may take. The next start decides by the same estimate."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import model_memory
from model_memory import Need
from ops.errors import OpsError
from ops.paths import MODEL, current_archive, kept_archive
from ops.system import settings
from ops.torchserve.client import Loaded
from ops.torchserve.host import Host

MAX_DECODE_BYTES = 536_870_912


def require_room(host: Host, archive: Path, workers: int) -> str:
    """Return how much the model of `host` and the others take of the memory.

    Raises OpsError with the figures when it does not fit, RefusedError and UnreachableError.
    """
    need, used, there = Need((archive.stat().st_size,), workers), in_use(host), limit(host)
    if why := model_memory.refusal(need, used, there):
        raise OpsError(f"{host.model} {why}. Nothing changed")
    whole = model_memory.shown(used + need.bytes)
    return f"about {model_memory.shown(need.bytes)} more; then {whole} of {model_memory.shown(there)}"


def limit(host: Host) -> int:
    """Return the memory that TorchServe may take, in bytes."""
    if host.compose:  # this container has a limit of its own
        return model_memory.parse_size(os.environ.get("TORCHSERVE_MEMORY", "")) or model_memory.machine()
    return model_memory.limit()


def measured(host: Host, loaded: Loaded) -> int:
    """Return what the workers of a loaded version take and do not share, in bytes; 0 where that cannot be seen.

    TorchServe would tell, if its collection of system metrics were not switched off. From a container its processes are
    out of sight.
    """
    if loaded.memory_bytes or host.compose:
        return loaded.memory_bytes
    import psutil  # the packaging image has no use for it

    total = 0
    for _, pid in loaded.workers:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_full_info().uss if pid > 0 else 0
    return total


def estimated(host: Host, loaded: Loaded) -> int:
    """Return what a loaded version is expected to take, in bytes. Without workers it counts as if it had them."""
    return Need((_size(host, loaded.version),), max(loaded.min_workers, 1)).bytes


def in_use(host: Host) -> int:
    """Return what the server and its models take: by estimate, or measured where that is more. In bytes."""
    seen, expected, workers = model_memory.SERVER_BYTES, 0, 1
    for name in host.server.models():
        one = host.of_model(name)
        loaded = one.server.versions()
        seen += sum(measured(one, version) for version in loaded)
        expected += sum(estimated(one, version) for version in loaded)  # a request wakes one that is unloaded
        if name == MODEL and loaded:
            workers = max(version.min_workers for version in loaded)
    return max(seen, model_memory.of_server(_decode_bytes(), workers) + expected)


def _size(host: Host, version: str) -> int:
    """Return the size of a loaded version's archive, of the current one where it is not kept."""
    found = [path for path in (kept_archive(version, host.store), current_archive(host.store)) if path.is_file()]
    return found[0].stat().st_size if found else 0


def _decode_bytes() -> int:
    text = settings.load().environment.get("MAX_DECODE_BYTES", "").strip()
    return int(text) if text.isdigit() else MAX_DECODE_BYTES
