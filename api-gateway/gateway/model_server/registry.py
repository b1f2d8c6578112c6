"""The model servers that the gateway can stand in front of, by the name that the variable BACKEND gives."""

from collections.abc import Callable, Mapping

from gateway.model_server.base import InferenceBackend
from gateway.model_server.oip.backend import OipBackend
from gateway.model_server.torchserve.backend import TorchServeBackend
from gateway.model_server.torchserve.balanced import create_torchserve
from gateway.settings import Settings

#: To add a server: write a class with InferenceBackend's methods and name it, or what makes it, here. No route changes.
BACKENDS: Mapping[str, Callable[[Settings], InferenceBackend]] = {
    TorchServeBackend.name: create_torchserve,
    OipBackend.name: OipBackend,
}


class UnknownBackendError(ValueError):
    """BACKEND names no known model server."""


def create_backend(settings: Settings) -> InferenceBackend:
    """Make the backend that ``settings.backend`` names; nothing is connected yet.

    Raises :class:`UnknownBackendError`, whose message lists the names that exist.
    """
    try:
        make = BACKENDS[settings.backend]
    except KeyError:
        raise UnknownBackendError(f"BACKEND={settings.backend!r}: known are {', '.join(BACKENDS)}") from None
    return make(settings)
