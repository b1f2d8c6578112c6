"""After an operation has failed: why, in the server's own words, and who answers now."""

from __future__ import annotations

import contextlib
import time

from ops.errors import DriftError, NotServingError, OpsError
from ops.samples import pictures
from ops.torchserve.client import wait
from ops.torchserve.host import Host

# A killed server is started again, loads and compiles: seconds, more on a small machine.
COME_BACK_S = 180.0
LOG_LAG_S = 2.0
POLL_S = 0.2


def tell(host: Host, error: BaseException, head: str, left: str) -> None:
    """Add to an OpsError what its reader needs: log lines that matter, who answers, and what is left (`left`).

    `head` stands before the message. Raises NotServingError when nobody answers. Another error is left alone.
    """
    if not isinstance(error, OpsError):  # whoever pressed Ctrl-C is not kept waiting for an answer that is not told
        return
    reasons = _reasons(host) if not isinstance(error, DriftError) else []
    answering = who_answers(host)
    lines = [f"{head}: {error}", *(f"    {line}" for line in reasons)]
    if answering is None:
        lines.append("  Nothing answers now. See: bash scripts/status.sh, and bash scripts/rollback.sh VERSION")
        raise NotServingError("\n".join(lines)) from error
    lines.append(f"  Version {answering} answers as before; {left}")
    error.args = ("\n".join(lines),)


def _reasons(host: Host) -> list[str]:
    """Return the log lines that matter; the server writes them a moment after it has answered."""
    end = time.monotonic() + LOG_LAG_S
    while not (found := host.reasons()) and time.monotonic() < end and not host.compose:
        time.sleep(POLL_S)
    return found


def who_answers(host: Host) -> str | None:
    """Return the version that answers, waiting for a server that is coming back."""
    picture = next(iter(pictures().values()))
    answered: list[str] = []

    def asked() -> bool:
        answered.append(host.server.predict(picture, timeout_s=30)[0]["model"]["version"])
        return True

    with contextlib.suppress(LookupError, TypeError):
        wait(asked, COME_BACK_S if host.comes_back() else 5.0)
    if answered:
        host.clients_are_answered()
    return answered[-1] if answered else None
