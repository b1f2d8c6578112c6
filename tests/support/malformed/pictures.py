"""Damaged files of every format that is read: heads overwritten, files cut and spliced, bits flipped."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Callable, Iterator
from itertools import islice

import pillow_heif
from PIL import Image

from tests.support.malformed.decoding import decodes
from tests.support.malformed.upload import Upload

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM")
_BOUNDARY = "a-boundary"


def damaged(rng: random.Random, count: int) -> Iterator[Upload]:
    """Make so many that no decoder reads, formats and kinds of damage in turn."""
    broken = ((what, data) for what, data in _attempts(rng) if not decodes(data))
    for number, (what, data) in enumerate(islice(broken, count)):
        yield _sent(rng, f"picture {number}: {what}", data)


def tolerated(rng: random.Random, count: int) -> Iterator[Upload]:
    """Make so many that are damaged in the same ways, and that a decoder reads all the same."""
    read = ((what, data) for what, data in _attempts(rng) if decodes(data))
    for number, (what, data) in enumerate(islice(read, count)):
        yield _sent(rng, f"tolerated {number}: {what}", data)


def _attempts(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    whole = {name: encoded(name) for name in FORMATS}
    while True:
        for kind, damage in KINDS:
            for name, data in whole.items():
                yield f"{name}, {kind}", damage(rng, data, whole[rng.choice(FORMATS)])


def encoded(name: str, size: tuple[int, int] = (96, 64)) -> bytes:
    """Encode a small colourful picture."""
    width, height = size
    image = Image.merge(
        "RGB", [Image.linear_gradient("L").rotate(turn).resize((width, height)) for turn in (0, 90, 180)]
    )
    out = io.BytesIO()
    if name == "HEIF":
        pillow_heif.from_pillow(image).save(out)
    else:
        image.save(out, name)
    return out.getvalue()


def _cut(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _cut_in_head(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: rng.randrange(1, min(80, len(data)))]


def _head(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Overwrite some bytes of the head, and leave those by which the format is known."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 24)):
        changed[rng.randrange(4, min(64, len(data)))] = rng.randrange(256)
    return bytes(changed)


def _beginning_only(rng: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: rng.choice((2, 4, 12, 16, 24))] + rng.randbytes(rng.randrange(600))


def _spliced(rng: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(1, len(data))] + other[rng.randrange(len(other)) :]


def _bits(rng: random.Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 8, 64, 512))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _hole(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Zeros, or nothing, where a piece was."""
    start = rng.randrange(2, len(data))
    length = rng.randrange(1, len(data) - start + 1)
    return data[:start] + bytes(rng.choice((0, length))) + data[start + length :]


def _inserted(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(2, min(200, len(data)))
    return data[:at] + rng.randbytes(rng.randrange(1, 40)) + data[at:]


def _largest_numbers(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Sizes, counts and offsets of the head as large as they can be written."""
    at = rng.randrange(4, min(48, len(data)))
    return data[:at] + rng.choice((b"\xff\xff", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\0")) + data[at + 4 :]


KINDS: tuple[tuple[str, Callable[[random.Random, bytes, bytes], bytes]], ...] = (
    ("cut", _cut),
    ("cut in its head", _cut_in_head),
    ("head overwritten", _head),
    ("its beginning and noise", _beginning_only),
    ("spliced with another", _spliced),
    ("bits flipped", _bits),
    ("a hole in it", _hole),
    ("bytes put in", _inserted),
    ("largest numbers", _largest_numbers),
)


def _sent(rng: random.Random, name: str, data: bytes) -> Upload:
    """Send it in one of the three ways."""
    match rng.randrange(3):
        case 0:
            head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="p"\r\n\r\n'.encode()
            body = head + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
            return Upload(name, body, f"multipart/form-data; boundary={_BOUNDARY}".encode(), picture=data)
        case 1:
            return Upload(name, data, b"image/jpeg", picture=data)
        case _:
            body = json.dumps({"image": base64.b64encode(data).decode()}).encode()
            return Upload(name, body, b"application/json", picture=data)
