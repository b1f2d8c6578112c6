"""Convert an exported fp32 model to int8; measure, print and record the difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.packaging.int8 import accuracy, calibration, compare, curve, quantize, search
from ops.packaging.int8.accuracy import Accuracy, Labelled
from ops.packaging.int8.agreement import THRESHOLDS, Agreement
from ops.packaging.int8.calibration import Pictures
from ops.system.signals import own_stack
from ops.terminal.console import progress, say
from ops.validate import dataset
from yolo import metadata
from yolo.engines.int8 import avoid_amx

TASKS = ("detect", "segment", "pose", "obb")
# The least share of the boxes of both models with a partner at IoU 0.5. Good quantisations of YOLOv8n, the smallest and
# most sensitive model, measured 0.93 to 0.96; bad ones (saturated weights, another preset) 0.80 to 0.90. Boxes near
# the confidence threshold differ even in good ones.
FLOOR = 0.9
# With fewer boxes one of them is more than 2 %.
FEW_BOXES = 50


@dataclass
class Progress:
    """The last progress that was reported."""

    text: str = ""

    def __call__(self, text: str) -> None:
        """Record the progress."""
        self.text = text


def prepare(folder: Path) -> Pictures:
    """Check the pictures and the installation before the weights are loaded. Raises OpsError."""
    quantize.require()
    avoid_amx()  # before anything is compiled in this process
    latest = Progress()
    with progress("checking the calibration pictures", lambda: latest.text):
        return calibration.gather(folder, latest)


@own_stack()  # OpenVINO, unloaded in another thread, frees the signal stack of this one
def convert(
    extra: Path,
    document: dict[str, Any],
    pictures: Pictures,
    force: bool = False,
    labelled: Labelled | None = None,
    *,
    fast: bool = False,
) -> dict[str, Any]:
    """Replace the OpenVINO model in `extra` with its int8 version; return `document` with the measurements added.

    `document` is the archive's `yolo.json`. With `fast`, only the head's last layers stay in float; otherwise a search
    finds others that do. Raises OpsError when int8 and fp32 agree too little, or int8 loses too much mAP on the
    labelled set, unless `force`.
    """
    if document["task"] not in TASKS:
        raise OpsError(f"int8 is for {', '.join(TASKS)}; this is a {document['task']} model: package it without --int8")
    model = metadata.parse({"version": "", **document})
    source = extra / model.engines["openvino"]
    target = source.with_name("int8.xml")
    latest = Progress()
    if labelled is not None:
        for line in dataset.differences(model.names, labelled.data.names):
            say(f"  note: {line}")
        with progress("measuring mAP of fp32", lambda: latest.text):
            fp32 = accuracy.measure(source, labelled, model, latest)
    with progress(f"quantising on {len(pictures.calibrating)} pictures", lambda: latest.text):
        quantize.quantize(source, target, pictures.calibrating, model, latest)
    searched: dict[str, Any] = {}
    if fast:
        with progress("comparing with fp32", lambda: latest.text):
            compared = compare.compare(source, target, pictures.comparing, model, latest)
    else:
        wanted = curve.bound(search.has_vnni())
        with progress("searching for the layers to keep in float", lambda: latest.text):
            steps, chosen = search.search(source, target, pictures, model, wanted, latest)
        for line in curve.lines(steps, chosen, wanted):
            say(line)
        compared, searched = chosen.comparison, curve.document(steps, chosen, wanted)
    say(compare.report(compared, model.task, pictures.held_back))
    judge(compared.agreement, force)
    measured: Accuracy | None = None
    if labelled is not None:
        with progress("measuring mAP of int8", lambda: latest.text):
            measured = Accuracy(labelled, fp32, accuracy.measure(target, labelled, model, latest))
        for line in accuracy.lines(measured):
            say(line)
        accuracy.judge(measured, force)
    for suffix in (".xml", ".bin"):
        target.with_suffix(suffix).replace(source.with_suffix(suffix))
    nncf = quantize.require()
    return {
        **document,
        "precision": "int8",
        "quantisation": {
            "nncf": nncf,
            "preset": quantize.PRESET,
            "profile": "fast" if fast else "balanced",
            "pictures": len(pictures.calibrating),
            "held_back": pictures.held_back,
            "floor": FLOOR,
            "forced": force and compared.agreement.share(THRESHOLDS[0]) < FLOOR,
            "agreement": compared.document(),
            **({"search": searched} if searched else {}),
            **({"validation": measured.document(force)} if measured else {}),
        },
    }


def judge(found: Agreement, force: bool) -> None:
    """Raise OpsError, saying what may help, when the agreement is below FLOOR, unless `force`."""
    share = found.share(THRESHOLDS[0])
    if share >= FLOOR:
        if found.reference < FEW_BOXES:
            say(f"  only {found.reference} boxes to judge by: more pictures would make the figures more reliable")
        return
    if found.reference == 0:
        wrong = "the model finds nothing on these pictures, so nothing can be compared. Use others, like those to serve"
    else:
        wrong = (
            f"{share:.1%} of the boxes agree with fp32; at least {FLOOR:.0%} must. Calibrate with more pictures, like "
            "those to be served, or package without --int8"
        )
    if not force:
        raise OpsError(f"{wrong}. To package it anyway: --force. Nothing changed")
    say(f"  {wrong}; packaged anyway because of --force")
