"""The worker's settings, read once from the environment."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo import cpus
from yolo.errors import ArchiveError

ENGINES = ("auto", "openvino", "torch")
PRECISIONS = ("f32", "auto")


@dataclass(frozen=True, slots=True)
class Settings:
    """Typed settings of one worker. `cache` is where compiled models are kept, None when nowhere is writable."""

    max_image_pixels: int
    fast_decode: bool
    engine: str
    precision: str
    plan: cpus.Plan
    log_level: str
    cache: Path | None


def read(environ: Mapping[str, str]) -> Settings:
    """Read the worker's variables; empty means the default.

    MAX_IMAGE_PIXELS, FAST_DECODE, ENGINE, PRECISION, WORKERS, THREADS, LOG_LEVEL and MODEL_CACHE_DIR. Raises
    ArchiveError naming the variable that cannot be used.
    """
    return Settings(
        max_image_pixels=_positive(environ, "MAX_IMAGE_PIXELS") or 64_000_000,
        fast_decode=_boolean(environ, "FAST_DECODE"),
        engine=_choice(environ, "ENGINE", ENGINES),
        precision=_choice(environ, "PRECISION", PRECISIONS),
        plan=cpus.plan(_positive(environ, "WORKERS"), _positive(environ, "THREADS")),
        log_level=(environ.get("LOG_LEVEL") or "INFO").upper(),
        cache=_cache(environ.get("MODEL_CACHE_DIR") or ""),
    )


def _choice(environ: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """Read one of the `known` words; empty means the first."""
    chosen = environ.get(name, "").strip().lower() or known[0]
    if chosen not in known:
        raise ArchiveError(f"{name}={chosen!r} is not one of {', '.join(known)}")
    return chosen


def _boolean(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in ("", "false", "true"):
        raise ArchiveError(f"{name}={text!r} is neither true nor false")
    return text == "true"


def _positive(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArchiveError(f"{name}={text!r} is not a whole number above 0")
    return int(text)


def _cache(chosen: str) -> Path | None:
    """Return a folder for compiled models that only this user can write, or None.

    The engine trusts what it finds there, so a folder in the shared temporary directory that belongs to somebody else
    is not used.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"yolo-model-cache-{user}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    trusted = bool(chosen) or (stat.S_ISDIR(found.st_mode) and found.st_uid == user)
    return folder if trusted and os.access(folder, os.W_OK | os.X_OK) else None
