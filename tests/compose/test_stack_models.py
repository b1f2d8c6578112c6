"""Three models of three tasks in Compose: brought in each way, operated by themselves, failing, removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.compose.stack import Stack
from tests.support import small_models, wait_until
from tests.support.archives import left_over, renamed
from tests.support.deployment import BASE, RELEASED_TO
from tests.support.endpoints import HTTP
from tests.support.several_models import NEW, NEW_VERSION, YAML, Clients

FIRST = {"yolo": BASE, "parts": "1.0", "kinds": "1.0"}


@pytest.fixture(scope="module")
def brought(running: Stack) -> Iterator[Stack]:
    """The base version of `yolo`, and `kinds` from models/weights, next to which lies a file that is no weights."""
    stack = running.with_settings(**RELEASED_TO)
    stack.compose("up", "-d")
    stack.settle()
    folder = stack.root / "models/weights"
    kinds, broken = folder / "kinds.pt", folder / "broken.pt"
    try:
        stack.hand_over(small_models.save(YAML["kinds"], kinds, stack.root / "samples"))
        broken.write_bytes(b"not weights")
        said = stack.go("scripts/up.sh", "--docker")
        assert "broken: not packaged" in said
        broken.unlink()
        yield stack
        stack.settle()
    finally:
        for path in (kinds, broken):
            path.unlink(missing_ok=True)
        for name in YAML:
            stack.script("scripts/models.sh", "remove", name, "--purge")
        shutil.rmtree(stack.store / "models.d", ignore_errors=True)
        (stack.store / f"yolo-{NEW_VERSION}.mar").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def three(brought: Stack) -> Stack:
    """`yolo`, `kinds`, and `parts`, which was added while clients asked the other two."""
    parts = small_models.save(YAML["parts"], brought.root / "parts.pt", brought.root / "samples")
    with Clients(brought, ("yolo", "kinds")).at_work():
        brought.go("scripts/models.sh", "add", "parts.pt", "--name", "parts")
    renamed(parts, brought.root / "new-parts.pt")
    return brought


def redeploy_kept(stack: Stack, model: str, version: str) -> tuple[int, str]:
    """Redeploy a version that is in the store: the same as redeploy.sh after it has packaged weights."""
    release = ("docker", "compose", "run", "--rm", "-T", "--no-deps", "release")
    done = stack.run(*release, "redeploy", "any.pt", "--packaged", version, "--model", model, "--accept-drift")
    return done.returncode, done.stdout


def loaded(stack: Stack, model: str) -> list[str]:
    answer = HTTP.get(f"{stack.management}/models/{model}/all", timeout=10)
    return [version["modelVersion"] for version in answer.json()]


def workers(stack: Stack, model: str) -> list[int]:
    """Return the processes of a model's workers, as the container numbers them."""
    described = HTTP.get(f"{stack.management}/models/{model}", timeout=10).json()
    return [worker["pid"] for version in described for worker in version["workers"]]


def test_each_is_redeployed_rolled_back_or_canaried_by_itself_under_clients_that_ask_all(three: Stack) -> None:
    """One operation of each kind: tests/native/rollout/test_several_models.py has every one for every model."""
    for model in ("yolo", "kinds"):
        three.keep_copy(model, NEW_VERSION, prefix=NEW)
    with Clients(three).at_work() as people:
        served: dict[str, set[str | None]] = {model: {version} for model, version in FIRST.items()}
        assert people.more() == served

        code, said = redeploy_kept(three, "yolo", NEW_VERSION)
        assert code == 0, said
        assert people.more() == {**served, "yolo": {NEW_VERSION}}
        three.go("scripts/rollback.sh", "--model", "yolo")
        assert people.more() == served

        split = ("--percent", "50", "--model", "kinds", "--accept-drift")
        three.go("scripts/canary.sh", "start", NEW_VERSION, *split)
        assert people.more(60) == {**served, "kinds": {FIRST["kinds"], NEW_VERSION}}
        three.go("scripts/canary.sh", "promote", "--model", "kinds")
        served["kinds"] = {NEW_VERSION}
        assert people.more() == served

        named = ("--version", NEW_VERSION, "--accept-drift")
        three.go("scripts/redeploy.sh", "new-parts.pt", *named, "--model", "parts")  # packaged in a container
        served["parts"] = {NEW_VERSION}
        assert people.more() == served
    assert {model: set(loaded(three, model)) for model in FIRST} == served
    assert {path.stat().st_uid for path in three.store.rglob("*")} == {three.root.stat().st_uid}
    assert left_over(three.store) == left_over(three.store / "models.d/parts") == set()


def test_a_model_that_fails_is_removed_and_comes_back_leaves_the_others_answering(three: Stack) -> None:
    def answered() -> str | None:
        answer = three.ask(model="parts")
        return answer.json()["model"]["version"] if answer.status_code == 200 else None

    with Clients(three, ("yolo", "kinds")).at_work():
        killed = workers(three, "parts")
        three.compose("exec", "-T", "torchserve", "python", "-c", f"import os; os.kill({killed[0]}, 9)")
        wait_until(lambda: workers(three, "parts") != killed and answered(), "another worker answers")

        before = answered()
        three.keep_copy("parts", "bad", handler="class H:\n def initialize(self, c): raise OSError('sabotage')\n")
        code, said = redeploy_kept(three, "parts", "bad")
        assert code == 1, said
        assert answered() == before

        three.go("scripts/models.sh", "remove", "parts")
        gone = three.ask(model="parts")
        assert gone.status_code == 404
        assert all(name in gone.json()["error"]["message"] for name in ("yolo", "kinds"))
        listed = json.loads(three.go("scripts/models.sh", "list", "--json"))["models"]
        states = {model["name"]: model["state"] for model in listed}
        assert states == {"yolo": "served", "kinds": "served", "parts": "removed"}
        again = ("scripts/models.sh", "add", "1.0", "--name", "parts")
        refused = three.with_settings(TORCHSERVE_MEMORY="1g").go(*again, code=1)
        assert "parts does not fit into memory" in refused
        three.go(*again)
        assert answered() == "1.0"
