"""A client of TorchServe for one model: its management API, and inference by a named version.

The behaviour of TorchServe 0.12.0, read in its source and tested:

- `POST /models?url=FILE` registers archives of the model store only (`allowed_urls=^$`), and unpacked models in any
  folder. It answers 409 for a registered version, and 500 for an archive that cannot be unpacked.
- A worker that is loading has the state UNLOADING. One that dies while it loads is restarted again and again, with a
  new pid.
- `PUT …/set-default` and `DELETE` answer when they are done. Removing the default version is refused (403).
- `DELETE` sometimes answers 500 ("Interrupted while cleaning resources"): then the workers are gone, the version is
  still registered, and a second request removes it.
- `DELETE` kills the workers at once, and the requests that they are answering fail: see `ops.torchserve.drain`.

    OpsError
    ├── RefusedError        the server answered with an error; `.status`
    └── UnreachableError    no answer: the server is down, restarting, or too slow
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from ops.errors import OpsError
from ops.paths import MODEL

# Registering answers after the archive is unpacked. All other requests but inference are answered from memory.
TIMEOUT = httpx.Timeout(connect=2, read=10, write=10, pool=5)
UNREGISTER_S = 10.0
REGISTER = httpx.Timeout(connect=2, read=120, write=10, pool=5)


class RefusedError(OpsError):
    """The server answered with an error."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnreachableError(OpsError):
    """The server did not answer."""


#: Errors of a server that may answer in a moment.
UNAVAILABLE = (RefusedError, UnreachableError)


@contextlib.contextmanager
def unless_absent() -> Iterator[None]:
    """Leave a server alone that does not answer or does not have the model: it will load what is on disk."""
    try:
        yield
    except UnreachableError:
        pass
    except RefusedError as error:
        if error.status != 404:
            raise


@dataclass(frozen=True)
class Loaded:
    """A registered version, with the units of TorchServe's description."""

    version: str
    min_workers: int
    batch_size: int
    max_batch_delay_ms: int
    response_timeout_s: int
    startup_timeout_s: int
    pending: int
    #: (state, pid) of each worker.
    workers: tuple[tuple[str, int], ...]
    #: Of all its workers, as TorchServe reads it from the system; 0 where it does not know.
    memory_bytes: int = 0

    @property
    def ready(self) -> bool:
        """Whether all its workers are READY."""
        return len(self.workers) >= self.min_workers > 0 and all(state == "READY" for state, _ in self.workers)

    @property
    def unloaded(self) -> bool:
        """Whether it has no worker on purpose: nobody asked for it, and the next request loads it."""
        return self.min_workers == 0 and not self.workers

    @property
    def is_everywhere(self) -> bool:
        """Whether all of several servers have it: see `ops.torchserve.every`."""
        return True

    @property
    def answers(self) -> bool:
        """Whether at least one worker is READY."""
        return any(state == "READY" for state, _ in self.workers)


def _loaded(entry: dict[str, Any]) -> Loaded:
    return Loaded(
        version=str(entry["modelVersion"]),
        min_workers=int(entry["minWorkers"]),
        batch_size=int(entry["batchSize"]),
        max_batch_delay_ms=int(entry["maxBatchDelay"]),
        response_timeout_s=int(entry["responseTimeout"]),
        startup_timeout_s=int(entry["startupTimeout"]),
        pending=int(entry["jobQueueStatus"]["pendingRequests"]),
        workers=tuple((str(worker["status"]), int(worker["pid"])) for worker in entry["workers"]),
        memory_bytes=sum(max(int(worker.get("memoryUsage") or 0), 0) for worker in entry["workers"]),
    )


