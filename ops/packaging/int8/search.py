"""Search for the layers to keep in float: measure what rounding each group costs, then return groups to float.

For each group, the network is run with that group alone in int8: the mean difference of confidence is its sensitivity.
Groups then return to float in the order of `curve.order`. After each step the network is compared with fp32 on the
pictures that were held back, until the bound is met or the network is too slow.

The search is bounded: SAMPLE pictures for each group, and at most twenty steps. Only the measured speed differs from
run to run. It decides between steps that are about as fast as wanted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from ops.packaging.int8 import agreement, calibration, compare, curve, layers, quantize
from ops.packaging.int8.agreement import Answer
from ops.packaging.int8.calibration import Pictures
from ops.packaging.int8.curve import Bound, Step
from yolo import cpus, parameters
from yolo.engines import use_threads
from yolo.engines.openvino import OpenVinoEngine
from yolo.metadata import Metadata
from yolo.pipeline import Pipeline, Request

SAMPLE = 12
#: Below the archive's threshold, so that more boxes count.
CONF = "0.1"
TIMED = 12  # pictures
#: A step this much slower than the slowest that may be chosen ends the search: the steps after it are slower still.
TOO_SLOW = 0.9

Tell = Callable[[str], None]


class Variants:
    """Writes versions of a quantised network, with some layers in float, one after another into the same file."""

    def __init__(self, source: Path, quantised: Path, model: Metadata) -> None:
        """Read the float network and its quantised version."""
        import openvino as ov

        self._ov = ov
        self._source = ov.Core().read_model(source)
        self._quantised = quantised
        self.file = quantised.with_name("variant.xml")
        graph = ov.Core().read_model(quantised)
        fixed = ov.Core().read_model(source)
        fixed.reshape([1, model.channels, *model.imgsz])
        head = quantize.head(self._source).rsplit(".", 1)[-1]
        self.groups = curve.groups(layers.quantised(graph), layers.work(fixed), head)

    def write(self, in_float: Collection[str]) -> Path:
        """Write the network with these layers in float."""
        graph = self._ov.Core().read_model(self._quantised)
        layers.to_float(graph, self._source, in_float)
        # By default save_model would store the float operations as float16.
        self._ov.save_model(graph, self.file, compress_to_fp16=False)
        return self.file

    def remove(self) -> None:
        """Remove the file."""
        for suffix in (".xml", ".bin"):
            self.file.with_suffix(suffix).unlink(missing_ok=True)


def search(
    source: Path, quantised: Path, pictures: Pictures, model: Metadata, wanted: Bound, tell: Tell = lambda _: None
) -> tuple[list[Step], Step]:
    """Replace `quantised` with the network of the chosen step; return all steps and that one. Raises OpsError."""
    variants = Variants(source, quantised, model)
    try:
        compared = compare.compare(source, quantised, pictures.comparing, model, _at(tell, "step 0"), TIMED)
        measured = [Step((), compared)]
        if wanted.is_met(measured[0].comparison) or measured[0].comparison.agreement.conf_difference is None:
            return measured, measured[0]
        found = sensitivities(source, variants, pictures.calibrating, model, tell)
        for number, groups in enumerate(curve.steps(curve.order(variants.groups, found))[1:], 1):
            file = variants.write([name for group in groups for name in group.layers])
            compared = compare.compare(source, file, pictures.comparing, model, _at(tell, f"step {number}"), TIMED)
            measured.append(Step(groups, compared))
            if wanted.is_met(compared) or compared.speed_up < TOO_SLOW * curve.fast_enough(measured, wanted):
                break
        chosen = curve.choose(measured, wanted)
        if chosen.groups:
            file = variants.write(chosen.layers)
            for suffix in (".xml", ".bin"):
                file.with_suffix(suffix).replace(quantised.with_suffix(suffix))
        return measured, chosen
    finally:
        variants.remove()


def sensitivities(
    source: Path, variants: Variants, pictures: Sequence[Path], model: Metadata, tell: Tell = lambda _: None
) -> dict[str, float]:
    """Return the mean difference of confidence from fp32 with each group alone in int8."""
    wanted = parameters.parse({"conf": CONF}, model)
    requests = [Request(path.read_bytes(), wanted) for path in calibration.spread(pictures, SAMPLE)]
    reference = _answers(source, requests, model)
    found = {}
    for number, group in enumerate(variants.groups, 1):
        tell(f"sensitivity of {number} of {len(variants.groups)} groups of layers")
        file = variants.write([name for other in variants.groups if other is not group for name in other.layers])
        pairs = list(zip(reference, _answers(file, requests, model), strict=True))
        found[group.name] = agreement.agreement(model.task, pairs).conf_difference or 0.0
    return found


def _answers(network: Path, requests: Sequence[Request], model: Metadata) -> list[Answer]:
    with _pipeline(network, model) as pipeline:
        return [compare.answer(pipeline, request)[0] for request in requests]


@contextlib.contextmanager
def _pipeline(network: Path, model: Metadata) -> Iterator[Pipeline]:
    threads = cpus.plan().threads
    pipeline = Pipeline(OpenVinoEngine(network, threads), model, calibration.max_pixels())
    use_threads(threads)
    try:
        yield pipeline
    finally:
        pipeline.close()


def _at(tell: Tell, place: str) -> Tell:
    return lambda text: tell(f"{place}, picture {text}")


def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor multiplies int8 directly: Intel's VNNI, or Arm, which has no such flag here."""
    try:
        text = cpuinfo.read_text()
    except OSError:  # not Linux
        return True
    return "vnni" in text or "flags\t" not in text
