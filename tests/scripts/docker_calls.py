"""What the scripts asked of the fake engine."""

from pathlib import Path

from ops.__main__ import parser


def operations(docker):
    """What was run in the container next to TorchServe."""
    return [call[call.index("release") + 1 :] for call in docker.called("compose", "run")]


def packagings(docker):
    return [call for call in docker.called("run") if "--keep-only" in call]


def packaged(call):
    """What the packager in the container reads from its command line, its own defaults left out."""
    words = call[next(index for index, word in enumerate(call) if "model-archiver" in word) + 1 :]
    given, default = (vars(parser().parse_args(["package", *argv])) for argv in (words, []))
    changed = {name: value for name, value in given.items() if value != default[name] and name != "print_version"}
    return {name: str(value) if isinstance(value, Path) else value for name, value in changed.items()}
