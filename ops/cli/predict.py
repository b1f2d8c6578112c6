"""The command line of predict."""

from __future__ import annotations

import argparse

from ops.cli.parser import Parser
from ops.errors import OpsError
from ops.predict import options


def add(root: Parser) -> None:
    """Add the command."""
    predict = root.add_command("predict", "predict.sh", "detect in many pictures with the running gateway")
    options.add_arguments(predict)
    predict.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from ops.predict import command

        return command.run(arguments)
    except ModuleNotFoundError as error:
        raise OpsError(
            f"this command needs {error.name}, which is not installed here. Use the project's own environment "
            "(.venv/bin/python -m ops predict), or bash scripts/predict.sh, which installs what it needs"
        ) from error
