"""Explain a failed operation: why, in the server's own words, and which version answers now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from ops.errors import DriftError, NotServingError, OpsError
from ops.samples import pictures
from ops.system.polling import poll
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host

# A killed server is started again, loads and compiles: seconds, more on a small machine.
COME_BACK_S = 180.0
LOG_LAG_S = 2.0


def explain(host: Host, error: OpsError, head: str, answering: Callable[[], str | None], hint: str) -> None:
    """Put `head` before the message, and add the log lines that matter and who answers.

    `answering` says who, None for nobody. Then raises NotServingError, with `hint`.
    """
    reasons = [] if isinstance(error, DriftError) else _reasons(host)
    lines = [f"{head}: {error}", *(f"    {line}" for line in reasons)]
    answers = answering()
    if answers is None:
        raise NotServingError("\n".join([*lines, f"  {hint}"])) from error
    error.args = ("\n".join([*lines, f"  {answers}"]),)


def _reasons(host: Host) -> list[str]:
    """Return the log lines that matter; the server writes them a moment after it has answered."""
    return poll(host.reasons, 0 if host.compose else LOG_LAG_S)


def describe_answering(host: Host, remains: str) -> str | None:
    """Say which version answers and what remains; None when none does. Waits for a server that is being restarted."""
    picture = next(iter(pictures().values()))

    def ask() -> str:
        with contextlib.suppress(*UNAVAILABLE):
            for server in host.server.each():
                with contextlib.suppress(*UNAVAILABLE):
                    return str(server.predict(picture, timeout_s=30)[0]["model"]["version"])
        return ""

    version = ""
    with contextlib.suppress(LookupError, TypeError):
        version = poll(ask, COME_BACK_S if host.is_supervised() else 5.0)
    if version:
        host.await_gateway()
    return f"Version {version} answers as before; {remains}" if version else None
