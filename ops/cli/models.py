"""The command line of models: list, add, remove."""

from __future__ import annotations

import argparse

from ops.cli import packaging
from ops.cli.parser import OPERATION, Parser, model_name
from ops.paths import MODEL, store_of


def add(root: Parser) -> None:
    """Add the command."""
    actions = root.add_command(
        "models",
        "models.sh",
        "list the models of the service; add one and remove one while it runs",
        """\
Each model has versions, releases and settings of its own; the other scripts operate one of them with
--model NAME. To bring a model with the next start instead, copy it to models/weights/NAME.pt.
""",
        tuple(code for code in OPERATION if code != 4),
    )
    listing = actions.add_action(
        "list", _list, "Show every model: its task, version, state and memory, and what to know of it."
    )
    listing.add_flag("--json", "print JSON")
    adding = actions.add_action(
        "add",
        _add,
        "Package weights as a new model and serve it. It is loaded next to the others, which go on unchanged, and "
        "checked on the samples; what fails leaves nothing behind. If no service runs, the model is served from the "
        "next start on.",
    )
    packaging.add_target(
        adding,
        "weights (a name that ends in .pt, or a path with a slash), or a kept version of a model that was removed",
    )
    adding.add_argument(
        "--name", dest="model", type=model_name, metavar="NAME", required=True,
        help="its name: letters, digits, - and _, at most 63"
    )  # fmt: skip
    packaging.add_options(adding, drift=False)
    removing = actions.add_action(
        "remove",
        _remove,
        "Unload a model, and let no start serve it again. Its kept versions and its history stay, and bring it back.",
    )
    removing.add_argument("model", type=model_name, metavar="NAME", help=f"the model; {MODEL} always stays")
    removing.add_flag("--purge", "remove the kept versions and the history too")
    removing.add_dry_run()


def _list(arguments: argparse.Namespace) -> None:
    from ops.models import listing
    from ops.torchserve import host

    listing.print_models(host.here(), arguments.json)


def _add(arguments: argparse.Namespace) -> None:
    from ops.models import add
    from ops.torchserve import host

    here = host.here(store_of(arguments.model))
    add.add(here, arguments.weights, packaging.how(arguments), dry_run=arguments.dry_run)


def _remove(arguments: argparse.Namespace) -> None:
    from ops.models import remove
    from ops.torchserve import host

    remove.remove(host.here(store_of(arguments.model)), purge=arguments.purge, dry_run=arguments.dry_run)
