"""The command line of load."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from ops.cli.parser import Parser, model_name
from ops.cli.values import number, whole
from ops.errors import OpsError

TEXT = """\
Sends pictures to POST /predict at a constant rate, whatever comes back (an open loop), and shows what
it does to the service: the rate asked for and reached, p50 and p99 counted from the moment at which a
request was due, statuses, the versions that answered, refusals. On a terminal the view is live,
otherwise a line is printed each second; a summary ends both.

Pictures are files, folders (with all below them) and patterns in quotes. Without any, a drawn one is
sent. They are sent in turn. Where the gateway has a cache, it may answer repeated pictures itself.
"""
EPILOG = """\
exit codes:
  0    at least one picture was answered with detections
  1    none was
  2    wrong usage
  5    no gateway answers
  130  interrupted; the summary is of what was done

environment: YOLO_API_KEY_FILE (a file) or YOLO_API_KEY, the gateway's API key. GATEWAY_URL is not
used: another gateway than this machine's is loaded only where --url names it.
"""


def add(root: Parser) -> None:
    """Add the command."""
    load = root.add_command("load", "load.sh", "send pictures at a constant rate and watch the service", TEXT)
    load.epilog = EPILOG
    load.set_defaults(run=_run)
    load.add_argument("pictures", nargs="*", metavar="PICTURE", help="file, folder or 'pattern' (default: a drawn one)")
    load.add_argument(
        "--rate", type=number(0.1, 1000), default=5.0, metavar="N", help="requests per second (default: 5)"
    )
    load.add_argument(
        "--seconds", type=number(1, 3600), default=30.0, metavar="S", help="duration, at most an hour (default: 30)"
    )
    load.add_argument(
        "--connections", type=whole(1, 1024), default=64, metavar="N", help="most requests in flight (default: 64)"
    )
    load.add_argument(
        "--timeout",
        type=number(0.1, 600),
        default=30.0,
        metavar="S",
        help="give a request up so many seconds after it was due (default: 30)",
    )
    load.add_argument("--url", help="the gateway (default: this machine's)")
    load.add_argument("--api-key-file", type=Path, metavar="FILE", help="file that holds the gateway's API key")
    load.add_argument("--model", type=model_name, metavar="NAME", help="this model of the service instead of yolo")
    load.add_argument("--version", metavar="V", help="this version of the model instead of the current one")


def _run(arguments: argparse.Namespace) -> int:
    try:
        from ops.load import run
    except ModuleNotFoundError as error:
        raise OpsError(
            f"this command needs {error.name}, which is not installed here. Use bash scripts/load.sh, which installs "
            "what it needs"
        ) from error
    query = {name: value for name in ("model", "version") if (value := getattr(arguments, name)) is not None}
    given: dict[str, Any] = {
        one.name: getattr(arguments, one.name) for one in fields(run.Job) if hasattr(arguments, one.name)
    }
    return run.run(run.Job(**{**given, "query": query}))
