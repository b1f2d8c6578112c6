"""What can be wrong with one request, and with one archive.

RequestError            the caller's mistake; answered as a 4xx of that one image
├── InvalidImage        400  empty, damaged or truncated, or no picture at all
├── MissingImage        400  the request carries no picture
├── InvalidParameter    400  a query parameter or form field outside its bounds
├── ImageTooLarge       413  more pixels than MAX_IMAGE_PIXELS
└── UnsupportedImage    415  a picture, in a format or with samples that are not read here
ArchiveError            the archive cannot be served; raised while a worker starts, never per request
"""

from __future__ import annotations

from typing import ClassVar


class RequestError(Exception):
    """A mistake in one request. The message is meant for the caller and names the mend."""

    status: ClassVar[int] = 400

    @property
    def type(self) -> str:
        """The name under which the error is answered, e.g. `InvalidImage`."""
        return self.__class__.__name__

    def body(self) -> dict[str, object]:
        """Return the error in the shape of TorchServe's own error bodies."""
        return {"code": self.status, "type": self.type, "message": str(self)}


class InvalidImage(RequestError):  # noqa: N818 - these names are the contract
    """The bytes are no readable picture (400)."""


class MissingImage(RequestError):  # noqa: N818
    """The request carries no picture (400)."""


class InvalidParameter(RequestError):  # noqa: N818
    """A parameter is malformed or out of bounds (400)."""


class ImageTooLarge(RequestError):  # noqa: N818
    """The header announces more pixels than are decoded here (413)."""

    status = 413


class UnsupportedImage(RequestError):  # noqa: N818
    """A known picture format, or a variant of one, that is not read here (415)."""

    status = 415


class ArchiveError(Exception):
    """The archive's metadata or model files cannot be served; the message says which and what to run."""
