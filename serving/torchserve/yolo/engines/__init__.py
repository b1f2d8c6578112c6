"""The engines, and the choice between them."""

from __future__ import annotations

from pathlib import Path

import cv2

from yolo.engines.base import Engine
from yolo.errors import ArchiveError
from yolo.metadata import Metadata
from yolo.settings import Settings

__all__ = ["Engine", "choose", "load"]


def choose(wanted: str, offered: list[str], gpu: bool) -> str:
    """Return the engine to use: the one `wanted`, or for "auto" torch on a GPU and openvino on a CPU.

    Raises ArchiveError when the archive lacks it.
    """
    if wanted == "auto":
        order = ("torch", "openvino") if gpu else ("openvino", "torch")
        wanted = next((name for name in order if name in offered), order[0])
    if wanted not in offered:
        raise ArchiveError(f"The archive has no {wanted} engine, only {', '.join(offered) or 'none'}: package again")
    return wanted


def load(folder: Path, metadata: Metadata, settings: Settings, gpu: int | None = None) -> Engine:
    """Load the engine for the archive unpacked in `folder`. `gpu` is the CUDA device number, None for the CPU.

    Raises ArchiveError when it cannot be loaded. Only the module of the chosen engine is imported.
    """
    name = choose(settings.engine, list(metadata.engines), gpu is not None)
    model = folder / metadata.engines[name]
    if not model.is_file():
        raise ArchiveError(f"{metadata.engines[name]} is not in the archive: package the weights again")
    threads = settings.plan.threads
    if name == "openvino":
        from yolo.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, threads, settings.model_cache(), settings.precision)
    from yolo.engines.torch import TorchEngine

    device = "cpu" if gpu is None else f"cuda:{gpu}"
    return TorchEngine(model, metadata.end2end, threads, device, trusted=settings.trust_weights)


def use_threads(threads: int) -> None:
    """Set OpenCV's number of threads. Call it last: loading an engine may change it."""
    cv2.setNumThreads(threads)
