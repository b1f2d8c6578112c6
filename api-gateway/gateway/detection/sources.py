"""Where a picture is to be had from: sent as bytes, as base64 text, or lying at an address."""

from dataclasses import dataclass

from gateway.errors import BodyTooLarge

#: Characters of the name that a client gives a picture.
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Encoded:
    """Base64 text, or a data: URL; not looked at yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """An address, as the client wrote it; not looked at yet."""

    url: str


Source = bytes | Encoded | Link
#: Text fields of a form, or keys of a JSON body, as pairs in order.
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """One picture, and the fields that came with it (none for a raw body)."""

    source: Source
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Named:
    """One picture of several, with the name that the client gave it; "" for none."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class SentMany:
    """Several pictures in order, and the fields that came with them."""

    pictures: tuple[Named, ...]
    fields: Fields = ()


def check_size(size: int, most: int) -> None:
    """Raise :class:`~gateway.errors.BodyTooLarge` for a picture of more than ``most`` bytes."""
    if size > most:
        raise BodyTooLarge(f"The picture is larger than {most} bytes, the most that is taken.")
