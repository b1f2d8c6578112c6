"""A Docker engine for the compose ring: the one that answers, or one prepared here and stopped afterwards.

    python tests/compose/engine.py start     prepare and start one, print the variables to export
    python tests/compose/engine.py stop      stop it
    python tests/compose/engine.py warm      build the project's images once, so that the ring finds them in the cache

An engine that runs already is used as it is, and is neither stopped nor reconfigured.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ops.paths import ROOT
from tests.compose import base_image, daemon, packages
from tests.compose.daemon import FOLDER
from tests.compose.packages import Progress

CONFIG = FOLDER / "config"  # DOCKER_CONFIG of the client: it holds the plugins, so that no ~/.docker is changed

# The tag of the tests' images: those that a person built on this machine are not replaced.
TEST_IMAGES = {"IMAGE_TAG": "test"}
_CACHE = "8GB"  # the build cache kept for the next run
_FREE_BYTES = 12 << 30  # images, build cache and wheels


class EngineUnavailableError(Exception):
    """No engine answers and none can be started; the message says why."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers. `environment` makes any docker command talk to it; `process` is there if it is ours."""

    environment: dict[str, str]
    process: daemon.Process | None = None

    @property
    def ours(self) -> bool:
        return self.process is not None


@contextlib.contextmanager
def running(progress: Progress) -> Iterator[Engine]:
    """An engine with Compose, buildx and a base image for as long as the block lasts. Raises EngineUnavailableError."""
    engine = start(progress, with_parent=True)
    try:
        _add_base_image(engine, progress)
        yield engine
    finally:
        if engine.process:
            _tidy(engine.environment)
            daemon.stop(engine.process)


def warm(progress: Progress) -> None:
    """Build the images that the ring builds, in an engine of ours, and stop it. Another engine is left alone.

    Raises EngineUnavailableError, and RuntimeError when an image cannot be built.
    """
    if shutil.which("docker") and _answers(dict(os.environ)):
        return
    with running(progress) as engine:
        environment = {**engine.environment, **TEST_IMAGES, "BUILDX_CONFIG": str(FOLDER / "buildx")}
        progress("building the images of the project")
        build = ["docker", "compose", "build", "--quiet"]
        try:
            packages.run(build, environment, cwd=ROOT)
        except RuntimeError as error:
            if "layer does not exist" not in str(error):
                raise
            # An engine that was killed while it removed images: its cache names layers that are gone.
            progress("the build cache is damaged; building everything anew")
            packages.run(["docker", "builder", "prune", "--all", "--force"], environment)
            packages.run(build, environment, cwd=ROOT)


def start(progress: Progress, *, with_parent: bool = False) -> Engine:
    """The engine that answers, or a new one of ours, which ends with this process if `with_parent` says so."""
    for environment in (dict(os.environ), _our_environment()):
        if shutil.which("docker") and _answers(environment):
            _add_plugins(environment, progress)
            return Engine(environment)
    _check_possible()
    environment = _our_environment()
    try:
        if needed := packages.missing(daemon.TOOLS):
            packages.install(needed, progress)
        _add_plugins(environment, progress)
        progress("starting dockerd")
        return Engine(environment, daemon.start(environment, lambda: _answers(environment), with_parent=with_parent))
    except RuntimeError as error:
        raise EngineUnavailableError(str(error)) from error


def _our_environment() -> dict[str, str]:
    # A host or a context of the caller's would lead away from the socket.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
    return {**inherited, "DOCKER_HOST": f"unix://{daemon.SOCKET}", "DOCKER_CONFIG": str(CONFIG)}


def _answers(environment: dict[str, str]) -> bool:
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
        return done.returncode == 0 and bool(done.stdout.strip())
    return False


def _add_plugins(environment: dict[str, str], progress: Progress) -> None:
    """Give the client Compose and buildx, if it has not got them, in a configuration of our own."""
    if all(_has_plugin(plugin, environment) for plugin in packages.PLUGINS):
        return
    try:
        packages.unpack_plugins(CONFIG / "cli-plugins", FOLDER / "plugins", progress)
    except (LookupError, RuntimeError, OSError) as error:
        raise EngineUnavailableError(str(error)) from error
    environment["DOCKER_CONFIG"] = str(CONFIG)


def _has_plugin(plugin: str, environment: dict[str, str]) -> bool:
    command = ["docker", plugin.removeprefix("docker-"), "version"]
    return subprocess.run(command, env=environment, capture_output=True).returncode == 0


def _check_possible() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise EngineUnavailableError("no Docker engine answers, and preparing one needs root on Linux")
    if packages.missing(daemon.TOOLS) and not shutil.which("apt-get"):
        raise EngineUnavailableError("no Docker engine answers, and one is installed only where apt-get is")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(FOLDER).free < _FREE_BYTES:
        raise EngineUnavailableError(f"no Docker engine answers, and {FOLDER} has less than 12 GiB free for one")


def _add_base_image(engine: Engine, progress: Progress) -> None:
    try:
        engine.environment["BASE_IMAGE"] = base_image.prepare(engine.environment, FOLDER, progress)
    except (LookupError, RuntimeError) as error:
        raise EngineUnavailableError(f"there is no image to build on: {error}") from error


def _tidy(environment: dict[str, str]) -> None:
    """Remove images without a name and the oldest build cache: each run would leave gigabytes."""
    for command in (["image", "prune", "--force"], ["builder", "prune", "--force", f"--keep-storage={_CACHE}"]):
        subprocess.run(["docker", *command], env=environment, capture_output=True, timeout=120)


def main(arguments: list[str]) -> int:
    def progress(message: str) -> None:
        print(f"engine: {message}", file=sys.stderr, flush=True)

    if arguments == ["stop"]:
        print("engine: stopped" if daemon.stop() else "engine: not running", file=sys.stderr)
        return 0
    if arguments not in (["start"], ["warm"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if arguments == ["warm"]:
            warm(progress)
            return 0
        engine = start(progress)
        _add_base_image(engine, progress)
    except (EngineUnavailableError, RuntimeError) as error:
        print(f"engine: {error}", file=sys.stderr)
        return 1
    for key in ("DOCKER_HOST", "DOCKER_CONFIG", "BASE_IMAGE"):
        if key in engine.environment:
            print(f"export {key}={engine.environment[key]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
