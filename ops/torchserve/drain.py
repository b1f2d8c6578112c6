"""Wait until a version that gets no new requests has answered those it has.

TorchServe reports how many requests wait for a worker, not how many are being answered, and removing a version kills
its workers. The queue of a version is first in, first out: a request sent to this version now is behind all others.
With one worker its answer means that all others were answered. With several workers, the others may still be answering
earlier requests: they get three times the time that the slowest of these requests took.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from ops.errors import OpsError
from ops.system.polling import poll
from ops.torchserve.client import RefusedError, Server, UnreachableError

# Between the choice of the version and its queue a request is not counted anywhere, for microseconds.
SETTLE_S = 0.6
# With several workers: the least time for earlier requests, such as a picture of many megapixels.
OTHERS_S = 3.0


def drain(server: Server, version: str, picture: bytes) -> str:
    """Wait, at most as long as TorchServe lets a request take. Returns the outcome. Raises UnreachableError."""
    loaded = server.version(version)
    if not loaded.answers:
        return "none of its workers was answering"
    deadline_s = loaded.response_timeout_s + 5.0
    start = time.monotonic()
    time.sleep(SETTLE_S)
    if not poll(lambda: _is_queue_empty(server, version), deadline_s):
        return f"requests still waited after {deadline_s:.0f} s"

    def send(_: int) -> float:
        began = time.monotonic()
        try:
            server.predict(picture, version, timeout_s=max(deadline_s - (began - start), 5.0))
        except UnreachableError:
            raise
        except OpsError:
            pass  # an error is an answer, too
        return time.monotonic() - began

    workers = len(loaded.workers)
    with ThreadPoolExecutor(2 * workers) as pool:
        slowest = max(pool.map(send, range(1 if workers == 1 else 2 * workers)))
    if workers > 1:
        time.sleep(min(max(OTHERS_S, 3 * slowest), deadline_s))
        poll(lambda: _is_queue_empty(server, version), deadline_s)
    return "every request was answered"


def drain_each(server: Server, version: str, picture: bytes) -> str:
    """Do so on each server that it stands for, at the same time. Raises RefusedError, UnreachableError."""
    servers = server.each()
    if len(servers) == 1:
        return drain(servers[0], version, picture)
    having = [one for one in servers if one.has(version)]
    with ThreadPoolExecutor(len(servers)) as pool:
        outcomes = list(pool.map(lambda one: drain(one, version, picture), having))
    return "; ".join(dict.fromkeys(outcomes)) or "none of them had it"


def _is_queue_empty(server: Server, version: str) -> bool:
    try:
        return server.version(version).pending == 0
    except RefusedError as error:
        return error.status == 404  # the server was restarted, without this version
    except UnreachableError:
        return False
