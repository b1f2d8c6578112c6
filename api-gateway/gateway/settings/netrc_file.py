"""Users and passwords by host from a netrc file, as curl reads it: ``machine camera login admin password secret``."""

import netrc
from collections.abc import Mapping
from pathlib import Path

from gateway.settings.secret_files import SecretFileError, read_secret_text


def read_netrc(path: str) -> Mapping[str, tuple[str, str]]:
    """Return the user and the password of each host; none if ``path`` is empty.

    A ``default`` entry is left out: it would send a password to any host. Raises ValueError, which says why the file
    cannot be used and reveals nothing of its contents.
    """
    if not path:
        return {}
    try:
        read_secret_text(Path(path))  # for its bounds and its messages
        known = netrc.netrc(path)
    except SecretFileError as error:
        raise ValueError(f"it cannot be read: {error}") from error
    except netrc.NetrcParseError as error:
        # Its own text would repeat a word of the file.
        raise ValueError(
            f"line {error.lineno} is not valid; write: machine HOST login USER password PASSWORD"
        ) from None
    return {
        host.lower(): (user, password or "") for host, (user, _, password) in known.hosts.items() if host != "default"
    }
