"""The command line of drift."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from ops.cli.parser import Parser, model_name, path
from ops.cli.values import whole
from ops.errors import UsageError
from ops.paths import MODEL

TEXT = """\
The gateway compares what each version found in the last hour (classes, confidences, detections per
image, sizes of images) with the version's baseline, by the population stability index: below 0.1 no
change, above 0.25 a large one. Only images that are sent without parameters count.

The baseline is learned from the first 1000 images since the gateway started, and is lost with it.
--keep stores it with the release, and --baseline stores one that is made of a folder of images.
"""
EPILOG = """\
exit codes:
  0    done
  1    failed; nothing changed
  2    wrong usage
  5    no gateway answers
  8    a baseline is stored already, or none is
  130  interrupted

environment: YOLO_API_KEY_FILE (a file) or YOLO_API_KEY, the gateway's API key
"""


def add(root: Parser) -> None:
    """Add the command."""
    drift = root.add_command("drift", "drift.sh", "show whether a version still finds what it found at first", TEXT)
    drift.epilog = EPILOG
    drift.set_defaults(run=_run, check=_check)
    drift.add_argument("--baseline", type=path, metavar="DIR", help="store a baseline of the images in this folder")
    drift.add_flag("--keep", "store the baseline that the gateway has learned")
    drift.add_flag("--forget", "remove the stored baseline")
    drift.add_argument("--model", type=model_name, default=MODEL, metavar="NAME", help=f"the model (default: {MODEL})")
    drift.add_argument("--version", metavar="V", help="the version (default: the current one)")
    drift.add_argument("--jobs", type=whole(1, 256), default=4, metavar="N", help="images at once (default: 4)")
    drift.add_argument("--url", help="the gateway (default: this machine's)")
    drift.add_argument("--api-key-file", type=Path, metavar="FILE", help="file that holds the gateway's API key")


def _check(arguments: argparse.Namespace) -> None:
    """Raise UsageError for actions that exclude each other."""
    if sum((arguments.baseline is not None, arguments.keep, arguments.forget)) > 1:
        raise UsageError("--baseline, --keep and --forget exclude each other")


def _run(arguments: argparse.Namespace) -> None:
    from ops.drift import run

    job = run.Job(**{one.name: getattr(arguments, one.name) for one in fields(run.Job)})
    run.check(job)
    run.run(job)
