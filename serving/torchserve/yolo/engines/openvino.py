"""OpenVINO on the CPU: the archive's IR, with the conversion of pixels built into its graph."""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import properties
from openvino.preprocess import PrePostProcessor

from yolo.engines import int8
from yolo.errors import ArchiveError
from yolo.letterbox import Floats, Pixels

#: Compiled models that are kept for quick starts: the current version, the previous one, a canary, and one more.
KEPT = 4


class OpenVinoEngine:
    """One compiled model for all shapes; every thread has an InferRequest of its own."""

    name = "openvino"
    device = "CPU"
    grouped = False

    def __init__(self, model: Path, threads: int, cache: Path | None = None, precision: str = "f32") -> None:
        """Read and compile `model` (an .xml next to its .bin) for `threads` CPU threads.

        `cache` is a folder for the compiled model, for quicker starts. `precision` "auto" lets OpenVINO choose: bf16
        where the processor supports it, which is quicker and changes boxes and scores. Raises ArchiveError when the IR
        cannot be compiled.
        """
        self.threads = threads
        quantised = int8.is_quantised(model)
        if quantised:
            int8.avoid_amx()
        core = ov.Core()
        if cache is not None:
            core.set_property({properties.cache_dir: str(cache)})
        try:
            graph = with_pixels(core.read_model(model))
            with exclusive(cache):
                self._compiled = core.compile_model(
                    graph,
                    self.device,
                    {
                        properties.hint.performance_mode: properties.hint.PerformanceMode.LATENCY,
                        properties.inference_num_threads: threads,
                        # By default some CPUs use bfloat16, which moves boxes and scores beyond the promised
                        # tolerance. Quantised layers run in int8 anyway.
                        **({} if precision == "auto" else {properties.hint.inference_precision: ov.Type.f32}),
                        # With pinning the threads of every worker would use the same first CPUs.
                        properties.hint.enable_cpu_pinning: False,
                        # The plugin caches its preparation for each shape. Over 300 inputs of mixed shapes (YOLOv8n)
                        # memory grew by 700 MB with its default of 5000 entries, by 240 MB with 1000; eight shapes
                        # in turn ran as quickly with either, and 4 % slower with 100.
                        "CPU_RUNTIME_CACHE_CAPACITY": "1000",
                    },
                )
                if cache is not None:
                    prune(cache)
        except RuntimeError as error:
            raise ArchiveError(f"OpenVINO cannot compile {model.name}: package the weights again ({error})") from error
        chosen = self._compiled.get_property(properties.hint.inference_precision)
        self.precision = "int8" if quantised else chosen.get_type_name()
        self._local = threading.local()

    def infer(self, batch: Pixels) -> list[Floats]:
        """Run the batch on this thread's request; see `Engine.infer`."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        outputs = request.infer([np.ascontiguousarray(batch)], share_inputs=True, share_outputs=True)
        return [np.asarray(outputs[index], dtype=np.float32) for index in range(len(self._compiled.outputs))]


@contextlib.contextmanager
def exclusive(cache: Path | None) -> Iterator[None]:
    """Let one process at a time compile into `cache`: two that wrote the same file at once have corrupted it.

    The second process finds the first one's compiled model. The kernel releases the lock when its holder exits.
    """
    if cache is None:
        yield
        return
    with (cache / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prune(cache: Path) -> None:
    """Keep only the newest compiled models: each release adds one of about the weights' size."""

    def age(blob: Path) -> float:
        with contextlib.suppress(OSError):
            return -blob.stat().st_mtime
        return 0.0

    for blob in sorted(cache.glob("*.blob"), key=age)[KEPT:]:
        blob.unlink(missing_ok=True)


def with_pixels(model: ov.Model) -> ov.Model:
    """Make the graph accept uint8 NHWC pixels instead of float32 NCHW of 0..1.

    The colour order is not changed: reversing it in the graph (2026.4) changes RT-DETR's scores by 0.03.
    """
    steps = PrePostProcessor(model)
    image = steps.input()
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    image.model().set_layout(ov.Layout("NCHW"))
    image.preprocess().convert_element_type(ov.Type.f32)
    image.preprocess().scale(255.0)
    return steps.build()
