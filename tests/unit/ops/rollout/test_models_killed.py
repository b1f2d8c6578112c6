"""A model comes or goes, killed before each thing that is done: the next operation completes or undoes it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from ops.paths import current_archive, store_of
from ops.rollout import recovery
from ops.store import intent, inventory, models, releases, removal
from tests.support.answering import answering
from tests.support.archives import left_over
from tests.unit.ops.fake_server import FakeServer, make_current, write_archive
from tests.unit.ops.rollout.test_killed import World


class Models(World):
    """The same with `helmets`, of which 1.1 was just packaged."""

    def reset(self) -> None:
        super().reset()
        self.helmets = store_of("helmets", self.store)
        self.fake.others.clear()
        self.helmets.mkdir(parents=True)
        write_archive(self.helmets, "1.1", b"hats")

    def mend(self) -> None:
        """What the next operation on the model begins with."""
        with recovery.operation(self._host.of_model("helmets"), "the next operation"):
            pass

    @property
    def state(self) -> str:
        """Return whether the model is there: loaded, and served by the next start. Raises AssertionError for half."""
        loaded, served = "helmets" in self.fake.others, models.is_served("helmets", self.store)
        assert loaded == served, f"loaded: {loaded}, served by the next start: {served}"
        kept = bool(list(self.store.glob("helmets-*.mar")))
        return "there" if served else "kept" if kept else "absent"


@pytest.fixture
def world(tmp_path, impatient) -> Iterator[Models]:
    fake = FakeServer(tmp_path)
    with answering(fake) as url, contextlib.closing(Models(fake, url)) as made:
        yield made


# Operation, what is done before it, and what it leaves when it was killed and mended: before its decision, and after.
CASES = [
    ("models add", [], "absent", "there"),
    ("models remove", ["models add"], "there", "kept"),
    ("models purge", ["models add"], "there", "absent"),
    ("models return", ["models add", "models remove"], "kept", "there"),
]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("what", "before", "undone", "done"), CASES, ids=[case[0] for case in CASES])
def test_killed_before_each_thing_it_does(world, what, before, undone, done, restarted) -> None:
    outcomes: list[str] = []
    kill_at, status = 1, -9
    while status != 0:
        world.reset()
        for earlier in before:
            assert world.do(earlier) == 0
        status = world.do(what, kill_at)
        assert status in (0, -9), f"{what}, killed at {kill_at}, ended with {status}"
        assert world.fake.workers["1.0"] == [("READY", 100)], "yolo answers at every moment"
        if restarted and status != 0:
            world.fake.restarts()
            world.fake.workers = {"1.0": [("READY", 100)]}
        begun = intent.read(world.helmets) or current_archive(world.helmets).exists()
        if what == "models add" and status != 0 and not begun:  # its packaged archive stays, as that of a redeploy does
            (world.store / "helmets-1.1.mar").unlink(missing_ok=True)
        world.mend()
        outcomes.append(world.state)
        world.mend()
        assert world.state == outcomes[-1], "there was nothing left to mend"
        assert intent.read(world.helmets) is None
        assert left_over(world.store) | left_over(world.helmets) == set()
        state, noticed = inventory.look(world.helmets)
        assert noticed == []
        assert releases.read(world.helmets) == state
        assert bool(removal.read(world.helmets)) is (outcomes[-1] != "there" and bool(before))
        kill_at += 1
    assert kill_at > 5
    assert set(outcomes) == {undone, done}
    assert outcomes == sorted(outcomes, key=[undone, done].index), "there is one moment of decision"


def test_the_purge_of_a_model_that_was_removed_by_hand(world) -> None:
    world.reset()
    make_current(world.helmets, "1.1")
    current_archive(world.helmets).unlink()
    assert world.do("models purge") == 0
    assert world.state == "absent"
