"""A running server: one or more parts, each a process tree with a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.paths import LOGS, WORK
from benchmarks.servers.processes import Tree
from benchmarks.servers.variables import base_variables

TAIL_LINES = 15


class Server(AbstractContextManager["Server"]):
    """The parts of a server. As a context manager it stops all parts at the end, the last one first."""

    def __init__(self, name: str) -> None:
        """`name` begins the names of the logs; logs of an earlier server of this name are removed."""
        self.name = name
        self.trees: dict[str, Tree] = {}
        self.ports: dict[str, int] = {}
        for log in self._logs():
            log.unlink()

    def start(self, part: str, argv: Sequence[str], cwd: Path, variables: Mapping[str, str] | None = None) -> None:
        """Start the command of a part, with these variables in addition to those of every server."""
        WORK.mkdir(parents=True, exist_ok=True)
        label = f"{self.name}-{part}"
        env = {**base_variables(), **(variables or {})}
        self.trees[part] = Tree.start(argv, env, cwd, LOGS / f"{label}.log", WORK / f"{label}.pid")

    def exit_code(self) -> int | None:
        """Return the exit code of a part that has ended, None while all run."""
        return next((code for tree in self.trees.values() if (code := tree.exit_code()) is not None), None)

    def tail(self) -> str:
        """Return the last lines of the logs, to explain why the server does not answer."""
        lines = []
        for log in self._logs():
            last = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            lines += [f"  {log.name}:", *(f"    {line}" for line in last)]
        return "\n".join(lines)

    def __exit__(self, *_: object) -> None:
        for tree in reversed(self.trees.values()):
            tree.stop()

    def _logs(self) -> list[Path]:
        return sorted(LOGS.glob(f"{self.name}-*.log"))
