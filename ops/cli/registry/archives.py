"""The actions push and pull of releases."""

from __future__ import annotations

import argparse

from ops.cli.parser import Parser, path
from ops.errors import UsageError

ACTIONS = ("push", "pull")


def add_arguments(command: Parser) -> None:
    """Add what push and pull need."""
    command.add_argument("version", nargs="?", metavar="VERSION", help="push and pull: the version")
    add_registry(command)
    command.add_argument(
        "--digest", metavar="SHA256", help="pull: refuse the version unless the registry has it with this digest"
    )


def add_registry(command: Parser) -> None:
    """Add the options of everything that speaks to a registry."""
    command.add_argument("--registry", metavar="HOST/PATH", help="the registry (default: REGISTRY)")
    command.add_argument(
        "--key",
        type=_key,
        metavar="FILE",
        help="push: the private key to sign with (default: COSIGN_KEY); pull: the public key to verify the signature "
        "with (default: COSIGN_PUBLIC_KEY)",
    )


def _key(text: str) -> str:
    """Return a key: the path of a file, or the address of a key service."""
    return text if "://" in text else str(path(text))


def check(arguments: argparse.Namespace) -> None:
    """Refuse arguments that do not belong together. Raises UsageError."""
    action = arguments.action
    if action not in ACTIONS:
        for name in ("version", "registry", "key", "digest"):
            if getattr(arguments, name):
                raise UsageError(f"{name if name == 'version' else f'--{name}'} is for push and pull, not for {action}")
        return
    if not arguments.version:
        raise UsageError(f"{action} needs the version: bash scripts/releases.sh {action} VERSION")
    if arguments.digest and action == "push":
        raise UsageError("--digest is for pull")
    if arguments.digest:
        from ops.registry import reference

        reference.check_digest(arguments.digest)


def run(arguments: argparse.Namespace) -> None:
    """Push or pull a version. Raises OpsError."""
    from ops.paths import MODEL, store_of
    from ops.registry import options, pull, push
    from ops.store import models, versions

    version, model = versions.check(arguments.version), arguments.model
    given = (arguments.registry, arguments.key, arguments.dry_run)
    if arguments.action == "push":
        store = store_of(model) if model == MODEL else models.require_known(model)
        push.push(store, version, options.for_push(*given))
    else:  # the model may come with its first version
        pull.pull(store_of(model), version, options.for_pull(*given), arguments.digest)
