"""Load a checkpoint with Ultralytics.

A checkpoint is a pickle, and an unrestricted pickle runs code. Ultralytics therefore loads it with torch's restricted
unpickler, which builds only classes of Ultralytics and torch, unless TRUST_WEIGHTS says otherwise. Ultralytics works
offline, on a copy of the weights in a temporary folder that also holds its settings.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.packaging import diagnosis
from ops.store.archive import WEIGHTS
from ops.system.variables import TRUST_WEIGHTS

TASKS = ("detect", "segment", "pose", "obb", "classify")


class ExportError(Exception):
    """The weights cannot be served or exported; the message says why and what to do."""


@contextlib.contextmanager
def opened(weights: Path) -> Iterator[Any]:
    """Yield the Ultralytics model of the weights, with ultralytics imported quietly; undo its side effects.

    Raises ExportError.
    """
    if not weights.is_file():
        raise ExportError(f"{weights} is not a file: put your weights there, or name them with --weights")
    if mistaken := diagnosis.find_mistaken(weights):
        raise ExportError(f"{weights.name} is {mistaken}")
    with tempfile.TemporaryDirectory(prefix="yolo-export-") as folder:
        os.environ["YOLO_AUTOINSTALL"] = "false"
        os.environ["YOLO_OFFLINE"] = "true"
        os.environ.setdefault("YOLO_CONFIG_DIR", folder)
        copy = Path(folder) / WEIGHTS
        shutil.copyfile(weights, copy)
        try:
            with _quiet(), _restricted(os.environ.get(TRUST_WEIGHTS.name) == "true"):
                yield _load(copy, weights)
        finally:
            if os.environ.get("YOLO_CONFIG_DIR") == folder:
                del os.environ["YOLO_CONFIG_DIR"]


@contextlib.contextmanager
def _restricted(trusted: bool) -> Iterator[None]:
    """Let ultralytics load only its own and torch's classes, unless the weights are `trusted`."""
    from ultralytics.nn import tasks

    if not tasks._SafeLoad.SUPPORTED:  # it would load without restriction, and say nothing
        raise ExportError("This torch cannot load weights restricted to known classes: install the pinned version")
    before, tasks.SAFE_LOAD = tasks.SAFE_LOAD, not trusted
    try:
        yield
    finally:
        tasks.SAFE_LOAD = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence ultralytics, and restore the numbers of threads that it changes."""
    import cv2
    import torch

    threads, opencv_threads = torch.get_num_threads(), cv2.getNumThreads()
    omp = os.environ.get("OMP_NUM_THREADS")
    logger = logging.getLogger("ultralytics")
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant
            import ultralytics  # noqa: F401

            logger.setLevel(logging.ERROR)
            yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(opencv_threads)
        if omp is None:
            os.environ.pop("OMP_NUM_THREADS", None)


def _load(copy: Path, weights: Path) -> Any:
    """Return the ultralytics model of `copy`. Raises ExportError, which names the file as the user does."""
    from ultralytics import RTDETR, YOLO
    from ultralytics.nn.tasks import BaseModel, load_checkpoint

    try:
        network = load_checkpoint(copy)[0]
        if isinstance(network, BaseModel):
            head = type(network.model[-1]).__name__
            model = RTDETR(copy) if head == "RTDETRDecoder" else YOLO(copy)
    except Exception as error:  # unpickling raises anything
        if isinstance(error.__cause__, pickle.UnpicklingError) and (foreign := _foreign_names(copy)):
            raise ExportError(
                f"{weights.name} holds more than a YOLO model: {', '.join(foreign)}. Loading it would run its code. If "
                "you trust its origin, set TRUST_WEIGHTS=true"
            ) from error
        why = diagnosis.explain(copy) or (
            "is it the best.pt of an Ultralytics training, whole and undamaged? Copy or download it again "
            f"({first_line(error, copy)})"
        )
        raise ExportError(f"{weights.name} cannot be loaded: {why}") from error
    if not isinstance(network, BaseModel):
        raise ExportError(
            f"{weights.name} holds a {type(network).__name__}, not a YOLO model trained by Ultralytics: package the "
            "best.pt of its training"
        )
    if model.task not in TASKS:
        raise ExportError(f"{weights.name} is a {model.task} model; these tasks can be served: {', '.join(TASKS)}")
    return model


def _foreign_names(copy: Path) -> list[str]:
    """Return the functions and classes of this environment that a checkpoint names and that are no part of a model."""
    import torch

    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(copy)
    except Exception:  # not a checkpoint at all
        return []
    return sorted(name for name in names if _exists(*name.rpartition(".")[::2]))[:5]


def _exists(module: str, name: str) -> bool:
    return hasattr(sys.modules.get(module), name)


def first_line(error: BaseException, copy: Path | None = None) -> str:
    """Return an error as one line, without the path of the copy that is worked on."""
    text = (str(error).replace(str(copy), copy.name) if copy else str(error)).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
