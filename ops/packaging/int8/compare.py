"""Compare two versions of a model on the same pictures: detections and inference times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ops.errors import OpsError
from ops.packaging.int8 import agreement, calibration
from ops.packaging.int8.agreement import THRESHOLDS, Agreement, Answer
from yolo import cpus, parameters
from yolo.engines import use_threads
from yolo.engines.openvino import OpenVinoEngine
from yolo.metadata import Metadata
from yolo.pipeline import Pipeline, Request

TIMED = 30  # pictures
ROUNDS = 3


@dataclass(frozen=True)
class Comparison:
    """Agreement of int8 with fp32, and the median milliseconds that each network takes for a picture."""

    agreement: Agreement
    fp32_ms: float
    int8_ms: float
    threads: int

    @property
    def speed_up(self) -> float:
        """How many times as fast as fp32 int8 is."""
        return self.fp32_ms / self.int8_ms

    def document(self) -> dict[str, Any]:
        """Return what `yolo.json` keeps."""
        found = self.agreement
        return {
            "pictures": found.pictures,
            "boxes": {"fp32": found.reference, "int8": found.candidate},
            "matched": {
                str(threshold): {
                    "of_fp32": round(found.of_reference(threshold), 4),
                    "of_int8": round(found.of_candidate(threshold), 4),
                    "of_both": round(found.share(threshold), 4),
                }
                for threshold in THRESHOLDS
            },
            "mean_conf_difference": None if found.conf_difference is None else round(found.conf_difference, 4),
            "infer_ms": {"fp32": round(self.fp32_ms, 2), "int8": round(self.int8_ms, 2), "threads": self.threads},
        }


def compare(
    fp32: Path,
    int8: Path,
    pictures: Sequence[Path],
    model: Metadata,
    tell: Callable[[str], None] = lambda _: None,
    timed: int = TIMED,
) -> Comparison:
    """Run two IRs over the pictures as the server would, with its own modules and the archive's thresholds.

    The first `timed` pictures are run several times, for the time that each network takes.
    """
    threads = cpus.plan().threads
    pipelines = [Pipeline(OpenVinoEngine(path, threads), model, calibration.max_pixels()) for path in (fp32, int8)]
    use_threads(threads)
    wanted = parameters.parse({}, model)
    pairs: list[tuple[Answer, Answer]] = []
    times: tuple[list[float], list[float]] = ([], [])
    try:
        for number, path in enumerate(pictures):
            tell(f"{number + 1} of {len(pictures)}")
            request = Request(path.read_bytes(), wanted)
            # The first run of a shape prepares the engine for it, so the times are those of the rounds after it.
            first, second = (answer(pipeline, request)[0] for pipeline in pipelines)
            pairs.append((first, second))
            if number < timed:
                # In turns, and the best of each: other programs on the machine interrupt both alike.
                rounds = [[answer(pipeline, request)[1] for pipeline in pipelines] for _ in range(ROUNDS)]
                for taken, best in zip(times, map(min, zip(*rounds, strict=True)), strict=True):
                    taken.append(best)
    finally:
        for pipeline in pipelines:
            pipeline.close()
    return Comparison(agreement.agreement(model.task, pairs), median(times[0]), median(times[1]), threads)


def answer(pipeline: Pipeline, request: Request) -> tuple[Answer, float]:
    """Return the answer for a picture, and the time of its inference in ms. Raises OpsError when the model fails."""
    outcome = pipeline.run([request])[0]
    if outcome.answer is None:
        raise OpsError(f"the model fails on a picture that it is calibrated with: {outcome.error}") from outcome.error
    return outcome.answer, outcome.timings["infer"]


def report(compared: Comparison, task: str, held_back: bool) -> str:
    """Return the measurement as a table for people."""
    found = compared.agreement
    other = {"segment": " and masks", "pose": " and keypoints"}.get(task, "")
    which = "not used for calibration" if held_back else "those used for calibration: too few to hold some back"
    difference = "-" if found.conf_difference is None else f"{found.conf_difference:.3f}"

    def row(title: str, cells: Sequence[str]) -> str:
        return f"    {title:<32}" + "".join(f"{cell:>9}" for cell in cells)

    return "\n".join(
        [
            f"  int8 compared with fp32 on {found.pictures} pictures ({which})",
            row(f"boxes{other} that overlap by IoU", [f"{threshold:g}" for threshold in THRESHOLDS]),
            row(f"of fp32's {found.reference}", [f"{found.of_reference(t):.1%}" for t in THRESHOLDS]),
            row(f"of int8's {found.candidate}", [f"{found.of_candidate(t):.1%}" for t in THRESHOLDS]),
            row("of both", [f"{found.share(t):.1%}" for t in THRESHOLDS]),
            row("mean difference of confidence", [difference]),
            row("network, ms per picture: fp32", [f"{compared.fp32_ms:.1f}"]),
            row("network, ms per picture: int8", [f"{compared.int8_ms:.1f}"]),
            row("speed-up", [f"{compared.speed_up:.2f}"]),
        ]
    )
