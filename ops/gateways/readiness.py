"""Wait until the service answers for itself: poll with a deadline, and say what was seen last."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

POLL_S = 0.2
# Our own loopback: urllib would ask http_proxy for it.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def readiness(gateway: str) -> tuple[bool, str]:
    """Ask the gateway's readiness. Returns (ready, what it says); a gateway that is not there is not ready."""
    try:
        with _DIRECT.open(f"{gateway}/health/ready", timeout=3) as answer:
            version = json.load(answer)["model"]["version"]
            return True, f"version {version} is served"
    except urllib.error.HTTPError as error:
        try:
            return False, str(json.load(error)["error"]["message"])
        except (ValueError, KeyError, TypeError):
            return False, f"the gateway answers {error.code}"
    except (OSError, ValueError, KeyError) as error:
        return False, f"the gateway does not answer: {error}"


def wait(
    ask: Callable[[], tuple[bool, str]], deadline_s: float, alive: Callable[[], bool] = lambda: True
) -> tuple[bool, str]:
    """Poll `ask` until it says yes, `deadline_s` has passed or `alive` says no. Returns the last answer."""
    end = time.monotonic() + deadline_s
    while True:
        answer = ask()
        if answer[0] or time.monotonic() > end or not alive():
            return answer
        time.sleep(POLL_S)
