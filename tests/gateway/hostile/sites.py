"""Servers that a URL may lead to, whose answers are made to cost more than a picture does."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from tests.gateway.hostile.forms import JPEG

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
#: As large as the gateway reads at a time.
PIECE = 65_536


def _again(unit: bytes, count: int | None = None) -> Iterator[bytes]:
    """Repeat it, without end or so many times, in large pieces."""
    piece = unit * (PIECE // len(unit) + 1)
    return itertools.repeat(piece) if count is None else itertools.repeat(piece, count * len(unit) // len(piece) + 1)


def _slowly(unit: bytes) -> Iterator[bytes]:
    """Send it again and again, each time as a packet of its own."""
    while True:
        yield unit
        time.sleep(0.00002)


def _redirect(location: bytes) -> list[bytes]:
    return [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"]


#: What each server sends after the head of a request, by what that is.
SITES: Mapping[str, Callable[[], Iterable[bytes]]] = {
    "interim answers without end": lambda: _again(b"HTTP/1.1 102 \r\n\r\n"),
    "chunks of one byte": lambda: itertools.chain([CHUNKED], _again(b"1\r\nx\r\n")),
    "chunks of 16 bytes": lambda: itertools.chain([CHUNKED], _again(b"10\r\n" + b"x" * 16 + b"\r\n")),
    "chunks of 256 bytes": lambda: itertools.chain([CHUNKED], _again(b"100\r\n" + b"x" * 256 + b"\r\n")),
    "chunks with extensions": lambda: itertools.chain([CHUNKED], _again(b"1;" + b"e" * 4000 + b"\r\nx\r\n")),
    "a chunk size of many digits": lambda: itertools.chain([CHUNKED], _again(b"0")),
    "a chunk of 10^19 bytes": lambda: itertools.chain([CHUNKED, b"f" * 16 + b"\r\n"], _again(b"x")),
    "trailers without end": lambda: itertools.chain([CHUNKED, b"0\r\n"], _again(b"X: y\r\n")),
    "a status line without end": lambda: itertools.chain([b"HTTP/1.1 200 "], _again(b"x")),
    "blank lines": lambda: _again(b"\r\n"),
    "headers without end": lambda: itertools.chain([OK], _again(b"X: y\r\n")),
    "a header without end": lambda: itertools.chain([OK, b"X: "], _again(b"y")),
    "as many headers as fit": lambda: [OK, b"X: y\r\n" * 9000, b"Content-Length: 0\r\n\r\n"],
    "a folded header": lambda: [OK, b"X: y\r\n", b" z\r\n" * 12_000, b"Content-Length: 0\r\n\r\n"],
    "a length of many digits": lambda: [OK, b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"],
    "lengths": lambda: [OK, b"Content-Length: " + b"1," * 20_000 + b"1\r\n\r\nx"],
    "a body without end": lambda: itertools.chain([OK, b"\r\n"], _again(b"x")),
    "a body byte by byte": lambda: itertools.chain([OK, b"Content-Length: 9999999\r\n\r\n"], _slowly(b"x")),
    "a head byte by byte": lambda: itertools.chain([OK, b"X: "], _slowly(b"y")),
    "less than it says": lambda: [OK, b"Content-Length: 9999999\r\n\r\n", JPEG],
    "a redirect to a name of many letters": lambda: _redirect(b"http://" + "ü".encode() * 30_000),
    "a redirect to a name of many labels": lambda: _redirect(b"http://" + "ü.".encode() * 20_000),
    "a redirect to a long path": lambda: _redirect(b"/.." * 20_000),
    "a redirect to many parameters": lambda: _redirect(b"?" + b"a=%ff&" * 10_000),
    "a redirect to itself": lambda: _redirect(b""),
    "a challenge of commas": lambda: [
        b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Digest " + b'a="b",' * 9000 + b"\r\n\r\n"
    ],
    "not HTTP": lambda: _again(b"\x00\xff"),
}


class Sites:
    """A server on loopback: the path of a request is the number of its site."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, name: str) -> str:
        """Return the URL of a site."""
        return f"http://127.0.0.1:{self.port}/{list(SITES).index(name)}"

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(30)
            path = connection.recv(PIECE).split(b" ")[1]
            for piece in list(SITES.values())[int(path.strip(b"/").partition(b"?")[0] or b"0")]():
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(PIECE):
                pass
