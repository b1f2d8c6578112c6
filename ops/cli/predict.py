"""The command line of predict, and which of its options go together."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from ops.cli.parser import Parser, model_name
from ops.cli.values import whole
from ops.errors import OpsError, UsageError

FORMATS = ("table", "jsonl", "csv", "coco", "yolo", "jpeg", "png", "webp")
TEXT = """\
Pictures are files, folders (with all below them), patterns in quotes ('in/**/*.jpg') and http(s)
addresses. An address may contain user and password, as in http://user:password@camera/snapshot.jpg;
they never appear in an output. But every user of this machine can read a command line: --netrc-file
takes them from a file instead, with a line 'machine camera login user password secret' for each host.

formats:
  table      a few lines for a person (the default without --out)
  jsonl      a JSON object per line: source, at, and the gateway's answer (the default with --out;
             --out - prints it)
  csv        a row per detection
  coco       COCO results for pycocotools; --annotations FILE gives the ids of pictures and categories
  yolo       a folder of label files as Ultralytics writes them
  jpeg, png, webp
             a folder of pictures with the detections drawn on them, if the gateway can draw

A second run with the same --out asks only for what is missing; failed pictures are asked for again.
csv and coco are made anew at the end of each run from the lines in OUT.lines.
"""
EPILOG = """\
exit codes:
  0    all pictures done
  1    some pictures failed (each is named)
  2    wrong usage
  3    another run writes to this --out
  5    no gateway answers
  6    the gateway went away
  130  interrupted; what is done is kept

environment: YOLO_API_KEY_FILE (a file) or YOLO_API_KEY, the gateway's API key; GATEWAY_URL (also in
.env), the gateway
"""
QUERY = {
    "conf": "lowest confidence, 0 to 1",
    "iou": "overlap above which two boxes are one, 0 to 1",
    "classes": "only these classes: person,bus or 0,5; may be given several times",
    "max_det": "most detections of a picture",
    "imgsz": "longest side that the network sees",
    "version": "this version of the model instead of the current one",
}


def add(root: Parser) -> None:
    """Add the command."""
    predict = root.add_command("predict", "predict.sh", "detect in many pictures with the running gateway", TEXT)
    predict.epilog = EPILOG
    predict.set_defaults(run=_run)
    predict.add_argument("pictures", nargs="+", metavar="PICTURE", help="file, folder, 'pattern' or http(s) address")
    predict.add_argument("--url", help="the gateway (default: GATEWAY_URL, else this machine's)")
    predict.add_argument("--api-key-file", type=Path, metavar="FILE", help="file that holds the gateway's API key")
    predict.add_argument("--netrc-file", type=Path, metavar="FILE", help="users and passwords of cameras, as for curl")
    predict.add_argument("--format", choices=FORMATS, help="what to write, see above")
    predict.add_argument("--out", metavar="OUT", help="file or folder to write to; - prints jsonl")
    predict.add_flag("--again", "ask for everything again and replace what is in OUT")
    predict.add_argument("--jobs", type=whole(1, 256), default=4, metavar="N", help="pictures at once (default: 4)")
    predict.add_argument(
        "--retries", type=whole(0, 100), default=8, metavar="N", help="more attempts while busy (default: 8)"
    )
    predict.add_argument("--every", type=_seconds, metavar="SECONDS", help="fetch the addresses again and again")
    predict.add_argument(
        "--count", type=whole(1, 10**9), metavar="N", help="with --every: how often (default: forever)"
    )
    predict.add_flag("--quiet", "no progress and no summary; errors only")
    predict.add_argument("--annotations", type=Path, metavar="FILE", help="coco: annotations that know the ids")
    predict.add_flag("--save-conf", "yolo: the confidence at the end of each line")
    group = predict.add_argument_group("parameters of the gateway")
    group.add_argument("--model", type=model_name, metavar="NAME", help="this model of the service instead of yolo")
    for name, text in QUERY.items():
        action = "append" if name == "classes" else "store"
        group.add_argument(f"--{name.replace('_', '-')}", action=action, help=text)
    group.add_argument("--agnostic-nms", action="store_const", const="true", help="boxes of all classes compete")


def output(arguments: argparse.Namespace) -> tuple[str, Path | None]:
    """Return the format and where to write it, None for standard output. Raises UsageError for a contradiction."""
    out, kind = arguments.out, arguments.format or ("table" if arguments.out is None else "jsonl")
    if out == "-" and kind != "jsonl":
        raise UsageError(f"--out - prints jsonl; --format {kind} needs a file or folder")
    if kind == "jsonl" and out is None:
        out = "-"
    if (kind == "table") != (out is None):
        raise UsageError("--format table has no --out" if out else f"--format {kind} needs --out")
    if arguments.count is not None and arguments.every is None:
        raise UsageError("--count needs --every")
    if arguments.every is not None and kind == "table":
        raise UsageError("--every needs --out, or --format jsonl")
    for option, needs in (("annotations", "coco"), ("save_conf", "yolo")):
        if getattr(arguments, option) and kind != needs:
            raise UsageError(f"--{option.replace('_', '-')} needs --format {needs}")
    return kind, None if out in (None, "-") else Path(out)


def _run(arguments: argparse.Namespace) -> int:
    kind, out = output(arguments)
    names = ("model", *QUERY, "agnostic_nms")
    query = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if isinstance(classes := query.get("classes"), list):
        query["classes"] = classes[0] if len(classes) == 1 else json.dumps(classes, ensure_ascii=False)
    try:
        from ops.predict import run
        from ops.predict.outputs import DRAWN
    except ModuleNotFoundError as error:
        raise OpsError(
            f"this command needs {error.name}, which is not installed here. Use the project's own environment "
            "(.venv/bin/python -m ops predict), or bash scripts/predict.sh, which installs what it needs"
        ) from error
    if kind in DRAWN:
        query["format"] = kind
    given: dict[str, Any] = {
        one.name: getattr(arguments, one.name) for one in fields(run.Job) if hasattr(arguments, one.name)
    }
    if kind == "table":
        given["jobs"] = 1  # in the given order
    return run.run(run.Job(**{**given, "format": kind, "out": out, "query": query}))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 86400 * 7:
        raise argparse.ArgumentTypeError(f"{text}: seconds from 0.05 to a week are needed")
    return seconds
