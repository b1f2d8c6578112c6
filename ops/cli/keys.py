"""The command line of the gateway's API keys."""

from __future__ import annotations

import argparse

from ops import keys
from ops.cli.parser import Parser
from ops.paths import API_KEYS


def add(root: Parser) -> None:
    """Add the command."""
    actions = root.add_command(
        "keys",
        "keys.sh",
        "make, list and revoke the gateway's API keys",
        "The keys are stored hashed in secrets/api_keys.jsonl, which only the gateway can read.",
        (0, 1, 2),
    )
    adding = actions.add_action("add", _add, "Make a key and print it, once.")
    adding.add_argument("name", metavar="NAME", help="whose key it is: letters, digits, . _ -")
    adding.add_argument(
        "--scope", action="append", choices=keys.SCOPES, help="what it may do; repeatable (default: predict)"
    )
    adding.add_argument(
        "--model",
        action="append",
        metavar="NAME[,NAME]",
        help="limit it to this model, or to several; repeatable (default: all models)",
    )
    adding.add_argument("--expires", metavar="AGE", help="after this time: 12h, 30d, 52w (default: never)")
    listing = actions.add_action("list", _list, "Show names, scopes, models, and when keys were made and expire.")
    listing.add_flag("--json", "print JSON")
    revoking = actions.add_action(
        "revoke", _revoke, "Revoke a key. A running gateway refuses it within a second or two."
    )
    revoking.add_argument("name", metavar="NAME", help="the name under which it was made")


def _add(arguments: argparse.Namespace) -> None:
    models = [name.strip() for text in arguments.model or [] for name in text.split(",")]
    keys.print_new(API_KEYS, arguments.name, arguments.scope or ["predict"], arguments.expires, models)


def _list(arguments: argparse.Namespace) -> None:
    keys.print_all(API_KEYS, arguments.json)


def _revoke(arguments: argparse.Namespace) -> None:
    keys.print_revoked(API_KEYS, arguments.name)
