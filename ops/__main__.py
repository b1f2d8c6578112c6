"""The command line behind the scripts: `python -m ops COMMAND --help`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ops.cli import releases
from ops.cli.packaging import check_int8
from ops.errors import OpsError
from ops.paths import STORE, WEIGHTS
from ops.predict import options
from ops.terminal.exit import ending


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser(prog="ops", description="Operate the YOLO service.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    packaging = commands.add_parser("package", help="make yolo.mar from weights, as a new version")
    packaging.add_argument(
        "--weights", type=Path, default=WEIGHTS, help="the .pt to package (default: models/weights/best.pt)"
    )
    packaging.add_argument("--version", help="the version to give it (default: the next one)")
    packaging.add_argument("--note", default="", help="a line kept in the archive's metadata")
    packaging.add_argument(
        "--if-needed", action="store_true", help="obtain what is missing; do nothing when nothing is"
    )
    packaging.add_argument("--keep-only", action="store_true", help="keep the version; leave yolo.mar as it is")
    packaging.add_argument("--store", type=Path, default=STORE, help="the model store")
    packaging.add_argument("--int8", action="store_true", help="quantise to int8: faster, slightly other detections")
    packaging.add_argument(
        "--calibration", type=Path, metavar="DIR", help="with --int8: a folder of pictures like those to be served"
    )
    packaging.add_argument(
        "--force", action="store_true", help="with --int8: package it also when it agrees too little with fp32"
    )

    commands.add_parser("up", help="set up and start the service natively")
    commands.add_parser("down", help="stop the native service")
    commands.add_parser("status", help="what runs natively, and is it ready")

    options.add_arguments(commands.add_parser("predict", help="ask the gateway about many pictures"))
    releases.add(commands)
    return root


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; return the exit code. Raises OpsError."""
    # Each command imports what it needs: the packaging image has no supervisor, native mode starts without ultralytics.
    match arguments.command:
        case "package":
            from ops.packaging import package
            from ops.setup import prepare

            check_int8(arguments)
            if arguments.if_needed:
                prepare.prepare(arguments.store, arguments.weights)
            else:
                made = package.package(
                    arguments.weights,
                    arguments.version,
                    arguments.note,
                    arguments.store,
                    calibration=arguments.calibration,
                    force=arguments.force,
                    current=not arguments.keep_only,
                )
                package.report(made)
        case "up":
            from ops.native import service

            service.up()
        case "down":
            from ops.native import service

            service.down()
        case "status":
            from ops.native import service

            return 0 if service.status() else 1
        case "predict":
            try:
                from ops.predict import command

                return command.run(arguments)
            except ModuleNotFoundError as error:
                raise OpsError(
                    f"asking needs {error.name}, which this environment has not. Use the project's own "
                    "(.venv/bin/python -m ops predict), or: bash scripts/predict.sh, which installs what it needs"
                ) from error
        case command if command in releases.NAMES:
            releases.run(arguments)
    return 0


def main() -> int:
    """Run; every failure is one message and the exit code of its kind, see `ops.errors`."""
    os.umask(0o022)  # what is made here is read by a server that runs as another user
    arguments = parser().parse_args()
    return ending(lambda: run(arguments), "working")


if __name__ == "__main__":
    raise SystemExit(main())
