"""Secrets lie in files (``*_FILE``): unlike variables these have an owner, and show in no listing of processes."""

import os
from pathlib import Path

MAX_BYTES = 64 * 1024


class SecretFileError(Exception):
    """The file cannot be read or holds nothing; the message says how to mend it, and nothing of what is in it."""


def read_secret(path: Path) -> bytes:
    """Return what the file holds without its last line end. Raises :class:`SecretFileError`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        uid = os.getuid()
        mend = f"chown {uid} FILE && chmod 400 FILE lets this gateway read it (uid {uid})."
        raise SecretFileError(f"{error.strerror or error}. {mend}") from error
    if len(content) > MAX_BYTES:
        raise SecretFileError(f"it is larger than {MAX_BYTES} bytes; is it the right file?")
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise SecretFileError("it is empty.")
    return secret


def read_secret_text(path: Path, encoding: str = "utf-8") -> str:
    """Return what the file holds as text, without blanks around it. Raises :class:`SecretFileError`."""
    try:
        text = read_secret(path).decode(encoding).strip()
    except UnicodeDecodeError as error:
        raise SecretFileError(f"it is not text ({encoding}).") from error
    if not text:
        raise SecretFileError("it is empty.")
    return text
