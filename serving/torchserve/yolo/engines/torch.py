"""PyTorch on a GPU, or on the CPU when chosen: the archive's weights through Ultralytics' loader."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch

from yolo.errors import ArchiveError
from yolo.letterbox import Floats, Pixels


class TorchEngine:
    """The fused model, channels last, in half precision on CUDA by default. One inference at a time."""

    name = "torch"

    def __init__(
        self,
        weights: Path,
        end2end: bool,
        threads: int,
        device: str = "cpu",
        half: bool | None = None,
        *,
        trusted: bool = False,
    ) -> None:
        """Load `weights` onto `device` ("cpu" or "cuda:N").

        `half` computes in f16 instead of f32; None means f16 on a GPU. Weights that are not `trusted` may hold only
        classes of Ultralytics and torch. Raises ArchiveError when the weights cannot be loaded.
        """
        self.device, self.threads = device, threads
        self.grouped = device != "cpu"
        half = self.grouped if half is None else half
        self.precision = "f16" if half else "f32"
        self._lock = threading.Lock()
        self._type = torch.half if half else torch.float
        try:
            model = _load(weights, trusted)
        except Exception as error:  # unpickling can raise any error
            raise ArchiveError(f"{weights.name} cannot be loaded: package the weights again ({error})") from error
        head = model.model[-1]
        head.export = True  # the outputs of an export, without the training branches
        if getattr(head, "one2one_cv2", None) is not None:
            model.end2end = end2end  # before fusing, which removes the other head
        if end2end:
            head.postprocess = _unranked  # as in the exported graph: `nms.ranked` replaces it
        model = model.fuse(verbose=False).eval().requires_grad_(False)
        # Moved once: moving a model per request has leaked memory in Ultralytics.
        self._model = model.to(device=device, dtype=self._type, memory_format=torch.channels_last)
        torch.set_num_threads(threads)  # last: Ultralytics changes it while loading

    def infer(self, batch: Pixels) -> list[Floats]:
        """Run the batch; see `Engine.infer`."""
        with self._lock, torch.inference_mode():
            # NHWC viewed as NCHW is already channels-last, so only the conversion copies.
            pixels = torch.from_numpy(np.require(batch, requirements=["C", "W"])).to(self.device).permute(0, 3, 1, 2)
            outputs = self._model(pixels.to(self._type, memory_format=torch.channels_last) / 255)
            tensors = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
            return [tensor.float().cpu().numpy() for tensor in tensors if isinstance(tensor, torch.Tensor)]


def _unranked(predictions: torch.Tensor) -> torch.Tensor:
    """Replace an end-to-end head's top-k: return every anchor's row."""
    return predictions


def _load(weights: Path, trusted: bool) -> Any:
    """Load with Ultralytics, which must not install packages, use the network or write to the home folder."""
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="yolo-config-"))
    os.environ["ULTRALYTICS_SAFE_LOAD"] = str(not trusted).lower()
    from ultralytics.nn import tasks

    tasks.SAFE_LOAD = not trusted  # where ultralytics was imported before
    return tasks.load_checkpoint(weights)[0]
