"""A token in a file that may be replaced at any time, as Kubernetes and secret managers do."""

from pathlib import Path

from gateway.model_server.errors import BackendUnavailable
from gateway.settings.secret_files import SecretFileError, read_secret_text


class TokenFile:
    """Reads the token when it is needed, and again only after the file has changed."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._token = ""

    def read(self) -> str:
        """Return the token; raises :class:`BackendUnavailable` while the file cannot be read or holds none."""
        try:
            facts = self._path.stat()
            if (seen := (facts.st_mtime_ns, facts.st_ino, facts.st_size)) != self._seen:
                self._token, self._seen = read_secret_text(self._path, "ascii"), seen
        except (OSError, SecretFileError) as error:
            raise BackendUnavailable(f"the token file cannot be read: {error}") from error
        return self._token
