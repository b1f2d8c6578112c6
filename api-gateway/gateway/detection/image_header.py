"""Look at a picture's header, never its pixels: is it one, in which format, how many pixels."""

import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from gateway.errors import ApiError, ImageTooLarge, InvalidImage, UnsupportedImage

#: Pillow's names of the formats that the model server reads too; Pillow's other parsers are never run.
READ_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "JPEG2000", "PPM")
#: Of a format that it has not been taught, Pillow does not say 'unknown' but fails, and tries none after it.
_PILLOWS_OWN = tuple(name for name in READ_FORMATS if name != "HEIF")

#: How a file of a format begins: tells a damaged picture from something that is none.
_BEGINNINGS = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"RIFF", "WEBP"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP", "JPEG2000"),
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
#: A JPEG's markers of frame headers (SOF), and those behind which none comes: the scan, the end.
_FRAMES = frozenset(bytes((0xFF, code)) for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
_NO_FRAME_FOLLOWS = frozenset({b"\xff\xda", b"\xff\xd9"})
#: More than a camera writes before the frame; a hostile file must not be walked through four bytes at a time.
_MOST_SEGMENTS = 4096
#: Exif orientations that swap width and height.
_SIDEWAYS = frozenset({5, 6, 7, 8})
#: Where Pillow finds a JPEG's orientation.
_ORIENTED = frozenset({"exif", "xmp"})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Pillow's name of the format, and the picture's size in pixels once turned upright by its Exif orientation."""

    format: str
    width: int
    height: int


def read_image_header(data: bytes, max_pixels: int) -> ImageHeader:
    """Check that ``data`` is a picture worth sending on, in well under a millisecond and without decoding it.

    Raises :class:`~gateway.errors.InvalidImage` if it is empty or its header is cut or damaged,
    :class:`~gateway.errors.UnsupportedImage` if it is no picture or of a format that is not read, and
    :class:`~gateway.errors.ImageTooLarge` beyond ``max_pixels``. That the pixels decode is the model server's to say.
    """
    if not data:
        raise InvalidImage("The picture is empty (0 bytes).")
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of sizes beyond a limit of its own; here the limit is max_pixels.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=formats_of(data)) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise ImageTooLarge(
                        f"The picture has {width} × {height} pixels; at most {max_pixels} in all are read. "
                        "Scale it down."
                    )
                if _lies_sideways(image):
                    width, height = height, width
                return ImageHeader(image.format or "unknown", width, height)
        except Image.DecompressionBombError as error:
            raise ImageTooLarge(f"The picture has more than {max_pixels} pixels. Scale it down.") from error
        except ImageTooLarge:
            raise
        except UnidentifiedImageError as error:
            raise _damaged(data) or _unknown() from error
        except Exception as error:
            # Pillow's parsers raise anything from EOFError to struct.error on a hostile header.
            raise _damaged(data) or InvalidImage("The picture's header is damaged.") from error


def formats_of(data: bytes) -> tuple[str, ...]:
    """Return Pillow's names of the formats to try on these bytes, each of which it can read from then on."""
    if not _is_heif(data):
        return _PILLOWS_OWN
    if "HEIF" not in Image.OPEN:
        # At the first HEIC picture: loading libheif takes 0.1 s that most gateways never need.
        import pi_heif

        pi_heif.register_heif_opener()
    return ("HEIF",)


def swaps_sides(image: Image.Image) -> bool:
    """Say whether the picture's Exif orientation swaps width and height. Pillow raises anything on damaged Exif."""
    return image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS


def _lies_sideways(image: Image.Image) -> bool:
    # Pillow gives a TIFF's size upright already, and would decode a whole PNG to look for Exif behind its pixels.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return False
    if image.format == "JPEG" and not _ORIENTED & image.info.keys():
        return False
    try:
        return swaps_sides(image)
    except Exception:  # metadata that nobody can read is no reason to refuse a picture
        return False


def _damaged(data: bytes) -> ApiError | None:
    bits = _bits_of_jpeg(data)
    if bits is not None and 8 < bits <= 16:  # whole, but Pillow says of it what it says of damage
        return UnsupportedImage(f"{bits}-bit JPEG pictures are not read here. Save it again with 8 bits per sample.")
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return _cut_short(name)
    if _is_heif(data):
        return _cut_short("HEIC")
    return None


def _bits_of_jpeg(data: bytes) -> int | None:
    """Return the bits per sample that a JPEG's frame header tells; None if there is no such header."""
    position = 2
    for _ in range(_MOST_SEGMENTS if data.startswith(b"\xff\xd8") else 0):
        marker = data[position : position + 2]
        if marker[:1] != b"\xff" or marker in _NO_FRAME_FOLLOWS:
            return None
        if marker in _FRAMES:
            bits = data[position + 4 : position + 5]
            return bits[0] if bits else None
        # 0xff may stand before a marker any number of times.
        filled = marker == b"\xff\xff"
        position += 1 if filled else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _cut_short(name: str) -> InvalidImage:
    return InvalidImage(f"The file begins like a {name} picture, but its header is cut short or damaged.")


def _unknown() -> UnsupportedImage:
    readable = ", ".join(READ_FORMATS)
    return UnsupportedImage(f"This is no picture in a format that is read here ({readable}).")


def _is_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS
