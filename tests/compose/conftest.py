"""The compose ring: the real images in a real Docker engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose import engine as docker_engine
from tests.compose import service_images
from tests.compose import stack as compose_stack
from tests.compose.engine import Engine, EngineUnavailableError
from tests.compose.stack import Stack
from tests.support import cannot_run
from tests.support.deployment import RELEASED_TO


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """An engine that answers: the one of this machine, or one that is started for the tests."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def progress(message: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\ncompose ring: {message}", flush=True)

    try:
        with docker_engine.running(progress) as found:
            yield found
    except EngineUnavailableError as reason:
        cannot_run(f"compose ring: {reason}")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder for checkouts. Not pytest's tmp_path, which only its own user may enter."""
    base = Path(tempfile.mkdtemp(prefix="yolo-compose-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def stack(engine: Engine, folder: Path) -> Iterator[Stack]:
    """A fresh checkout with neither weights nor archive. Nothing is built or started yet."""
    made = compose_stack.make(engine, folder / "first", "yolo-serving-test")
    yield from _taken_down(made, engine)


@pytest.fixture
def empty_stack(engine: Engine, folder: Path, running: Stack) -> Iterator[Stack]:
    """A second checkout, which uses the images that the first has built."""
    made = compose_stack.make(engine, folder / "second", "yolo-serving-test-empty")
    yield from _taken_down(made, engine)
    shutil.rmtree(folder / "second")


def _taken_down(stack: Stack, engine: Engine) -> Iterator[Stack]:
    down = ("docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "1")
    stack.run(*down)  # what a run that was killed may have left
    try:
        yield stack
    finally:
        # In an engine of ours the images stay, for the next run's cache.
        stack.run(*down, *(() if engine.ours else ("--rmi", "all")))


@pytest.fixture(scope="session")
def running(stack: Stack) -> Stack:
    """The stack after the one command of the README, on a fresh clone."""
    stack.up("--build")
    return stack


@pytest.fixture(scope="session")
def images(running: Stack, engine: Engine) -> dict[str, str]:
    """The images of the profiles edge and redis, by the variable that names each."""
    return service_images.build_edge_and_redis(running, engine.environment["BASE_IMAGE"])


@pytest.fixture
def service(running: Stack) -> Stack:
    """The running, ready stack, whatever the test before has left."""
    if not running.ready():
        running.compose("up", "-d")
    running.wait_ready()
    return running


@pytest.fixture
def settled(running: Stack) -> Stack:
    """Blue alone, with one worker, where the base version alone is loaded, current and served."""
    found = running.with_settings(**RELEASED_TO)
    found.run("docker", "compose", "up", "-d")  # fails where the archive of a test before cannot be loaded
    found.settle()
    return found
