"""The options of /predict and /predict/batch. These models validate requests, and OpenAPI is derived from them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.api.predict.then_options import ThenOptions
from gateway.drawing.wanted import DEFAULT_QUALITY, Format, Wanted
from gateway.http.negotiation import negotiate

JSON, NDJSON = "application/json", "application/x-ndjson"
#: In the order of the gateway's preference.
IMAGE_FORMATS: dict[str, Format] = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp"}
#: How the header begins that Java's HttpURLConnection sends unless it is told otherwise: it is no wish for an image.
_JAVA_DEFAULT = "text/html, image/gif, image/jpeg, *"
_ONE, _IMAGE, _MANY = (JSON, *IMAGE_FORMATS), tuple(IMAGE_FORMATS), (JSON, NDJSON)


def _lower(text: Any) -> str | None:
    return str(text).strip().lower() or None


class PredictOptions(ThenOptions):
    """The options of one image."""

    format: Annotated[Literal["json", "image", "jpeg", "png", "webp"] | None, BeforeValidator(_lower)] = Field(
        default=None,
        description="json, or the annotated image; takes precedence over Accept. image: the format that Accept prefers "
        "or JPEG",
    )
    quality: int = Field(default=DEFAULT_QUALITY, ge=1, le=100, description="Of an annotated JPEG or WebP")
    max_side: int | None = Field(
        default=None,
        ge=32,
        le=16_384,
        description="Longest side of the annotated image, in pixels; a smaller image keeps its size",
    )

    def drawing(self, accept: str | None) -> Wanted | None:
        """Return the annotated image that is wanted, or None for JSON; ``accept`` is the header.

        Raises :class:`~gateway.errors.NotAcceptable`.
        """
        kind: Format | None
        match self.format:
            case "json":
                return None
            case None if (accept or "").startswith(_JAVA_DEFAULT):
                return None
            case None:
                kind = IMAGE_FORMATS.get(negotiate(accept, _ONE))
            case "image":  # an image, even if Accept prefers JSON
                wish = f"{accept}, image/*;q=0.001" if accept and "image/" in accept.lower() else None
                kind = IMAGE_FORMATS[negotiate(wish, _IMAGE)]
            case kind:
                pass
        return None if kind is None else Wanted(kind, self.quality, self.max_side)


class BatchOptions(ThenOptions):
    """The options of several images, which hold for all of them."""

    format: Annotated[Literal["json", "ndjson"] | None, BeforeValidator(_lower)] = Field(
        default=None,
        description="One JSON body in the order of the images, or a line per image as it is finished; takes "
        "precedence over Accept",
    )

    def media_type(self, accept: str | None) -> str:
        """Return the media type of the answer; raises :class:`~gateway.errors.NotAcceptable`."""
        return {"json": JSON, "ndjson": NDJSON}.get(self.format or "") or negotiate(accept, _MANY)
