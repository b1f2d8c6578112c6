"""The places of labels: inside the image, at their box, and apart from each other if there is room."""

from collections.abc import Iterator, Sequence

from PIL import ImageFont

#: left, top, right, bottom in pixels.
Rectangle = tuple[int, int, int, int]
Size = tuple[int, int]

#: Share of a label that others may cover; beyond it the label is omitted.
_MAY_BE_COVERED = 0.25


def place_label(box: Rectangle, label: Size, taken: Sequence[Rectangle], image: Size) -> Rectangle | None:
    """Return the first place around the box without another label.

    If every place is taken, return the one where least is covered, or None if too much is covered to be readable. The
    label must fit into the image.
    """
    width, height = label
    best: Rectangle | None = None
    least = round(width * height * _MAY_BE_COVERED)
    for left, top in _places(box, label):
        left = min(max(left, 0), image[0] - width)
        top = min(max(top, 0), image[1] - height)
        place = (left, top, left + width, top + height)
        covered = sum(_overlap(place, other) for other in taken)
        if covered == 0:
            return place
        if covered < least:
            best, least = place, covered
    return best


def fit_text(name: str, confidence: str, width: int, face: ImageFont.FreeTypeFont) -> str:
    """Return the text for ``width`` pixels: name and confidence, else the name, else the start of it, or ""."""
    for text in (f"{name} {confidence}", name, *(f"{name[:end].rstrip()}…" for end in range(len(name) - 1, 0, -1))):
        if face.getlength(text) <= width:
            return text
    return ""


def _places(box: Rectangle, label: Size) -> Iterator[tuple[int, int]]:
    """Yield left and top: above the box, below its upper edge, below it, above its lower edge; each left and right."""
    left, top, right, bottom = box
    width, height = label
    inside, below = top, bottom
    if bottom - top < 3 * height:  # a label inside would cover a small object
        inside, below = below, inside
    for y in (top - height, inside, below, bottom - height):
        yield left, y
        yield right - width, y


def _overlap(one: Rectangle, other: Rectangle) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0
