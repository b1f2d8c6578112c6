"""The command line of validate."""

from __future__ import annotations

import argparse
from dataclasses import fields

from ops.cli.parser import Parser, model_name, path
from ops.cli.values import whole
from ops.errors import OpsError

SPLITS = ("val", "test", "train")
TEXT = """\
Sends the labelled pictures of a set in Ultralytics' form to POST /predict of the running gateway, and
prints what `yolo val` prints: precision, recall, mAP50 and mAP50-95, of all classes and of each. The
metrics are Ultralytics' own, with its thresholds (conf 0.001, iou 0.7, max_det 300).

So that the figures equal those of `yolo val` with the same weights, the pictures are resized and padded
here as there. --originals sends the files as clients do: the figures of everything that serves.

Boxes are measured, oriented ones for OBB; of segmentation and pose models the boxes alone.
"""
EPILOG = """\
exit codes:
  0    all pictures measured
  1    failed, or some pictures failed and are not in the figures (each is named)
  2    wrong usage
  5    no gateway answers
  6    the gateway went away
  130  interrupted

environment: YOLO_API_KEY_FILE (a file) or YOLO_API_KEY, the gateway's API key; GATEWAY_URL (also in
.env), the gateway
"""


def add(root: Parser) -> None:
    """Add the command."""
    validate = root.add_command("validate", "validate.sh", "measure the mAP of the running service", TEXT)
    validate.epilog = EPILOG
    validate.set_defaults(run=_run)
    validate.add_argument("data", type=path, metavar="DATA", help="data.yaml of the labelled set")
    validate.add_argument("--split", choices=SPLITS, default="val", help="the pictures to use (default: val)")
    validate.add_argument("--limit", type=whole(1, 10**9), metavar="N", help="at most N pictures, evenly chosen")
    validate.add_argument("--model", type=model_name, metavar="NAME", help="the model (default: the gateway's)")
    validate.add_argument("--version", metavar="V", help="this version of the model instead of the current one")
    validate.add_flag("--originals", "send the files as they are; the service resizes and pads them")
    validate.add_flag("--json", "print JSON")
    validate.add_argument("--url", help="the gateway (default: GATEWAY_URL, else this machine's)")
    validate.add_argument("--jobs", type=whole(1, 256), default=4, metavar="N", help="pictures at once (default: 4)")
    validate.add_where(
        native="run in this project's own environment (default: where the service runs)",
        docker="run in a container next to the gateway (default: where the service runs)",
    )
    # A container sees only the folders that it is given.
    validate.add_argument("--print-folders", action="store_true", help=argparse.SUPPRESS)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from ops.validate import dataset, run
    except ModuleNotFoundError as error:
        raise OpsError(
            f"this command needs {error.name}, which is not installed here. Use bash scripts/validate.sh, which "
            "installs what it needs"
        ) from error
    if arguments.print_folders:
        print("\n".join(map(str, dataset.folders(arguments.data, arguments.split))))
        return 0
    return run.run(run.Job(**{one.name: getattr(arguments, one.name) for one in fields(run.Job)}))
