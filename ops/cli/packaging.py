"""The command line that packages weights, and the packaging options of the release operations."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ops.cli.parser import Parser, path
from ops.errors import UsageError
from ops.paths import MODEL, STORE, WEIGHTS, store_of
from ops.setup import weights_folder

if TYPE_CHECKING:
    from ops.rollout.candidate import Packaging

TEXT = """\
Loads the weights, exports the OpenVINO model, writes and verifies the archive, keeps it as
serving/torchserve/model-store/yolo-VERSION.mar and makes it the current yolo.mar; of another model,
NAME-VERSION.mar and NAME.mar.
Then: {then}

The same {other}
"""


def add(root: Parser) -> None:
    """Add the command: once as `package`, once under the name of the script that runs it in a container."""
    here = TEXT.format(
        then="bash scripts/up.sh",
        other="in a container, with nothing installed on this machine: bash scripts/package_mar_docker.sh",
    )
    docker = TEXT.format(then="docker compose restart torchserve", other="without Docker: bash scripts/package_mar.sh")
    for package in (
        root.add_command("package", "package_mar.sh", "package weights into yolo.mar, as a new version", here),
        root.add_command(
            "package-docker",
            "package_mar_docker.sh",
            "package weights into yolo.mar in a container, as a new version",
            docker,
        ),
    ):
        package.set_defaults(run=_package, check=check)
        package.add_argument(
            "--weights", type=path, metavar="FILE",
            help="the .pt to package (default: models/weights/best.pt; of another model, NAME.pt there)"
        )  # fmt: skip
        package.add_model()
        _add_version(package)
        package.add_flag("--keep-only", "keep the version; leave the current archive as it is")
        package.add_flag("--print-version", "print the version, and all else to standard error")
        package.add_argument("--new-model", action="store_true", help=argparse.SUPPRESS)  # models.sh add
        package.add_argument("--if-needed", action="store_true", help=argparse.SUPPRESS)  # the container of up.sh
        package.add_argument("--weights-only", action="store_true", help=argparse.SUPPRESS)  # the one that downloads
        package.add_argument("--store", type=Path, default=STORE, help=argparse.SUPPRESS)


def add_target(command: Parser, text: str) -> None:
    """Add what becomes a version, or is one. `text`: its help."""
    command.add_argument(
        "weights",
        type=lambda text: str(path(text)) if text.endswith(".pt") or "/" in text else text,
        metavar="NEW.pt|VERSION",
        help=text,
    )


def add_options(command: Parser, *, drift: bool = True) -> None:
    """Add the options of weights that become a version and then serve. `drift`: its answers are compared."""
    command.set_defaults(check=check)
    _add_version(command)
    # The scripts package in a container of its own, and then name the version that it made.
    command.add_argument("--packaged", metavar="VERSION", help=argparse.SUPPRESS)
    if drift:
        command.add_accept_drift()
    command.add_dry_run()


def _add_version(command: Parser) -> None:
    command.add_argument("--version", metavar="V", help="the version to give it (default: the next one)")
    command.add_argument("--note", metavar="TEXT", default="", help="a line kept with the version")
    command.add_flag(
        "--int8",
        "quantize the OpenVINO model to int8, but for the layers that change the detections most: up to twice as "
        "fast, slightly different detections. The difference is measured, shown and kept in the metadata; too little "
        "agreement with fp32 is refused",
    )
    # An option of its own: an optional value of --int8 would take the weights in `--int8 new.pt`.
    command.add_argument(
        "--int8=fast", dest="int8", action="store_const", const="fast",
        help="quantize all layers but the last ones: quicker to serve and to package, more different detections"
    )  # fmt: skip
    command.add_argument(
        "--calibration", type=path, metavar="DIR",
        help="with --int8: a folder of pictures like those to be served; at least 8, better 100 or more"
    )  # fmt: skip
    command.add_argument(
        "--data", type=path, metavar="FILE",
        help="with --int8: data.yaml of a labelled set; mAP of fp32 and int8 on its val pictures is measured and kept"
    )  # fmt: skip
    command.add_argument(
        "--max-map-loss", type=_fraction, metavar="X",
        help="with --data: refuse int8 if it loses more of mAP50-95 (default: 0.01)"
    )  # fmt: skip
    command.add_flag("--force", "with --int8: package it even if it agrees too little with fp32 or loses too much mAP")


def _fraction(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text}: a number from 0 to 1 is needed")
    return number


def check(arguments: argparse.Namespace) -> None:
    """Refuse options of int8 that do not belong together. Raises UsageError."""
    if arguments.int8 and arguments.calibration is None:
        raise UsageError("--int8 needs --calibration DIR, a folder of pictures like those to be served")
    for option in ("calibration", "data", "force"):
        if getattr(arguments, option) and not arguments.int8:
            raise UsageError(f"--{option} needs --int8")
    if arguments.max_map_loss is not None and arguments.data is None:
        raise UsageError("--max-map-loss needs --data FILE, the data.yaml of a labelled set")
    if getattr(arguments, "if_needed", False) and arguments.model != MODEL:
        raise UsageError("--if-needed packages what is new of every model: leave --model out")
    if arguments.int8 and getattr(arguments, "if_needed", False):
        raise UsageError("--int8 makes a new version, --if-needed only the first one: use one of them")


def how(arguments: argparse.Namespace) -> Packaging:
    """Return how the command line wants weights to be packaged."""
    from ops.rollout.candidate import Packaging

    return Packaging(
        version=arguments.version,
        note=arguments.note,
        calibration=arguments.calibration,
        fast=arguments.int8 == "fast",
        force=arguments.force,
        data=arguments.data,
        max_map_loss=arguments.max_map_loss,
        packaged=arguments.packaged,
    )


def default_weights(model: str, folder: Path = WEIGHTS.parent) -> Path:
    """Return where the weights of a model are: NAME.pt; best.pt for `yolo`, or yolo.pt where that alone is there."""
    return weights_folder.default_weights(folder) if model == MODEL else folder / f"{model}{weights_folder.SUFFIX}"


def _package(arguments: argparse.Namespace) -> None:
    from ops.packaging import package
    from ops.packaging.current import package_current
    from ops.rollout.recovery import settle_switch
    from ops.setup import prepare
    from ops.store import models

    weights, store = arguments.weights or default_weights(arguments.model), store_of(arguments.model, arguments.store)
    if (
        weights.stem != arguments.model and not arguments.new_model
    ):  # weights of that name are what `up` makes a new model of
        models.require_known(arguments.model, arguments.store)
    if arguments.weights_only:
        prepare.obtain_weights(arguments.store, weights)
        return
    if arguments.if_needed:
        prepare.prepare(arguments.store, weights, settle=settle_switch)
        return
    stdout = os.dup(1)
    if arguments.print_version:  # libraries write to the descriptor, past sys.stdout
        os.dup2(2, 1)
    options = {
        "version": arguments.version,
        "note": arguments.note,
        "calibration": arguments.calibration,
        "fast": arguments.int8 == "fast",
        "force": arguments.force,
        "data": arguments.data,
        "max_map_loss": arguments.max_map_loss,
    }
    if arguments.keep_only:
        made = package.package(weights, store=store, **options)
    else:
        made = package_current(weights, store, settle_switch, **options)
    package.report(made)
    os.dup2(stdout, 1)
    if arguments.print_version:
        print(made.version)
