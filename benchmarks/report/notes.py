"""The notes that a fair reader needs, according to what is true on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.paths import python_of
from benchmarks.plan import Shape
from benchmarks.servers.environments import torchvision_loads

ASK_PRECISION = """
import sys, openvino as ov
from pathlib import Path
model = next(Path(sys.argv[1]).glob("*.xml"))
compiled = ov.Core().compile_model(str(model), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
print(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
"""
#: Names of f32, and "" for an unknown precision.
F32 = ("f32", "float32", "")


def openvino_default(export: Path) -> str:
    """Return the precision that OpenVINO chooses here unless one is named, as Ultralytics uses it; "" if unknown."""
    argv = [str(python_of("base")), "-c", ASK_PRECISION, str(export)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def gather(
    precision: str, shared_cpus: bool, shapes: dict[str, Shape], tuned: dict[str, dict[str, float]], quick: bool
) -> list[str]:
    """Return the notes, one or two sentences each."""
    notes = [
        "Every contestant got the same weights, images, thresholds (conf .25, iou .7, max_det 300) and CPUs; one "
        "server ran at a time. Equal boxes: same class, IoU ≥ .9, confidence within .01 of Ultralytics' predict on "
        "the .pt.",
        "Open loop: constant arrivals at a share of the contestant's best closed-loop rate in that round; latencies "
        "count from the moment a request was due.",
        "RSS is the sum over the whole process tree (shared pages counted in each process); start: from spawning the "
        "server to its first answer, file caches warm.",
    ]
    if shared_cpus:
        notes.append("The load generator ran on the servers' CPUs; its CPU time is `client_cpu_ms` in the JSON.")
    if not torchvision_loads():
        notes.append(
            "The real torchvision does not load with the CPU build of torch here; the rivals got a substitute whose "
            "NMS is quicker than the one Ultralytics uses without torchvision (benchmarks/rivals/shim)."
        )
    if precision not in F32:
        notes.append(
            f"OpenVINO's default precision on this processor is {precision}. Ultralytics does not change it, so its "
            "exports race in it, with other confidences and boxes. This stack sets f32, like the export's twin."
        )
    notes.append(
        "Ultralytics' export: its default has one static square shape; dynamic=True follows each image's shape, like "
        "this stack. Both race."
    )
    if tuned:
        words = "; ".join(
            f"{server}: " + ", ".join(f"{shape} {rate:.1f}" for shape, rate in rates.items())
            for server, rates in tuned.items()
            if server in shapes and rates
        )
        notes.append(f"Rivals raced in the quicker of two shapes (workers×threads, images/s at four clients): {words}.")
    if quick:
        notes.append("A quick run: one round of a few seconds; its numbers are for a first look only.")
    return notes
