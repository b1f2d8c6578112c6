"""What the command lines of all scripts share: the parser, common options, and the exit codes in the help.

The parsers need nothing but the standard library, so that any Python 3.11 reads a command line before anything is
installed. The functions that do the work therefore import what they need when they are called.
"""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_names import fault
from ops.errors import UsageError
from ops.paths import MODEL

if TYPE_CHECKING:
    from ops.torchserve.host import Host

# What each exit code of a release operation means; `ops.errors` has the exceptions.
EXIT_CODES = {
    0: "done",
    1: "failed; the version that answered before still answers, and nothing is left behind",
    2: "wrong usage",
    3: "another operation is running",
    4: "stopped because the answers drift",
    5: "no service is running",
    6: "failed, and nothing answers",
    7: "no such kept version, or its archive is not the one that was packaged",
    8: "something active must end first, or there is nothing to end or to go back to",
    9: "auto aborted the canary",
    130: "interrupted",
}
OPERATION = (0, 1, 2, 3, 4, 5, 6, 7, 8, 130)

Run = Callable[[argparse.Namespace], int | None]
OnHost = Callable[["Host", argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated options and whose help includes the help of its actions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._commands: argparse._SubParsersAction[Parser] | None = None
        self._actions_of_command: argparse._SubParsersAction[Parser] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse an unknown argument with the usage of the action that it was given to. Raises SystemExit."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def add_command(self, name: str, script: str, summary: str, text: str = "", codes: tuple[int, ...] = ()) -> Parser:
        """Add the command behind a script. `summary` is its line in the list of commands, `codes` its exit codes."""
        if self._commands is None:
            self._commands = self.add_subparsers(dest="command", required=True, metavar="COMMAND")
        described = "\n".join(f"  {code:<4} {EXIT_CODES[code]}" for code in codes)
        return self._commands.add_parser(
            name,
            prog=f"bash scripts/{script}",
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.\n\n{text}".strip(),
            epilog=f"exit codes:\n{described}" if codes else None,
        )

    def add_action(self, name: str, run: Run, text: str = "") -> Parser:
        """Add an action to a command. The first sentence of `text` is listed; without a text it is hidden."""
        if self._actions_of_command is None:
            self._actions_of_command = self.add_subparsers(
                dest="action", required=True, metavar="ACTION", title="actions"
            )
        listed: dict[str, Any] = (
            {"help": text.partition(". ")[0].rstrip("."), "description": textwrap.fill(text, 100)} if text else {}
        )
        action = self._actions_of_command.add_parser(name, **listed)
        action.set_defaults(run=run)
        action.add_where()
        return action

    def format_help(self) -> str:
        """Return the help of the command, followed by that of each action."""
        actions = self._actions_of_command.choices.values() if self._actions_of_command else ()
        return "\n".join([super().format_help(), *(action.format_help() for action in actions if action.description)])

    def add_flag(self, option: str, text: str) -> None:
        """Add an option without a value."""
        self.add_argument(option, action="store_true", help=text)

    def add_operation(self, name: str, run: OnHost, text: str) -> Parser:
        """Add an action on a model of the TorchServe that answers here."""
        action = self.add_action(name, on_host(run), text)
        action.add_model()
        return action

    def add_model(self) -> None:
        """Add --model. With `on_host`, the operation gets the store of that model."""
        self.add_argument(
            "--model", type=model_name, default=MODEL, metavar="NAME", help=f"the model (default: {MODEL})"
        )

    def add_dry_run(self) -> None:
        """Add --dry-run."""
        self.add_flag("--dry-run", "show what would be done; change nothing")

    def add_accept_drift(self) -> None:
        """Add --accept-drift."""
        text = "go on if the task or the classes differ, or nothing is found where the running version finds something"
        self.add_flag("--accept-drift", text)

    def add_where(
        self,
        native: str = "operate the native service (default: where the service runs)",
        docker: str = "operate the Compose project (default: where the service runs)",
    ) -> None:
        """Add the options that name the place to operate. The scripts read them; the operation itself ignores them."""
        for where, text in (("native", native), ("docker", docker)):
            self.add_argument(f"--{where}", dest="where", action="store_const", const=where, help=text)


def on_host(run: OnHost) -> Run:
    """Return the function for a command line that acts on a model of the TorchServe that answers here."""

    def find_and_run(arguments: argparse.Namespace) -> None:
        from ops.store import models
        from ops.torchserve import host

        if arguments.model == MODEL:
            run(host.here(), arguments)
        else:
            run(host.here(models.require_known(arguments.model)), arguments)

    return find_and_run


def model_name(text: str) -> str:
    """Return the name of a model. Raises UsageError for one that no model can have."""
    if why := fault(text):
        raise UsageError(f"--model: {why}")
    return text


def path(text: str) -> Path:
    """Return a path, relative to the directory in which the script was called (CALLER_PWD; default: this one)."""
    return Path(os.environ.get("CALLER_PWD", "")) / text
