"""Settings that stay text, and are parsed once to report a mistake at the start."""

from collections.abc import Callable

from pydantic import AfterValidator


def parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """Reject text for which ``parse`` raises ``ValueError``; keep other text as it is."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)
