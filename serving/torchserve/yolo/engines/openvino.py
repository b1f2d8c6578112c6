"""OpenVINO on the CPU: the archive's IR, with the pixels' conversion built into its graph."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import properties
from openvino.preprocess import ColorFormat, PrePostProcessor

from yolo.errors import ArchiveError
from yolo.letterbox import Floats, Pixels


class OpenVinoEngine:
    """One compiled model for all shapes; every thread that infers gets an InferRequest of its own."""

    name = "openvino"
    device = "CPU"
    precision = "f32"
    grouped = False

    def __init__(self, model: Path, channels: int, threads: int, cache: Path | None = None) -> None:
        """Read and compile `model` (an .xml beside its .bin) for `threads` CPU threads.

        `cache` is a folder for the compiled model, for quicker starts. Raises ArchiveError when the IR cannot be
        compiled.
        """
        self.threads = threads
        core = ov.Core()
        if cache is not None:
            core.set_property({properties.cache_dir: str(cache)})
        try:
            graph = with_pixels(core.read_model(model), channels)
            self._compiled = core.compile_model(
                graph,
                self.device,
                {
                    properties.hint.performance_mode: properties.hint.PerformanceMode.LATENCY,
                    properties.inference_num_threads: threads,
                    # Some CPUs would choose bfloat16, which moves boxes and scores beyond the promised tolerance.
                    properties.hint.inference_precision: ov.Type.f32,
                    # Pinned, the threads of every worker would sit on the same first CPUs.
                    properties.hint.enable_cpu_pinning: False,
                },
            )
        except RuntimeError as error:
            raise ArchiveError(f"OpenVINO cannot compile {model.name}: package the weights again ({error})") from error
        self._local = threading.local()

    def infer(self, batch: Pixels) -> list[Floats]:
        """Run the batch on this thread's request; see `Engine.infer`."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        outputs = request.infer([np.ascontiguousarray(batch)], share_inputs=True, share_outputs=True)
        return [np.asarray(outputs[index], dtype=np.float32) for index in range(len(self._compiled.outputs))]


def with_pixels(model: ov.Model, channels: int) -> ov.Model:
    """Make the graph take uint8 NHWC pixels (BGR when `channels` is 3) where it took float32 NCHW RGB of 0..1."""
    steps = PrePostProcessor(model)
    image = steps.input()
    image.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    image.model().set_layout(ov.Layout("NCHW"))
    image.preprocess().convert_element_type(ov.Type.f32)
    if channels == 3:
        image.tensor().set_color_format(ColorFormat.BGR)
        image.preprocess().convert_color(ColorFormat.RGB)
    image.preprocess().scale(255.0)
    return steps.build()
