"""After an operation has failed: why, in the server's own words, and who answers now."""

from __future__ import annotations

import contextlib

from ops.errors import DriftError, NotServingError, OpsError
from ops.samples import pictures
from ops.system.polling import poll
from ops.torchserve.client import UNAVAILABLE
from ops.torchserve.host import Host

# A killed server is started again, loads and compiles: seconds, more on a small machine.
COME_BACK_S = 180.0
LOG_LAG_S = 2.0


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
    return poll(host.reasons, 0 if host.compose else LOG_LAG_S)


def who_answers(host: Host) -> str | None:
    """Return the version that answers, waiting for a server that is coming back."""
    picture = next(iter(pictures().values()))

    def ask() -> str:
        with contextlib.suppress(*UNAVAILABLE):
            return str(host.server.predict(picture, timeout_s=30)[0]["model"]["version"])
        return ""

    try:
        version = poll(ask, COME_BACK_S if host.comes_back() else 5.0)
    except (LookupError, TypeError):
        version = ""
    if version:
        host.clients_are_answered()
    return version or None