class Server:
    """A TorchServe, and one of its models. Every method raises RefusedError or UnreachableError."""

    def __init__(
        self, management: str, inference: str, transport: httpx.BaseTransport | None = None, model: str = MODEL
    ) -> None:
        self.model = model
        self.management = management.rstrip("/")
        self.inference = inference.rstrip("/")
        # Connections are not kept: the server may be restarted between two calls.
        self._client = httpx.Client(
            timeout=TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=0),
            transport=transport,
            trust_env=False,
        )

    def of_model(self, model: str) -> Server:
        """Return the same server for another of its models."""
        other = copy.copy(self)
        other.model = model
        return other

    def each(self) -> list[Server]:
        """Return the servers that it stands for: itself."""
        return [self]

    def models(self) -> list[str]:
        """Return the names of all registered models."""
        names: list[str] = []
        page: dict[str, str] = {"limit": "100"}
        while True:
            listed = self._ask("GET", f"{self.management}/models", params=page)
            try:
                body = listed.json()
                names += [str(entry["modelName"]) for entry in body["models"]]
                following = body.get("nextPageToken")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _not_torchserve(self.management, error) from error
            if not following:
                return list(dict.fromkeys(names))
            page = {"limit": "100", "next_page_token": str(following)}

    def versions(self) -> list[Loaded]:
        """Return all registered versions of the model."""
        try:
            return self._described("/all")
        except RefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return []
            raise

    def default(self) -> Loaded:
        """Return the default version, which answers requests that name no version."""
        return self._described("")[0]

    def version(self, version: str) -> Loaded:
        """Return a registered version."""
        return self._described(f"/{version}")[0]

    def has(self, version: str) -> bool:
        """Tell whether a version is registered."""
        return version in {loaded.version for loaded in self.versions()}

    def serves(self, version: str) -> bool:
        """Tell whether a version is the default one."""
        return self.default().version == version

    def register(self, file: str, like: Loaded) -> None:
        """Unpack and register an archive of the model store, without workers, with the settings of another version."""
        self._ask(
            "POST",
            self.management + "/models",
            params={
                "url": file,
                "model_name": self.model,
                "initial_workers": "0",
                "batch_size": str(like.batch_size),
                "max_batch_delay": str(like.max_batch_delay_ms),
                "response_timeout": str(like.response_timeout_s),
                "startup_timeout": str(like.startup_timeout_s),
            },
            timeout=REGISTER,
        )

    def scale(self, version: str, workers: int) -> None:
        """Set the number of workers of a version. Returns before they have loaded."""
        count = str(workers)
        self._model("PUT", f"/{version}", {"min_worker": count, "max_worker": count, "synchronous": "false"})

    def set_default(self, version: str) -> None:
        """Make a version the default one."""
        self._model("PUT", f"/{version}/set-default")

    def unregister(self, version: str) -> bool:
        """Remove a version and its workers. Returns whether it was registered."""
        end = time.monotonic() + UNREGISTER_S
        while True:
            try:
                self._model("DELETE", f"/{version}")
            except RefusedError as error:
                if error.status == httpx.codes.NOT_FOUND:
                    return False
                if error.status != httpx.codes.INTERNAL_SERVER_ERROR or time.monotonic() > end:
                    raise
                time.sleep(0.5)
            else:
                return True

    def names(self, version: str) -> dict[str, str]:
        """Return the class names of a version by id, as its handler describes them."""
        described = self._model("GET", f"/{version}", {"customized": "true"}, timeout_s=60).json()
        names = (described[0].get("customizedMetadata") or {}).get("names")
        return {str(key): str(value) for key, value in names.items()} if isinstance(names, dict) else {}

    def predict(self, picture: bytes, version: str | None = None, timeout_s: float = 60.0) -> Any:
        """Return the handler's answer for a picture, from the named version or the default one."""
        path = f"/predictions/{self.model}" + (f"/{version}" if version else "")
        timeout = httpx.Timeout(timeout_s, connect=2)
        answer = self._ask("POST", self.inference + path, content=picture, timeout=timeout)
        try:
            return answer.json()
        except ValueError as error:
            raise RefusedError(f"version {version or 'by default'} did not answer JSON for a picture", 200) from error

    def _described(self, suffix: str) -> list[Loaded]:
        try:
            return [_loaded(entry) for entry in self._model("GET", suffix).json()]
        except (ValueError, KeyError, TypeError) as error:
            raise _not_torchserve(self.management, error) from error

    def _model(
        self, method: str, suffix: str, params: dict[str, str] | None = None, timeout_s: float | None = None
    ) -> httpx.Response:
        timeout = httpx.Timeout(timeout_s, connect=2) if timeout_s else TIMEOUT
        return self._ask(method, f"{self.management}/models/{self.model}{suffix}", params=params, timeout=timeout)

    def _ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, url, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"TorchServe does not answer ({type(error).__name__}: {error})") from error
        if answer.is_success:
            return answer
        raise RefusedError(_message(answer), answer.status_code)


def _not_torchserve(address: str, error: Exception) -> UnreachableError:
    return UnreachableError(f"{address} does not answer as TorchServe does: {error}")


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        return f"TorchServe answered {answer.status_code}: {body['message']}"
    except (ValueError, KeyError, TypeError):
        return f"TorchServe answered {answer.status_code}"
