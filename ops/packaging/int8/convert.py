"""From an exported fp32 model to its int8 version, with what that changes measured, printed and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.packaging.int8 import calibration, compare, quantize
from ops.packaging.int8.agreement import THRESHOLDS, Agreement
from ops.packaging.int8.calibration import Pictures
from ops.system.signals import own_stack
from ops.terminal.console import say, step
from yolo import metadata
from yolo.engines.int8 import avoid_amx

TASKS = ("detect", "segment", "pose", "obb")
# Of the boxes of both sides, the share with a partner at IoU 0.5. Sound quantisations of YOLOv8n, the smallest and most
# sensitive, measured 0.93 to 0.96; damaged ones (saturated weights, an unfit preset) 0.80 to 0.90. What is missing even
# from sound ones are boxes at the edge of the confidence threshold.
FLOOR = 0.9
# Below this the share says little: one box is more than 2 %.
FEW_BOXES = 50


@dataclass
class Heard:
    """The last progress heard of, for whoever shows it."""

    text: str = ""

    def __call__(self, text: str) -> None:
        """Keep it."""
        self.text = text


def prepare(folder: Path) -> Pictures:
    """Check all that can be checked before the weights are loaded. Raises OpsError."""
    quantize.require()
    avoid_amx()  # before anything is compiled in this process
    heard = Heard()
    with step("looking at the calibration pictures", lambda: heard.text):
        return calibration.gather(folder, heard)


@own_stack()  # OpenVINO, gone in another thread, leaves this one with a stack that it has freed
def convert(extra: Path, document: dict[str, Any], pictures: Pictures, force: bool = False) -> dict[str, Any]:
    """Replace the OpenVINO model in `extra` by its int8 version; return `document` with what was done and measured.

    `document` is the archive's `yolo.json` so far. Raises OpsError when int8 and fp32 agree too little, unless `force`.
    """
    if document["task"] not in TASKS:
        raise OpsError(f"int8 is for {', '.join(TASKS)}; this is a {document['task']} model: package it without --int8")
    model = metadata.parse({"version": "", **document})
    source = extra / model.engines["openvino"]
    target = source.with_name("int8.xml")
    heard = Heard()
    with step(f"quantising on {len(pictures.calibrating)} pictures", lambda: heard.text):
        quantize.quantize(source, target, pictures.calibrating, model, heard)
    with step("comparing with fp32", lambda: heard.text):
        compared = compare.compare(source, target, pictures.comparing, model, heard)
    say(compare.report(compared, model.task, pictures.held_back))
    judge(compared.agreement, force)
    for suffix in (".xml", ".bin"):
        target.with_suffix(suffix).replace(source.with_suffix(suffix))
    nncf = quantize.require()
    return {
        **document,
        "precision": "int8",
        "quantisation": {
            "nncf": nncf,
            "preset": quantize.PRESET,
            "pictures": len(pictures.calibrating),
            "held_back": pictures.held_back,
            "floor": FLOOR,
            "forced": force and compared.agreement.share(THRESHOLDS[0]) < FLOOR,
            "agreement": compared.document(),
        },
    }


def judge(found: Agreement, force: bool) -> None:
    """Refuse an agreement below the floor unless forced. Raises OpsError with what may help."""
    share = found.share(THRESHOLDS[0])
    if share >= FLOOR:
        if found.reference < FEW_BOXES:
            say(f"  only {found.reference} boxes to judge by: more pictures would make these figures surer")
        return
    if found.reference == 0:
        wrong = (
            "the model finds nothing on these pictures, so nothing can be compared. Give others, like those to serve"
        )
    else:
        wrong = (
            f"{share:.1%} of the boxes agree with fp32, {FLOOR:.0%} is the least. Calibrate with more pictures, like "
            "those to be served, or package without --int8"
        )
    if not force:
        raise OpsError(f"{wrong}. To package it all the same: --force. Nothing changed")
    say(f"  {wrong}; packaged all the same, as --force says")
