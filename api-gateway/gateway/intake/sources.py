"""How a client sends an image: as bytes, as base64 text, or by its URL; and the way from each to the image's bytes."""

from dataclasses import dataclass

from gateway.detection.image_size import check_bytes
from gateway.detection.parameters import Fields
from gateway.intake.base64_text import decode_image
from gateway.intake.fetch import ImageFetcher, Take
from gateway.intake.look_alikes import refuse_look_alikes

#: Characters of the name that a client gives an image.
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Base64Image:
    """Base64 text or a data: URL, not yet decoded; a memoryview is a part of a JSON body, escapes included."""

    text: str | memoryview


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """A URL as the client wrote it, not yet checked."""

    url: str


#: A memoryview is a file of a form, a part of its body.
Source = bytes | memoryview | Base64Image | ImageUrl


@dataclass(frozen=True, slots=True)
class SentImage:
    """One image, decoded or to be downloaded, and the fields that came with it (none for a raw body)."""

    source: bytes | ImageUrl
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class NamedImage:
    """One image of several, with the name that the client gave it; "" for none."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class SentImages:
    """Several images in order, and the fields that came with them."""

    images: tuple[NamedImage, ...]
    fields: Fields = ()


async def decode(source: Source, max_bytes: int) -> bytes | ImageUrl:
    """Return an image's bytes, at most ``max_bytes``, which no longer refer to the body; a URL stays one.

    Raises :class:`~gateway.errors.BodyTooLarge`, and what :func:`~gateway.intake.base64_text.decode_base64` does.
    """
    match source:
        case ImageUrl():
            return source
        case Base64Image():
            return await decode_image(source.text, max_bytes)
        case bytes() | memoryview():
            check_bytes(len(source), max_bytes)
            return bytes(source)  # no copy of bytes


async def load_image(source: bytes | ImageUrl, fetcher: ImageFetcher, take: Take, caller: str) -> bytes:
    """Return an image's bytes. ``take`` reserves memory for what is downloaded for ``caller``.

    Raises what :meth:`~gateway.intake.fetch.ImageFetcher.fetch` does, and
    :class:`~gateway.errors.UnsupportedImage` for text in place of an image.
    """
    image = await fetcher.fetch(source.url, take, caller) if isinstance(source, ImageUrl) else source
    refuse_look_alikes(image)
    return image
