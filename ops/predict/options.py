"""The options of `bash scripts/predict.sh`, and which go together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ops.errors import UsageError

FORMATS = ("table", "jsonl", "csv", "coco", "yolo", "jpeg", "png", "webp")
DRAWN = ("jpeg", "png", "webp")
EPILOG = """\
Pictures are files, folders (with all below them), patterns in quotes ('in/**/*.jpg') and http(s) addresses; user and
password may stand in an address, as in http://user:password@camera/snapshot.jpg, and never appear in an output.

formats:
  table      a few lines for a person (without --out; the default)
  jsonl      a JSON object per line: source, at, and the gateway's answer (the default with --out; --out - prints it)
  csv        a row per detection
  coco       COCO results for pycocotools; --annotations FILE takes the picture and category ids from there
  yolo       a folder of label files as Ultralytics writes them
  jpeg, png, webp
             a folder of pictures with what was found drawn on them, if the gateway can draw

A second run with the same --out asks only for what is not there yet; pictures that failed are asked for again. csv and
coco are made anew at the end of each run from the lines in OUT.lines.

exit codes: 0 all done; 1 some pictures failed (each is named); 2 wrong usage; 3 another run writes this --out; 5 no
gateway answers; 6 the gateway went away; 130 interrupted. Whatever is done is kept.

environment: YOLO_API_KEY_FILE (a file) or YOLO_API_KEY, the gateway's API key; GATEWAY_URL (also in .env), the gateway.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser, which may be that of `python -m ops predict`."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help="file, folder, 'pattern' or http(s) address")
    parser.add_argument("--url", help="the gateway (default: GATEWAY_URL, else this machine's)")
    parser.add_argument("--api-key-file", type=Path, metavar="FILE", help="file that holds the gateway's API key")
    parser.add_argument("--format", choices=FORMATS, help="what to write, see below")
    parser.add_argument("--out", metavar="OUT", help="file or folder to write to; - prints jsonl")
    parser.add_argument("--again", action="store_true", help="ask for everything again and replace what is in OUT")
    parser.add_argument("--jobs", type=_whole(1, 256), default=4, metavar="N", help="pictures at once (4)")
    parser.add_argument("--retries", type=_whole(0, 100), default=8, metavar="N", help="tries more when busy (8)")
    parser.add_argument("--every", type=_seconds, metavar="SECONDS", help="fetch the addresses again and again")
    parser.add_argument("--count", type=_whole(1, 10**9), metavar="N", help="with --every: so often (else for ever)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary; errors only")
    asked = parser.add_argument_group("how to look, as the gateway understands it")
    asked.add_argument("--conf", help="least confidence, 0 to 1")
    asked.add_argument("--iou", help="overlap above which two boxes are one, 0 to 1")
    asked.add_argument("--classes", help="only these: person,bus or 0,5")
    asked.add_argument("--max-det", dest="max_det", help="most detections of a picture")
    asked.add_argument("--imgsz", help="longest side that the network sees")
    asked.add_argument("--agnostic-nms", dest="agnostic_nms", action="store_true", help="boxes of all classes compete")
    asked.add_argument("--version", help="this version of the model rather than the current one")
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="coco: annotations that know the ids")
    parser.add_argument("--save-conf", action="store_true", help="yolo: the confidence at the end of each line")


def chosen(arguments: argparse.Namespace) -> tuple[str, Path | None]:
    """Return the format and where to, None for standard output. Raises UsageError for what does not go together."""
    out, format_ = arguments.out, arguments.format or ("table" if arguments.out is None else "jsonl")
    if not arguments.pictures:
        raise UsageError("name at least one picture, folder, pattern or address; --help says more")
    if out == "-" and format_ != "jsonl":
        raise UsageError(f"--out - prints jsonl; --format {format_} needs a file or folder")
    if format_ == "jsonl" and out is None:
        out = "-"
    if (format_ == "table") != (out is None):
        raise UsageError("--format table has no --out" if out else f"--format {format_} needs --out")
    if arguments.count is not None and arguments.every is None:
        raise UsageError("--count goes with --every")
    if arguments.every is not None and format_ == "table":
        raise UsageError("--every needs --out, or --format jsonl")
    for option, goes_with in (("annotations", "coco"), ("save_conf", "yolo")):
        if getattr(arguments, option) and format_ != goes_with:
            raise UsageError(f"--{option.replace('_', '-')} goes with --format {goes_with}")
    return format_, None if out in (None, "-") else Path(out)


def _whole(low: int, high: int) -> Any:
    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text}: a whole number from {low} to {high} is needed")
        return number

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 86400 * 7:
        raise argparse.ArgumentTypeError(f"{text}: seconds from 0.05 to a week are needed")
    return seconds
