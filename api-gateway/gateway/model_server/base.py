"""What the gateway asks of any model server: the interface that each folder next to this module implements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a prediction can be made now. ``reason`` is set when it cannot, and fit to be shown to a client."""

    ready: bool
    reason: str | None = None
    version: str | None = None
    #: READY workers of that version, None if the server does not tell, and the most pictures that each takes at once.
    #: Not compared: that they change is no change of readiness.
    workers: int | None = field(default=None, compare=False)
    batch_size: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Served:
    """Which content of a model answers: its version, and an epoch that changes when that version is loaded again."""

    version: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that runs the model; ``state`` is READY when it can take a picture."""

    id: str
    state: str
    started: str | None = None
    memory_bytes: int | None = None
    gpu: bool | None = None
    #: Which of several servers it belongs to.
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One loaded version of a model with everything that the server says about it."""

    version: str
    default: bool
    workers: Sequence[Worker]
    batch_size: int | None = None
    max_batch_delay_ms: int | None = None
    queue_free: int | None = None
    queue_waiting: int | None = None
    #: What the model says of itself (engine, threads, task…); empty if it says nothing.
    details: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it has no workers on purpose, because nobody uses it: a request gets it one.
    unloaded: bool = False

    @property
    def ready(self) -> bool:
        """Whether a worker can take a picture."""
        return any(worker.state == "READY" for worker in self.workers)

    @property
    def state(self) -> Literal["unloaded"] | None:
        """What there is to say beyond the states of the workers."""
        return "unloaded" if self.unloaded else None


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One of several servers that share the requests for a model.

    ``reason`` says why it gets none, unless it is ``ready``. ``version`` is its default version. The counts are this
    process's: of requests that it has now, that it got, that it failed, and how often it was taken out.
    """

    name: str
    ready: bool
    reason: str | None
    version: str | None
    outstanding: int
    requests: int
    failures: int
    ejections: int


@dataclass(frozen=True, slots=True)
class Model:
    """A model by name, its loaded versions, and the servers that have it if there are several."""

    name: str
    versions: Sequence[ModelVersion]
    instances: Sequence[InstanceState] = ()


class InferenceBackend(Protocol):
    """A model server, as the routes see it. Every method raises only ``BackendFault``.

    One instance lives as long as the application and is used by many requests at once. A method that is cancelled
    gives its connection up; whether the server stops working then is the server's affair.
    """

    @property
    def name(self) -> str:
        """The registry's name of this kind of server, for people: ``torchserve``."""
        ...

    async def predict(
        self, image: bytes, parameters: Parameters, request_id: str, version: str | None = None
    ) -> Prediction:
        """Find what is in ``image`` (an encoded picture); ``request_id`` goes into the server's own log.

        ``version`` pins a loaded version of the model, None takes the server's default. Raises
        :class:`~gateway.model_server.errors.BackendNoSuchVersion` for one that is not loaded.
        """
        ...

    async def ready(self) -> Readiness:
        """Ask whether a worker can run the model; answers within about a second and never raises for 'no'."""
        ...

    async def served(self, version: str | None = None) -> Served | None:
        """Return the content that a prediction with this ``version`` would use now; None if the server cannot tell.

        All gateways in front of one server must get the same answer. Without one nothing is cached.
        """
        ...

    async def models(self) -> Sequence[Model]:
        """Describe what is loaded."""
        ...

    async def aclose(self) -> None:
        """Close all connections. The instance cannot be used afterwards."""
        ...


@runtime_checkable
class TellsModelNames(Protocol):
    """A backend whose server has further models, and lists them."""

    async def model_names(self) -> frozenset[str] | None:
        """Return the names of all models that are loaded, None if the server does not tell. Raises ``BackendFault``."""
        ...


@runtime_checkable
class TellsWorkers(Protocol):
    """A backend whose server tells of its workers without asking the model itself."""

    async def workers(self) -> Sequence[ModelVersion]:
        """Return every loaded version with its workers and its queue, without details. Raises ``BackendFault``."""
        ...


@runtime_checkable
class TellsInstances(Protocol):
    """A backend that shares the requests between several servers."""

    def instances(self) -> Sequence[InstanceState]:
        """Return what is known of each, without asking it."""
        ...
