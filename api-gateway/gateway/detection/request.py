"""A detection request, its answer, and the interface of everything that answers one.

The layers between a route and the model server (choosing a version, caching answers, bounding concurrency) are each a
:class:`Detector` around another one; ``create_app`` stacks them.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Claim:
    """The place of a request among the others when there is more work than the model server can do."""

    #: Callers take turns; a caller is an API key, a token's subject or an address.
    caller: str = ""
    #: Whether it goes before requests that are not urgent.
    urgent: bool = True
    #: When the answer becomes useless to the client, on the event loop's clock; None: never.
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One image and the parameters of its detection. ``image`` is encoded, and its header has been checked."""

    image: bytes
    header: ImageHeader
    parameters: Parameters
    request_id: str
    #: The version that the caller requested, or that a layer above chose; None is the server's default.
    version: str | None = None
    #: Identifies the client, if the request does: keeps it with one version while traffic is split.
    client_key: str | None = None
    #: Neither answer from the cache nor store this answer.
    no_store: bool = False
    #: Maximum age in seconds of a cached answer; 0 excludes the cache, None accepts any age.
    max_age_s: float | None = None
    #: The model that is asked, by its name; None is the default one.
    model: str | None = None
    claim: Claim = Claim()


@dataclass(frozen=True, slots=True)
class Answer:
    """The prediction, and where it came from."""

    prediction: Prediction
    #: ``hit`` or ``miss`` of the cache, ``bypass`` if it was not consulted; None without a cache.
    cache: Literal["hit", "miss", "bypass"] | None = None
    #: Age of a cached answer in seconds; None for a new one.
    age_s: float | None = None


class Detector(Protocol):
    """Anything that answers an :class:`Ask`; raises ``BackendFault`` or ``ApiError``."""

    async def detect(self, ask: Ask) -> Answer:
        """Detect the objects in the image; cancellation stops the work."""
        ...
