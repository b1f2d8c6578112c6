"""What the service promises about any request: docs/security.md states the figures. The calls that must keep it."""

from __future__ import annotations

from tests.support.hostile.costs import measure

#: The header of a picture: read on the event loop.
HEADER_S = 0.02
#: A decode or a drawing: CPU time, a constant and per megapixel that is announced and byte that is sent.
DECODE_S, DECODE_S_PER_MEGAPIXEL, DECODE_S_PER_MEGABYTE = 1.0, 0.15, 0.5
#: Memory: the budget, some copies of the file, and a constant.
DECODE_BYTES, DRAW_BYTES = 536_870_912, 402_653_184
COPIES, CONSTANT = 4, 64_000_000
MAX_PIXELS = 64_000_000
#: A body: memory, as so many times its size and a constant; CPU time, a constant and per byte.
BODY_COPIES, BODY_CONSTANT = 2, 32 * 2**20
BODY_S, BODY_S_PER_BYTE = 0.5, 20e-9
#: While one request is answered on an idle machine: the longest wait for `GET /health/live`.
LIVE_S = 0.1
#: After many requests: the gateway's memory, as a part of what it was after the first hundred.
GROWTH = 1.1


def broken_promises(data: bytes, draw: bool = True) -> list[str]:
    """Read, decode and draw on the picture here, and return what took too much or failed in another way than it may."""
    from gateway.detection.image_header import read_image_header
    from gateway.detection.prediction import Prediction
    from gateway.drawing.annotate import annotate
    from gateway.drawing.wanted import Wanted
    from gateway.errors import ApiError
    from image_formats.memory import decode_bytes
    from yolo import image
    from yolo.errors import RequestError

    found = []
    header = measure(lambda: read_image_header(data, MAX_PIXELS, DECODE_BYTES))
    if header.cpu_s > HEADER_S:
        again = measure(lambda: read_image_header(data, MAX_PIXELS, DECODE_BYTES))
        if again.cpu_s > HEADER_S:
            found.append(f"the header took {again.cpu_s:.3f} s")
    facts = getattr(header.result, "facts", None)
    pixels = facts.pixels if facts is not None else 0
    most_s = DECODE_S + pixels / 1e6 * DECODE_S_PER_MEGAPIXEL + len(data) / 1e6 * DECODE_S_PER_MEGABYTE
    spare = COPIES * len(data) + CONSTANT
    empty = Prediction([], None, "yolo", "1.0", "detect", {}, {})
    calls = {
        "decode": (lambda: image.decode(data, MAX_PIXELS, 3, DECODE_BYTES), decode_bytes(facts) if facts else 0),
        "draw": (lambda: annotate(data, empty, Wanted("jpeg"), DRAW_BYTES), DRAW_BYTES),
    }
    for name, (call, most_bytes) in calls.items():
        if name == "draw" and (facts is None or not draw):
            continue
        cost = measure(call)
        if cost.cpu_s > most_s:  # a busy machine makes CPU time longer, too
            cost = measure(call)
        if cost.cpu_s > most_s:
            found.append(f"{name} took {cost.cpu_s:.2f} s, promised {most_s:.2f}")
        if cost.memory > most_bytes + spare:
            found.append(f"{name} took {cost.memory / 1e6:.0f} MB, promised {(most_bytes + spare) / 1e6:.0f}")
        if isinstance(cost.result, Exception) and not isinstance(cost.result, ApiError | RequestError):
            found.append(f"{name} raised {cost.result!r}")
    if isinstance(header.result, Exception) and not isinstance(header.result, ApiError):
        found.append(f"the header raised {header.result!r}")
    return found
