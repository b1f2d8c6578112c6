"""Users and passwords of cameras from a file, because every user of a machine can read a command line."""

from __future__ import annotations

import netrc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import httpx

from ops.errors import OpsError
from ops.gateways.api_key import warn_if_open
from ops.predict.sources import Item


def add_credentials(items: Iterable[Item], file: Path) -> list[Item]:
    """Return the items, URLs with the user and password that a netrc file has for their host.

    A URL that has a user itself keeps it. Raises OpsError if the file cannot be read.
    """
    try:
        known = netrc.netrc(str(file))
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError) as error:
        # The parser's own text would repeat a word of the file.
        line = f"line {error.lineno} is not valid" if isinstance(error, netrc.NetrcParseError) else None
        reason = line or getattr(error, "strerror", None) or "it is not text"
        raise OpsError(
            f"--netrc-file {file}: {reason}. It has a line for each host: machine HOST login USER password PASSWORD"
        ) from error
    warn_if_open(file)
    return [item if item.url is None else replace(item, url=_with_user(item.url, known)) for item in items]


def _with_user(url: str, known: netrc.netrc) -> str:
    address = httpx.URL(url)
    entry = None if address.userinfo else known.authenticators(address.host)
    if entry is None:
        return url
    user, _, password = entry
    return str(address.copy_with(username=user, password=password or ""))
