"""Whether one more model fits into the memory that TorchServe may take. The next start decides by the same estimate."""

from __future__ import annotations

import os
from pathlib import Path

import model_memory
from model_memory import Need
from ops.errors import OpsError
from ops.paths import MODEL, current_archive, kept_archive
from ops.system import settings
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


def in_use(host: Host) -> int:
    """Return what the server and its models take: by estimate, or measured where that is more. In bytes."""
    measured, needs, workers = model_memory.SERVER_BYTES, 0, 1
    for name in host.server.models():
        one = host.of_model(name)
        loaded = one.server.versions()
        measured += sum(version.memory_bytes for version in loaded)
        for version in loaded:
            # A model without workers counts as loaded: a request wakes it.
            needs += Need((_size(one, version.version),), max(version.min_workers, 1)).bytes
        if name == MODEL and loaded:
            workers = max(version.min_workers for version in loaded)
    return max(measured, model_memory.of_server(_decode_bytes(), workers) + needs)


def _size(host: Host, version: str) -> int:
    """Return the size of a loaded version's archive, of the current one where it is not kept."""
    found = [path for path in (kept_archive(version, host.store), current_archive(host.store)) if path.is_file()]
    return found[0].stat().st_size if found else 0


def _decode_bytes() -> int:
    text = settings.load().environment.get("MAX_DECODE_BYTES", "").strip()
    return int(text) if text.isdigit() else MAX_DECODE_BYTES
