"""Character sets that a client names. Two are accepted, and no name of a client's ever reaches Python's codec registry.

The registry imports a module for a name, keeps every unknown name for ever, and has codecs that need seconds for 64 kB.
"""

from gateway.errors import UnsupportedMediaType, printable

#: Names of UTF-8 and of its subset US-ASCII (IANA), and those that programs write for them.
_ACCEPTED = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968"})
#: What Apache's HttpClient declares for every text field; its ASCII characters are those of UTF-8.
_SUPERSETS_OF_ASCII = frozenset({"iso-8859-1", "latin1", "windows-1252"})


def check_charset(name: str | None, text: bytes | memoryview | None = None) -> None:
    """Accept a declared character set, or none: UTF-8 or US-ASCII, and ISO-8859-1 for a ``text`` that is ASCII.

    Raises :class:`~gateway.errors.UnsupportedMediaType`. Nothing is decoded.
    """
    plain = (name or "utf-8").strip().strip("\"'").lower()
    if plain in _ACCEPTED or (plain in _SUPERSETS_OF_ASCII and text is not None and bytes(text).isascii()):
        return
    raise UnsupportedMediaType(f"The character set {printable(plain)} is not supported; send text as UTF-8.")


def decode_text(text: bytes | memoryview) -> str:
    """Decode UTF-8; text that is something else keeps a character for each byte (ISO-8859-1), and is never refused."""
    plain = bytes(text)
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return plain.decode("iso-8859-1")
