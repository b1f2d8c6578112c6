"""Runs operations in processes that are killed at a chosen moment: `python -m tests.unit.ops.rollout.victim STORE URL`.

Each line of stdin is `{"do": NAME, "kill_at": N}`. A fork runs the operation and kills itself before the N-th thing
that it does to the world: a request, a rename, a removal, a link, a file or folder made. Each line of stdout is the
exit code, negative when it was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.bluegreen import switch
from ops.bluegreen.pair import Pair
from ops.models.add import add
from ops.models.remove import remove
from ops.releases import redeploy, rollback
from ops.rollout import membership
from ops.rollout.candidate import Packaging
from ops.store import bluegreen, routing
from ops.torchserve import drain
from ops.torchserve.client import Server
from ops.torchserve.host import Host
from ops.traffic import autopilot, canary, experiment, shadow

WEIGHTS = Path("best.pt").absolute()
FRESH = Packaging(packaged="1.1")
MADE = bluegreen.Made(image="next")


def pair(host: Host) -> Pair:
    """Both sides behind one fake: what differs between them is not what is asked here."""
    return Pair(host, replace(host, side=bluegreen.GREEN))


OPERATIONS = {
    "canary start": lambda host: canary.start(host, str(WEIGHTS), 10, FRESH),
    "canary set": lambda host: canary.set_percent(host, 50),
    "canary promote": lambda host: canary.promote(host),
    "canary abort": lambda host: canary.abort(host),
    "experiment start": lambda host: experiment.start(host, "night", {"1.0": 30, "1.1": 30, "1.2": 40}),
    "experiment stop": lambda host: experiment.stop(host),
    "shadow start": lambda host: shadow.start(host, str(WEIGHTS), 20, FRESH),
    "shadow stop": lambda host: shadow.stop(host, remove=True),
    "redeploy": lambda host: redeploy.redeploy(host, WEIGHTS, FRESH),
    "rollback": lambda host: rollback.rollback(host, "1.1"),
    "bluegreen up": lambda host: switch.up(pair(host), MADE),
    "bluegreen switch": lambda host: switch.switch(pair(host)),
    "bluegreen back": lambda host: switch.back(pair(host)),
    "bluegreen down": lambda host: switch.down(pair(host)),
    "models add": lambda host: add(host.of_model("helmets"), str(WEIGHTS), FRESH),
    "models return": lambda host: add(host.of_model("helmets"), "1.1"),
    "models remove": lambda host: remove(host.of_model("helmets")),
    "models purge": lambda host: remove(host.of_model("helmets"), purge=True),
}
CHANGES = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "socket.connect")


def killed_at(number: int) -> None:
    """Kill this process before its N-th change."""
    left = number

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES or writes:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    """Serve the lines of stdin."""
    store, url = Path(sys.argv[1]), sys.argv[2]
    routing.NOTICE_S = drain.SETTLE_S = autopilot.POLL_S = membership.NOTICE_S = 0.0
    host = Host(Server(url, url), store, compose=True)  # made once: a client takes a while to make
    quiet = os.open(os.devnull, os.O_WRONLY)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.dup2(quiet, 1)
            killed_at(job["kill_at"])
            try:
                OPERATIONS[job["do"]](host)
            except BaseException as error:
                print(f"{job}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
