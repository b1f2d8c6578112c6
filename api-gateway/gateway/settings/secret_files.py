"""Secrets from files (``*_FILE``): unlike a variable, a file has an owner, and no list of processes shows it."""

import os
from pathlib import Path

MAX_BYTES = 64 * 1024


class SecretFileError(Exception):
    """The file is unreadable or empty. The message says how to fix it, and reveals nothing of the contents."""


def readable_by_others(path: Path) -> bool:
    """Return whether every user of this machine can read the file; False where that cannot be found out."""
    try:
        found = path.resolve(strict=True)
        return bool(found.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in found.parents)
    except OSError:
        return False


def read_secret(path: Path) -> bytes:
    """Return the contents of the file without its last line end. Raises :class:`SecretFileError`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        uid = os.getuid()
        fix = f"chown {uid} FILE && chmod 400 FILE lets this gateway read it (uid {uid})."
        raise SecretFileError(f"{error.strerror or error}. {fix}") from error
    if len(content) > MAX_BYTES:
        raise SecretFileError(f"it is larger than {MAX_BYTES} bytes; is it the right file?")
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise SecretFileError("it is empty.")
    return secret


def read_secret_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the contents of the file as text, without surrounding blanks. Raises :class:`SecretFileError`."""
    try:
        text = read_secret(path).decode(encoding).strip()
    except UnicodeDecodeError as error:
        raise SecretFileError(f"it is not text ({encoding}).") from error
    if not text:
        raise SecretFileError("it is empty.")
    return text
