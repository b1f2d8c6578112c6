"""The command line behind the scripts: `python -m ops COMMAND --help`."""

from __future__ import annotations

import os
import signal
import sys

from ops.cli import (
    bluegreen,
    canary,
    drift,
    keys,
    load,
    models,
    packaging,
    predict,
    releases,
    service,
    shell,
    traffic,
    validate,
)
from ops.cli.parser import Parser
from ops.cli.registry import images
from ops.terminal.exit import run_command


def parser() -> Parser:
    """Return the parser of all commands."""
    root = Parser(prog="ops", description="Operate the YOLO service.")
    root.set_defaults(check=lambda arguments: None)
    modules = (
        *(service, predict, load, validate, packaging, releases, images),
        *(models, canary, traffic, bluegreen, drift, keys),
    )
    for module in modules:
        module.add(root)
    return root


def run(argv: list[str]) -> int:
    """Do what the command line says; return the exit code. Raises OpsError."""
    if argv[:1] == ["--for-shell"]:
        print(shell.assignments(parser(), argv[1:]))
        return 0
    arguments = parser().parse_args(argv)
    arguments.check(arguments)
    return arguments.run(arguments) or 0


def interrupt(*_: object) -> None:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: with everything put back."""
    raise KeyboardInterrupt


def main() -> int:
    """Run; every failure is one message and the exit code of its kind, see `ops.errors`."""
    os.umask(0o022)  # the model server, another user, reads the files made here
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, interrupt)
    return run_command(lambda: run(sys.argv[1:]), "working")


if __name__ == "__main__":
    raise SystemExit(main())
