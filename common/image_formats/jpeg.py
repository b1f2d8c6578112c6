"""The structure of a JPEG file: size, precision, orientation, and where its image data begin and end.

libjpeg fills missing data with mid-grey and reports success, and a model finds objects in half an image. So a file is
accepted only when its End Of Image marker follows the scan data. Markers: ITU-T T.81, table B.1.
"""

from __future__ import annotations

from image_formats import exif
from image_formats.facts import MOST_PARTS, Damaged, Facts

END = b"\xff\xd9"
_SCAN, _APP1, _COMMENT = 0xDA, 0xE1, 0xFE
_COLOUR = {0xE0, 0xEE}  # JFIF and Adobe: how colours are stored
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0-7, SOI: no length follows
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # without DHT, JPG, DAC
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_HALVINGS = 3  # libjpeg decodes at 1/8
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
#: Bytes between segments that belong to none; some encoders align segments with a few.
_MOST_FILL = 65_536
#: An Exif block larger than a segment is continued in the next ones.
_MOST_EXIF_SEGMENTS = 32
#: libjpeg goes through the whole image once per scan; encoders write about ten.
_FEW_SCANS, _MOST_SCANS, _MOST_SCANNED = 16, 100, 1_000_000_000


def read(data: bytes | bytearray) -> Facts:
    """Walk the segments up to the first scan. Raises Damaged when the file ends before it."""
    size, position, filled, exif_segments, orientation = (0, 0, 0, 0), 2, 0, 0, 1
    marker = 0
    for _ in range(MOST_PARTS):
        start = data.find(b"\xff", position, position + _MOST_FILL)
        if start < 0:
            raise Damaged("it is truncated inside its header")
        if data[start + 1 : start + 2] == b"\xff":
            run = bytes(data[start : start + _MOST_FILL])
            start += len(run) - len(run.lstrip(b"\xff")) - 1
        filled += start - position
        if filled > _MOST_FILL:
            raise Damaged("it has too many fill bytes")
        if start + 1 >= len(data):
            raise Damaged("it is truncated inside its header")
        marker = data[start + 1]
        if marker == 0x00 or marker in _STANDALONE:
            position = start + 2
            continue
        if marker == END[1]:
            raise Damaged("it ends before its image data")
        length = max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
        position = start + 2 + length
        if marker in _FRAMES:
            if size[0]:
                raise Damaged("it has two frame headers")
            frame, frame_marker = bytes(data[start + 4 : position]), marker
            size = _size(frame)
        elif marker == _APP1 and data[start + 4 : start + 10] == b"Exif\0\0":
            exif_segments += 1
            if exif_segments > _MOST_EXIF_SEGMENTS:
                raise Damaged("it has too many segments of Exif metadata")
            if exif_segments == 1:
                orientation = exif.read_orientation(bytes(data[start + 10 : position]))
        elif marker == _SCAN:
            break
    else:
        raise Damaged(f"it has more than {MOST_PARTS} segments before its image data")
    bits, height, width, components = size
    if not (width and height):
        raise Damaged("its header has no image size")
    # libjpeg keeps the coefficients of the whole image, two bytes each, unless one scan has all components.
    in_scan = data[position - length + 2] if position <= len(data) else 0
    is_kept = frame_marker in _PROGRESSIVE or (in_scan < components and frame_marker not in _LOSSLESS)
    mode = ("progressive" if is_kept else "baseline") + (" CMYK" if components == 4 else "")
    samples = _samples(frame, components)
    return Facts(
        "JPEG",
        width,
        height,
        orientation,
        width * height,
        bits,
        mode,
        samples,
        kept=2 * samples if is_kept else 0.0,
        halvings=_HALVINGS,
        scan=position,
    )


def find_end(data: bytes | bytearray, scan: int) -> int:
    """Return the byte offset of the End Of Image marker after the scan data, -1 when the file is truncated.

    The search starts at the scan: an EXIF thumbnail before it is a JPEG with an end of its own, and phones append
    more data after it. Inside scan data 0xFF is always escaped, so the first match is the marker.
    """
    return data.find(END, scan)


def check(data: bytes | bytearray, facts: Facts) -> None:
    """Raise Damaged when there are so many scans that decoding would take minutes."""
    scans = 1 + data.count(b"\xff\xda", facts.scan)
    if scans > _MOST_SCANS or (scans > _FEW_SCANS and scans * facts.pixels > _MOST_SCANNED):
        raise Damaged(f"it has {scans} scans")


def without_metadata(data: bytes, facts: Facts) -> bytes:
    """Return the file without the segments that do not change its pixels or their colours: Exif, XMP, comments.

    Pillow parses them all, some of them at a cost that grows with their square.
    """
    kept, position = [data[:2]], 2
    while position < facts.scan:
        start = data.find(b"\xff", position)
        while data[start + 1] == 0xFF:
            start += 1
        marker = data[start + 1]
        if marker == 0x00 or marker in _STANDALONE:
            position = start + 2
            continue
        position = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
        is_profile = marker == 0xE2 and data[start + 4 : start + 16] == b"ICC_PROFILE\0"
        if (not 0xE0 <= marker <= 0xEF and marker != _COMMENT) or marker in _COLOUR or is_profile:
            kept.append(data[start:position])
    return b"".join((*kept, data[facts.scan :]))


def _size(frame: bytes) -> tuple[int, int, int, int]:
    """Return bits, height, width and the number of components."""
    components = frame[5] if len(frame) > 5 else 0
    if components not in (1, 3, 4) or len(frame) < 6 + 3 * components:
        raise Damaged("its frame header is damaged")
    return frame[0], int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big"), components


def _samples(frame: bytes, components: int) -> float:
    """Return the samples per pixel: 3 for colour, 1.5 with the usual subsampling."""
    factors = [(frame[7 + 3 * each] >> 4, frame[7 + 3 * each] & 15) for each in range(components)]
    across, down = max(factor[0] for factor in factors), max(factor[1] for factor in factors)
    return sum(x * y for x, y in factors) / max(1, across * down)
