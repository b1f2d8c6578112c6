"""Which kind of answer a client would like: its Accept header against what a route can write (RFC 9110, 12.5.1)."""

from collections.abc import Mapping, Sequence

from gateway.errors import NotAcceptable, printable

#: No browser sends a longer list; the rest is not read.
_LONGEST_HEADER = 4096


def negotiate(accept: str | None, offers: Sequence[str]) -> str:
    """Return the media type of ``offers`` that the client likes best; of equals the first offer.

    A missing or empty header takes anything. Raises :class:`~gateway.errors.NotAcceptable`, whose message names the
    offers, if none will do.
    """
    if not accept or accept == "*/*":
        return offers[0]
    weights = accepted(accept)
    if not weights:
        return offers[0]
    best, quality = offers[0], 0.0
    for offer in offers:
        liked = _quality(offer, weights)
        if liked > quality:
            best, quality = offer, liked
    if quality == 0:
        raise NotAcceptable(
            f"Accept: {printable(accept)} leaves nothing to answer with; there are {', '.join(offers)}."
        )
    return best


def accepted(accept: str) -> Mapping[str, float]:
    """Return the weight of every media range of an Accept header; of a range given twice the first counts.

    A range with parameters but q stands for itself without them; a weight that cannot be read is 0.
    """
    weights: dict[str, float] = {}
    for part in accept[:_LONGEST_HEADER].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if "/" in name:
            weights.setdefault(name, _weight(parameters))
    return weights


def _quality(offer: str, weights: Mapping[str, float]) -> float:
    """Return the weight of the most specific range that an offer falls in, 0 if it falls in none."""
    for name in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0


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
