"""From a checked picture to what is in it: the one way to the model server for every route.

What stands between a route and the model server (choosing a version, remembering answers, bounding what is in flight)
is a :class:`Detector` around another one; ``create_app`` stacks them.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import Parameters
from gateway.detection.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Ask:
    """One picture and how to look at it. ``image`` is the encoded picture whose header has been checked."""

    image: bytes
    header: ImageHeader
    parameters: Parameters
    request_id: str
    #: The version that the caller named, or that a layer above chose; None is the server's default.
    version: str | None = None
    #: Who asks, if the request tells: keeps one client with one version while traffic is split.
    client_key: str | None = None
    #: The caller wants neither a remembered answer nor this one remembered.
    no_store: bool = False
    #: The oldest remembered answer that the caller takes, in seconds; 0 is none at all, None is any.
    max_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, and how it was had."""

    prediction: Prediction
    #: ``hit`` or ``miss`` of a cache that was asked, ``bypass`` of one that was not; None where there is none.
    cache: Literal["hit", "miss", "bypass"] | None = None
    #: Seconds since a remembered answer was made; None for a new one.
    age_s: float | None = None


class Detector(Protocol):
    """Anything that answers an :class:`Ask`; raises ``BackendFault`` or ``ApiError``."""

    async def detect(self, ask: Ask) -> Answer:
        """Find what is in the picture; cancelling gives the work up."""
        ...
