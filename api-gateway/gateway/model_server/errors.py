"""What can go wrong behind the gateway, in words that fit every model server.

::

    BackendFault
    ├── BackendUnavailable       no answer, or the connection was lost
    │   ├── BackendNotReady      it answers, but the model has no worker to run it
    │   │   └── BackendUnloaded  …on purpose: it gets one when it is asked for
    │   └── BackendOverloaded    it answers, but takes no more work for now
    ├── BackendTimeout           it took the picture and did not answer in time
    ├── BackendNoSuchVersion     the version that was named is not loaded
    ├── BackendRejected          it refused this picture or parameter (carries which and why)
    └── BackendError             it failed, or its answer makes no sense

The texts are for our log; only :attr:`BackendRejected.message` and :attr:`BackendNotReady.reason` reach a client.
``gateway.errors`` turns each into its status and body.
"""

# ruff: noqa: N818  (the name says what happened; that all of these are errors, the module says)

from typing import Literal

#: The longest message of a model server that is passed on to a client, in characters.
LONGEST_MESSAGE = 500

#: What a model server may object to in one request.
Rejection = Literal["invalid_image", "unsupported_image", "image_too_large", "body_too_large", "invalid_parameter"]


class BackendFault(Exception):
    """Base of every error a backend raises."""


class BackendUnavailable(BackendFault):
    """The model server cannot be reached, or went away before it answered."""


class BackendNotReady(BackendUnavailable):
    """The model server is there, but no worker has the model loaded. ``reason`` may be shown to a client."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BackendUnloaded(BackendNotReady):
    """The model has no workers because nobody used it; it can be woken (see ``gateway.model_server.waking``)."""

    def __init__(self, reason: str = "it is not loaded now") -> None:
        super().__init__(reason)


class BackendOverloaded(BackendUnavailable):
    """The model server's queue, or our share of its connections, is full."""


class BackendTimeout(BackendFault):
    """The model server accepted the request and did not answer in time."""


class BackendNoSuchVersion(BackendFault):
    """The version that the request names is not loaded."""

    def __init__(self, version: str) -> None:
        super().__init__(f"version {version} is not loaded")
        self.version = version


class BackendRejected(BackendFault):
    """The model server refused this very request; ``kind`` says why.

    ``message`` may be shown to a client; if it is empty, the gateway says it in its own words.
    """

    def __init__(self, kind: Rejection, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class BackendError(BackendFault):
    """The model server failed, or sent something that is not a prediction."""


def client_message(said: object) -> str:
    """Pass on a message of one plain line; anything else is left to the gateway's own words, as an empty one."""
    return said if isinstance(said, str) and said.isprintable() and len(said) <= LONGEST_MESSAGE else ""
