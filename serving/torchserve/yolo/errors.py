"""The errors of a request and of an archive.

RequestError            a mistake of the caller; a 4xx for that one image
├── InvalidImage        400  empty, damaged, truncated or not an image
├── MissingImage        400  the request has no image
├── InvalidParameter    400  a query parameter or form field outside its bounds
├── ImageTooLarge       413  more pixels than MAX_IMAGE_PIXELS
└── UnsupportedImage    415  a known image format or sample type that is not supported
ArchiveError            the archive or a setting is invalid; raised when a worker starts, never per request
"""

from __future__ import annotations

from typing import ClassVar


class RequestError(Exception):
    """A mistake in one request. The message is for the caller and says how to fix it."""

    status: ClassVar[int] = 400

    @property
    def type(self) -> str:
        """The error's name in the answer, e.g. `InvalidImage`."""
        return self.__class__.__name__

    def body(self) -> dict[str, object]:
        """Return the error in the shape of TorchServe's own error bodies."""
        return {"code": self.status, "type": self.type, "message": str(self)}


class InvalidImage(RequestError):  # noqa: N818 - these names are part of the API
    """The bytes are not a readable image (400)."""


class MissingImage(RequestError):  # noqa: N818
    """The request has no image (400)."""


class InvalidParameter(RequestError):  # noqa: N818
    """A parameter is malformed or out of bounds (400)."""


class ImageTooLarge(RequestError):  # noqa: N818
    """The header announces more pixels than MAX_IMAGE_PIXELS (413)."""

    status = 413


class UnsupportedImage(RequestError):  # noqa: N818
    """A known image format, or a variant of one, that is not supported (415)."""

    status = 415


class ArchiveError(Exception):
    """The archive or a setting cannot be used; the message says which, and what to run."""
