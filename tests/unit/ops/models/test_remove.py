"""A model is removed: from the next start first, then from the server; its versions stay unless they are purged."""

from __future__ import annotations

import pytest

from ops.errors import NotNowError, OpsError, UsageError
from ops.models.remove import remove
from ops.paths import current_archive, kept_archive, store_of
from ops.rollout import membership
from ops.rollout.recovery import operation
from ops.store import audit, intent, inventory, removal, routing
from ops.store.routing import Canary, Routing, Shadow
from tests.support.archives import left_over
from tests.unit.ops.fake_server import error, write_archive


@pytest.fixture
def helmets(served):
    served.serve("helmets", "1.0", b"hats")
    return store_of("helmets", served.store)


def test_no_start_serves_it_before_it_is_unloaded_and_its_versions_stay(served, helmets, host, capsys):
    order = []
    served.faults["DELETE /models/helmets"] = lambda fake: order.append(current_archive(helmets).exists())
    remove(host)
    assert order == [False]
    assert "helmets" not in served.others
    assert kept_archive("1.0", helmets).is_file()
    assert removal.read(helmets).sources
    state, noticed = inventory.look(helmets)
    assert (state.current, list(state.releases), noticed) == (None, ["1.0"], [])
    assert not routing.path(helmets).exists()
    (line,) = audit.entries(helmets)
    assert (line["action"], line["outcome"], line["from"]) == ("models remove", "done", "1.0")
    assert left_over(served.store) | left_over(helmets) == set()
    assert "bash scripts/models.sh add 1.0 --name helmets" in capsys.readouterr().out


def test_gateways_are_told_and_given_time_before_it_is_drained(served, helmets, host, monkeypatch):
    seen = []
    monkeypatch.setattr(
        membership, "await_notice", lambda: seen.append((routing.read(helmets).removed, served.calls[:]))
    )
    remove(host)
    assert seen == [(True, [])]


def test_every_version_is_unloaded_and_the_default_one_last(served, helmets, host):
    served.others["helmets"].workers["1.1"] = [("READY", 500)]
    remove(host)
    assert [call for call in served.calls if call.startswith("DELETE")] == [
        "DELETE /models/helmets/1.1",
        "DELETE /models/helmets/1.0",
    ]


def test_yolo_and_what_is_not_there_cannot_be_removed(served, host):
    with pytest.raises(UsageError, match="yolo is always there"):
        remove(host.of_model("yolo"))
    with pytest.raises(UsageError, match="there is no model plates"):
        remove(host.of_model("plates"))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (Routing(canary=Canary("1.1", 10, "x")), r"a canary is active.*canary\.sh promote --model helmets"),
        (Routing(shadow=Shadow("1.1", 10)), r"1\.1 is a shadow.*shadow\.sh stop --model helmets"),
    ],
)
def test_a_model_with_a_split_is_not_removed(served, helmets, host, split, said):
    write_archive(helmets, "1.1", b"other hats")
    routing.write(helmets, split)
    with pytest.raises(NotNowError, match=said):
        remove(host)
    assert "helmets" in served.others
    assert current_archive(helmets).is_file()


def test_a_purge_leaves_only_that_it_was_removed(served, helmets, host, capsys):
    write_archive(helmets, "1.1", b"other hats")
    sources = {record.source_sha256 for record in inventory.look(helmets)[0].releases.values()}
    remove(host, purge=True)
    assert list(served.store.glob("helmets*")) == []
    assert {path.name for path in helmets.iterdir()} == {removal.NAME, audit.NAME, ".release-guard"}
    assert [line["action"] for line in audit.entries(helmets)] == ["models remove"]
    assert set(removal.read(helmets).sources) == sources
    assert "Nothing of it is kept" in capsys.readouterr().out
    remove(host)
    assert "helmets is removed already" in capsys.readouterr().out
    assert set(removal.read(helmets).sources) == sources


def test_what_is_kept_of_a_removed_model_can_be_purged_later(served, helmets, host):
    remove(host)
    remove(host, purge=True)
    assert list(served.store.glob("helmets*")) == []


def test_an_archive_that_was_copied_there_by_hand_is_kept_first(served, helmets, host):
    write_archive(helmets, "9.9", b"mine").rename(current_archive(helmets))
    remove(host)
    assert kept_archive("9.9", helmets).is_file()


def test_while_no_server_runs_the_next_start_does_not_serve_it(served, helmets, host):
    served.down = True
    remove(host)
    served.down = False
    served.restarts()
    assert "helmets" not in served.others


def test_a_dry_run_changes_nothing(served, helmets, host, capsys):
    remove(host, purge=True, dry_run=True)
    assert "1.0: removed" in capsys.readouterr().out
    assert served.calls == []
    assert current_archive(helmets).is_file()


def test_a_server_that_refuses_is_asked_again_by_the_next_operation(served, helmets, host, capsys):
    served.faults["DELETE /models/helmets"] = lambda _: error(503, "busy")
    remove(host)
    assert "the next operation tries again" in capsys.readouterr().out
    assert intent.read(helmets)
    assert not current_archive(helmets).exists()
    del served.faults["DELETE /models/helmets"]
    remove(host)
    said = capsys.readouterr().out
    assert "the models remove of helmets had been decided: completed" in said
    assert "helmets is removed already; kept: 1.0" in said
    assert "helmets" not in served.others


def test_what_was_cut_off_is_completed(served, helmets, host):
    intent.write(helmets, intent.Intent("models remove", "helmets", "1.0", True, kind="remove"))
    with operation(host, "the next one"):
        pass
    assert "helmets" not in served.others
    assert list(served.store.glob("helmets*")) == []
    assert intent.read(helmets) is None


def test_a_server_that_vanishes_meanwhile_comes_back_without_it(served, helmets, host):
    def dies(fake):
        fake.down = True

    served.faults["DELETE /models/helmets"] = dies
    try:
        remove(host)
    except OpsError as failed:
        pytest.fail(str(failed))
    served.down = False
    served.restarts()
    assert "helmets" not in served.others
    assert intent.read(helmets) is None
