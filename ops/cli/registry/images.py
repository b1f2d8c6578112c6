"""The command line of the images of a release."""

from __future__ import annotations

import argparse

from ops.cli.parser import Parser
from ops.cli.registry.archives import add_registry
from ops.errors import UsageError

TEXT = """\
  build  build the images from the checkout, tagged by version and git commit
  push   upload them with their SBOM, sign them if there is a key, and tag them; never in place of others
  pull   download them, verify digest and, with a key, signature, and select them in .env; then
         bash scripts/up.sh --docker runs them. The way back: pull the version before, and up.sh again

Archives of models: bash scripts/releases.sh push | pull
"""
EPILOG = """\
exit codes:
  0    done
  1    failed; no version was published or selected
  2    wrong usage
  7    no such version in the registry, or its digest or signature is wrong
  130  interrupted
"""


def add(root: Parser) -> None:
    """Add the command."""
    command = root.add_command(
        "images", "release_images.sh", "build the images of a release, push them to a registry, pull them", TEXT
    )
    command.epilog = EPILOG
    command.set_defaults(run=_run, check=_check)
    command.add_argument("action", choices=["build", "push", "pull"], help="see above")
    command.add_argument("version", metavar="VERSION", help="the version, which becomes their tag")
    command.add_argument(
        "--image", action="append", choices=["torchserve", "api-gateway", "model-archiver"],
        help="this image alone; repeatable (default: all). A pull then selects nothing"
    )  # fmt: skip
    add_registry(command)
    command.add_flag("--no-sbom", "push: leave the list of what is in the images out")
    command.add_argument(
        "--platform",
        metavar="LIST",
        help="push: build for these architectures and push them as one, such as linux/amd64,linux/arm64; needs a "
        "buildx builder that can",
    )
    command.add_dry_run()


def _check(arguments: argparse.Namespace) -> None:
    """Refuse arguments that do not belong together. Raises UsageError."""
    for name, action in (("no_sbom", "push"), ("platform", "push")):
        if getattr(arguments, name) and arguments.action != action:
            raise UsageError(f"--{name.replace('_', '-')} is for {action}")
    for name in ("registry", "key"):
        if getattr(arguments, name) and arguments.action == "build":
            raise UsageError(f"--{name} is for push and pull")
    if arguments.platform and arguments.dry_run:
        raise UsageError("with --platform there is no --dry-run; see: docker buildx bake --print")


def _run(arguments: argparse.Namespace) -> None:
    from ops.registry import options
    from ops.registry.images import build, names, pull, push

    version, chosen = names.check_version(arguments.version), arguments.image or list(names.NAMES)
    dry_run = arguments.dry_run
    given = (arguments.registry, arguments.key, dry_run)
    match arguments.action:
        case "build":
            build.build(version, chosen, dry_run=dry_run)
        case "pull":
            pull.pull(version, chosen, options.for_pull(*given))
        case _ if arguments.platform:
            with_sbom = not arguments.no_sbom
            push.build_and_push(version, chosen, options.for_push(*given), arguments.platform, with_sbom=with_sbom)
        case _:
            push.push(version, chosen, options.for_push(*given), with_sbom=not arguments.no_sbom)
