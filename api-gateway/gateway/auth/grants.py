"""What the words of a credential grant: scopes of addresses, and ``model:NAME``, which limits it to models.

Keys and tokens use the same words. A credential with at least one ``model:`` word may use only the models that such
words name, otherwise it may use all.
"""

from collections.abc import Iterable

from gateway.http.policy import SCOPES

MODEL = "model:"


def scopes_in(words: Iterable[str]) -> frozenset[str]:
    """Return the scopes of addresses among these words."""
    return SCOPES.intersection(words)


def models_in(words: Iterable[str]) -> frozenset[str] | None:
    """Return the models that these words limit a credential to, or None if it may use all.

    A word with an invalid name limits too: it grants no model instead of all.
    """
    named = frozenset(word.removeprefix(MODEL) for word in words if word.startswith(MODEL))
    return named or None
