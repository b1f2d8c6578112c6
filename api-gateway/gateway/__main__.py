"""Run the gateway: ``python -m gateway``. Exit 0 after a graceful stop, 2 for a bad setting, 3 for a taken port.

``python -m gateway check`` starts nothing and says, with the same exit codes, whether it would: what refuses its
settings is otherwise started again and again by its supervisor.
"""

import contextlib
import ctypes
import logging
import os
import resource
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import uvicorn
from pydantic import ValidationError

from gateway.auth.policy import AuthSettingsError, is_loopback, published_address
from gateway.http.logs import change_level_on_signals, configure_logging
from gateway.http.protocol import bounded_protocol
from gateway.limits.model_rates import ModelRatesError
from gateway.main import create_app
from gateway.model_server.registry import UnknownBackendError
from gateway.settings import Settings, describe_invalid, open_secrets
from gateway.tracing import export

BAD_SETTING, CANNOT_LISTEN = 2, 3
#: Longer than clients keep an idle connection themselves, so that we are not the side that closes it under a request.
KEEP_ALIVE_S = 75
BACKLOG = 2048
#: Open files that are no connection of a client or to the model server: modules, Redis, the management API.
OTHER_FILES = 128

#: Numbers of parameters in glibc's malloc.h, and their values: one heap for all threads, and memory of its own for what
#: has this size, which no buffer has while an image of a megapixel is drawn.
MALLOC_PARAMETERS = {-8: 1, -3: 4 * 2**20, -1: 4 * 2**20}  # M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD

logger = logging.getLogger("gateway")


def main() -> None:
    """Read the settings, listen, serve until told to stop, finish what is in flight."""
    if sys.argv[1:] not in ([], ["check"]):
        _refuse(BAD_SETTING, "usage: python -m gateway [check]")
    return_large_memory()
    # Uvicorn stops gracefully on these and then raises them again for the handler before it; the wanted exit code is 0.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit_cleanly)
    try:
        settings = Settings()
        configure_logging(settings.log_level)
        change_level_on_signals()
        app = create_app(settings)
    except ValidationError as error:
        _refuse(BAD_SETTING, f"These settings are not valid:\n{describe_invalid(error)}")
    except (UnknownBackendError, AuthSettingsError, ModelRatesError) as error:
        _refuse(BAD_SETTING, f"These settings are not valid:\n{error}")
    for variable, path in open_secrets(settings).items():
        facts = {"setting": variable, "path": path, "fix": f"chmod o-r {path}"}
        logger.warning("every user of this machine can read a secret", extra=facts)
    if sys.argv[1:] == ["check"]:
        raise SystemExit(0)
    allow_open_files(settings.max_clients + settings.max_connections + OTHER_FILES)
    if settings.auth == "off" and not is_loopback(published_address(settings)):
        logger.warning("open to everybody who can reach it: AUTH=off", extra={"published": published_address(settings)})
    with listen(settings.gateway_host, settings.gateway_port) as listener:
        host, port = listener.getsockname()[:2]
        logger.info("listening", extra={"host": host, "port": port, "backend": settings.backend})
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # Named, so that what happens to be installed changes nothing.
            loop="uvloop",
            http=bounded_protocol(settings),
            ws="none",
            proxy_headers=False,  # gateway.http.proxies does it, before the access log and with host names
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.shutdown_grace_s,
        )
        stop_tracing = export.start(settings)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            stop_tracing()


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket ourselves, so that a taken port ends in a message that helps; exits if it cannot."""
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # The protocol is named because asyncio turns Nagle's algorithm off only where it is: with it on, every answer
        # waits 40 ms for the client's delayed acknowledgement of its headers.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        _refuse(
            CANNOT_LISTEN,
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Stop what uses it, or set GATEWAY_HOST or GATEWAY_PORT.",
        )
    return listener


def return_large_memory() -> None:
    """Let the C library return the memory of large images to the system as soon as it is free.

    By default glibc has a heap for each thread, and keeps up to 64 MB in it once a large image was there. Does nothing
    with another C library, and where the operator has set ``MALLOC_…`` variables.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC_PARAMETERS.items():
            mallopt(parameter, value)


def allow_open_files(wanted: int) -> None:
    """Raise the soft limit of open files as far as the hard one lets us: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        if allowed < wanted:
            logger.warning("fewer files may be open than connections", extra={"allowed": allowed, "wanted": wanted})


def _exit_cleanly(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _refuse(code: int, message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
