"""The strokes: masks, outlines, skeletons, labels, a classifier's caption. Each is blended onto the image in place."""

from collections.abc import Sequence

from PIL.ImageDraw import ImageDraw

from gateway.drawing.labels import Rectangle, fit_text, place_label
from gateway.drawing.marks import Mark
from gateway.drawing.style import (
    BLACK,
    SMALLEST_FONT,
    WHITE,
    Style,
    colour_of,
    font,
    ink_on,
    percent,
    readable_name,
)

#: Labels for 3000 boxes would cover the image, and take a second to place.
MOST_LABELS = 300
#: Share of the image that labels may cover, and share of its width that one may take.
_MOST_COVERED, _WIDEST = 0.3, 0.5
#: Opacity (of 255) of masks and their rim, of the dark edge around lines and of the caption's background. The page
#: at / uses the same, and the same limbs (static/paint.js, pose.js; a test compares them).
FILL, RIM, EDGE, _GROUND = 90, 200, 120, 170
#: COCO's points: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; the left before the right.
COCO_POINTS = 17
_LEFT, _RIGHT, _MIDDLE = (64, 200, 255), (255, 160, 40), (240, 240, 240)
SKELETON = (
    *((pair, _MIDDLE) for pair in ((5, 6), (11, 12), (5, 11), (6, 12), (0, 1), (0, 2), (1, 2), (3, 5), (4, 6))),
    *((pair, _LEFT) for pair in ((5, 7), (7, 9), (11, 13), (13, 15), (1, 3))),
    *((pair, _RIGHT) for pair in ((6, 8), (8, 10), (12, 14), (14, 16), (2, 4))),
)


def draw_fill(draw: ImageDraw, mark: Mark, style: Style) -> None:
    """Fill the mask, translucent, with a more opaque edge."""
    colour = colour_of(mark.class_id)
    for polygon in mark.polygons:
        draw.polygon(polygon, fill=(*colour, FILL))
        draw.line([*polygon, polygon[0]], fill=(*colour, RIM), width=max(1, style.line // 2))


def draw_outline(draw: ImageDraw, mark: Mark, style: Style) -> None:
    """Draw the box, or the oriented one, with a dark edge that keeps it visible on its own colour."""
    colour = colour_of(mark.class_id)
    left, top, right, bottom = mark.box
    # The line must not fill a small box.
    line = max(1, min(style.line, min(right - left, bottom - top) // 6))
    edge = max(1, line // 3) if style.line > 1 else 0
    if mark.corners:
        closed = [*mark.corners, mark.corners[0], mark.corners[1]]  # so that the first corner is joined too
        if edge:
            draw.line(closed, fill=(*BLACK, EDGE), width=line + 2 * edge, joint="curve")
        draw.line(closed, fill=colour, width=line, joint="curve")
        return
    if edge:
        outer = (left - edge, top - edge, right + edge, bottom + edge)
        draw.rectangle(outer, outline=(*BLACK, EDGE), width=line + 2 * edge)
    draw.rectangle(mark.box, outline=colour, width=line)


def draw_skeleton(draw: ImageDraw, mark: Mark, style: Style) -> None:
    """Draw the visible keypoints, and for COCO's 17 the limbs between them: left blue, right orange."""
    points = mark.keypoints
    if len(points) == COCO_POINTS:
        for (first, second), colour in SKELETON:
            start, end = points[first], points[second]
            if start is not None and end is not None:
                draw.line((start, end), fill=(*BLACK, EDGE), width=style.line + 2)
                draw.line((start, end), fill=colour, width=style.line)
    for point in points:
        if point is not None:
            x, y = point
            reach = style.dot
            dot = (x - reach, y - reach, x + reach, y + reach)
            draw.ellipse(dot, fill=colour_of(mark.class_id), outline=WHITE, width=max(1, style.line // 2))


def draw_labels(draw: ImageDraw, marks: Sequence[Mark], style: Style, size: tuple[int, int]) -> None:
    """Write class and confidence at the best boxes: at least one, and as many as leave the image visible."""
    face, padding = font(style.font_size), style.padding
    height = sum(face.getmetrics()) + padding
    if height > size[1]:
        return
    # On a small image, the confidence is omitted first, then the end of the name.
    room = min(size[0], max(round(size[0] * _WIDEST), 4 * height)) - 2 * padding
    budget = size[0] * size[1] * _MOST_COVERED
    placed: list[tuple[Mark, str, Rectangle]] = []
    for mark in marks[:MOST_LABELS]:
        text = fit_text(readable_name(mark.name, mark.class_id), percent(mark.confidence), room, face)
        width = min(round(face.getlength(text)) + 2 * padding, size[0])
        if not text or (placed and width * height > budget):
            continue
        place = place_label(mark.box, (width, height), [taken for _, _, taken in placed], size)
        if place is not None:
            budget -= width * height
            placed.append((mark, text, place))
    for mark, text, (left, top, right, bottom) in reversed(placed):
        colour = colour_of(mark.class_id)
        draw.rectangle((left, top, right - 1, bottom - 1), fill=colour, outline=(*BLACK, EDGE))
        draw.text((left + padding, (top + bottom) / 2), text, fill=ink_on(colour), font=face, anchor="lm")


def draw_caption(draw: ImageDraw, found: Sequence[tuple[str, int, float]], style: Style, size: tuple[int, int]) -> None:
    """Write a classifier's most likely classes on a dark background in the upper left corner, as many as fit."""
    width, height = size
    # Larger text, because there are no other labels; it may cover half of the image.
    font_size = max(SMALLEST_FONT, min(round(style.font_size * 1.4), height // (3 * len(found))))
    face, padding = font(font_size), max(2, font_size // 3)
    row = sum(face.getmetrics())
    room = width - 2 * padding
    texts = [
        text
        for name, class_id, confidence in found[: max(0, (height - 2 * padding) // row)]
        if (text := fit_text(readable_name(name, class_id), percent(confidence), room, face))
    ]
    if not texts:
        return
    widest = max(round(face.getlength(text)) for text in texts)
    draw.rectangle((0, 0, widest + 2 * padding, row * len(texts) + 2 * padding), fill=(*BLACK, _GROUND))
    for number, text in enumerate(texts):
        draw.text((padding, padding + number * row), text, fill=WHITE, font=face)
