"""Which kind of answer a client would like: its Accept header against what a route can write (RFC 9110, 12.5.1)."""

from collections.abc import Sequence

from gateway.errors import NotAcceptable, printable

#: Longer lists are nobody's browser; what comes after is not read.
_LONGEST_HEADER = 4096


def negotiate(accept: str | None, offers: Sequence[str]) -> str:
    """Return the media type of ``offers`` that the client likes best; of equals the first offer.

    A missing or empty header takes anything. Raises :class:`~gateway.errors.NotAcceptable`, whose message names the
    offers, if none will do.
    """
    if not accept or accept == "*/*":
        return offers[0]
    ranges = _parse(accept[:_LONGEST_HEADER])
    if not ranges:
        return offers[0]
    best, quality = offers[0], 0.0
    for offer in offers:
        liked = _quality(offer, ranges)
        if liked > quality:
            best, quality = offer, liked
    if quality == 0:
        raise NotAcceptable(
            f"Accept: {printable(accept)} leaves nothing to answer with; there are {', '.join(offers)}."
        )
    return best


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that an offer falls in, 0 if it falls in none."""
    weights = dict(reversed(ranges))  # of a range given twice the first counts
    for name in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0


def _parse(accept: str) -> list[tuple[str, float]]:
    """Read media ranges and weights. A range with parameters but q stands for itself without them."""
    ranges = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if "/" in name:
            ranges.append((name, _weight(parameters)))
    return ranges


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0
