"""Settings that stay text and are read when they are checked, so that a mistake is told at the start."""

from collections.abc import Callable

from pydantic import AfterValidator


def parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """Refuse text that ``parse`` cannot read (it raises ``ValueError``), and keep it as text."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)
