"""Several TorchServes as one server: what is done is done on each of them, or raises, and the operation undoes it.

Which there are is looked up anew for each call: a name in the DNS has the address of each, and whatever runs them keeps
it up to date. A server that is scaled away takes no part any more, one that is added takes part at once; it has loaded
the model store as it was when it started, so an operation never takes for granted that all have the same versions.

Reading asks each, and raises for one that does not answer: a change that one of them cannot take is made on none.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import httpx

from ops.errors import OpsError
from ops.paths import MODEL
from ops.torchserve.client import Loaded, RefusedError, Server, UnreachableError
from server_addresses import is_one_server, one_family

T = TypeVar("T")
NOT_FOUND = 404


@dataclass(frozen=True)
class Spread(Loaded):
    """A version on several servers: the workers of all, the other numbers of one of them.

    `parts`: what it is on each, of which some may lack it.
    """

    parts: tuple[Loaded, ...] = ()
    lacking: int = 0

    @property
    def ready(self) -> bool:
        """Whether all its workers are READY on every server."""
        return all(part.ready for part in self.parts)

    @property
    def unloaded(self) -> bool:
        """Whether it has no worker on purpose on one of them."""
        return any(part.unloaded for part in self.parts)

    @property
    def is_everywhere(self) -> bool:
        """Whether all of them have it."""
        return not self.lacking

    @property
    def answers(self) -> bool:
        """Whether at least one worker is READY on every server."""
        return all(part.answers for part in self.parts)


class EveryServer(Server):
    """All TorchServes that `find` returns, as one. Every method raises RefusedError or UnreachableError."""

    def __init__(self, management: str, inference: str, find: Callable[[], Sequence[Server]], model: str = MODEL):
        super().__init__(management, inference, model=model)
        self._find = find

    def each(self) -> list[Server]:
        """Return the servers that there are now, each for this model."""
        return [server.of_model(self.model) for server in self._find()]

    def models(self) -> list[str]:
        """Return the names of the models that one of them has."""
        return list(dict.fromkeys(name for _, names in self._ask_each(Server.models) for name in names))

    def versions(self) -> list[Loaded]:
        """Return every version that one of them has."""
        found = [{one.version: one for one in versions} for _, versions in self._ask_each(Server.versions)]
        return [
            spread([versions.get(name) for versions in found])
            for name in dict.fromkeys(name for versions in found for name in versions)
        ]

    def default(self) -> Loaded:
        """Return the default version, the first server's where they differ: see `serves`."""
        found = [loaded for _, loaded in self._ask_each(Server.default)]
        return spread([loaded if loaded.version == found[0].version else None for loaded in found])

    def version(self, version: str) -> Loaded:
        """Return a version that one of them has."""
        found = [loaded for _, loaded in self._ask_each(lambda server: _find_version(server, version))]
        if not any(found):
            raise RefusedError(f"TorchServe answered {NOT_FOUND}: version {version} is not loaded", NOT_FOUND)
        return spread(found)

    def has(self, version: str) -> bool:
        """Tell whether all of them have a version."""
        return all(there for _, there in self._ask_each(lambda server: server.has(version)))

    def serves(self, version: str) -> bool:
        """Tell whether it is the default version of all of them."""
        return all(there for _, there in self._ask_each(lambda server: server.serves(version)))

    def register(self, file: str, like: Loaded) -> None:
        """Register an archive on those that do not have its version."""
        version = file.removeprefix(f"{self.model}-").removesuffix(".mar")
        self._ask_each(lambda server: None if server.has(version) else server.register(file, like))

    def scale(self, version: str, workers: int) -> None:
        """Set the number of workers on each."""
        self._ask_each(lambda server: server.scale(version, workers))

    def set_default(self, version: str) -> None:
        """Make a version the default one of each; the first that refuses ends it."""
        self._ask_each(lambda server: server.set_default(version))

    def unregister(self, version: str) -> bool:
        """Remove a version from each, also if another one fails. Returns whether one had it."""
        return any(there for _, there in self._ask_each(lambda server: server.unregister(version), all_of_them=True))

    def names(self, version: str) -> dict[str, str]:
        """Return the class names of a version."""
        return self._ask_each(lambda server: server.names(version))[0][1]

    def predict(self, picture: bytes, version: str | None = None, timeout_s: float = 60.0) -> Any:
        """Have each of them answer. Returns the first one's answer."""
        return self._ask_each(lambda server: server.predict(picture, version, timeout_s))[0][1]

    def _ask_each(self, ask: Callable[[Server], T], *, all_of_them: bool = False) -> list[tuple[Server, T]]:
        """Return the answer of each. The error of one names it; with `all_of_them` it is raised after the last one."""
        servers = self.each()
        answers: list[tuple[Server, T]] = []
        failed: OpsError | None = None
        for server in servers:
            try:
                answers.append((server, ask(server)))
            except (RefusedError, UnreachableError) as error:
                if len(servers) > 1:
                    error.args = (f"of {len(servers)} TorchServes, the one at {server.management}: {error}",)
                if not all_of_them:
                    raise
                failed = failed or error
        if failed:
            raise failed
        return answers


def connect(management: str, inference: str, model: str) -> Server:
    """Return the TorchServe of these URLs, or all of them behind a host name or in comma-separated lists.

    Nothing is asked yet. Raises OpsError if the lists do not fit each other.
    """
    pairs = list(zip(managements := management.split(","), inferences := inference.split(","), strict=False))
    if len(managements) != len(inferences):
        raise OpsError("OPS_MANAGEMENT_URL and OPS_INFERENCE_URL name different numbers of TorchServes")
    hosts = {httpx.URL(url).host for url in (*managements, *inferences)}
    if len(pairs) == 1 and (len(hosts) > 1 or is_one_server(*hosts)):
        return Server(management, inference, model=model)
    return EveryServer(management, inference, lambda: [one for pair in pairs for one in _behind(*pair)], model)


def spread(found: Sequence[Loaded | None]) -> Loaded:
    """Return what several servers say of a version, None where one does not have it. At least one has it."""
    there = [part for part in found if part is not None]
    if len(found) == 1:
        return there[0]
    absent = replace(there[0], min_workers=max(there[0].min_workers, 1), workers=(), pending=0, memory_bytes=0)
    parts = tuple(part or absent for part in found)
    like = {field.name: getattr(there[0], field.name) for field in fields(Loaded)}
    like |= {
        "min_workers": min((part.min_workers for part in there if not part.unloaded), default=0),
        "pending": sum(part.pending for part in parts),
        "workers": tuple(worker for part in parts for worker in part.workers),
        "memory_bytes": max(part.memory_bytes for part in parts),
    }
    return Spread(**like, parts=parts, lacking=len(found) - len(there))


def _find_version(server: Server, version: str) -> Loaded | None:
    try:
        return server.version(version)
    except RefusedError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _behind(management: str, inference: str) -> list[Server]:
    """Return a server for each address of the URLs' host. Raises UnreachableError for a name without any."""
    url, other = httpx.URL(management), httpx.URL(inference)
    if url.host != other.host or is_one_server(url.host):
        return [Server(management, inference)]
    try:
        found = socket.getaddrinfo(url.host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"TorchServe does not answer ({url.host}: {error})") from error
    addresses = one_family(str(address[0]) for *_, address in found)
    return [Server(str(url.copy_with(host=one)), str(other.copy_with(host=one))) for one in addresses]
