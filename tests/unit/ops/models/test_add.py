"""A model is added next to the others, or nothing is left of it."""

from __future__ import annotations

import json

import pytest

from ops.errors import NotNowError, OpsError, UsageError
from ops.models import add as adding
from ops.models.add import add
from ops.models.remove import remove
from ops.paths import current_archive, kept_archive, store_of
from ops.rollout.candidate import Packaging
from ops.rollout.recovery import operation
from ops.store import audit, intent, inventory, removal
from ops.store.intent import Intent
from tests.support.archives import left_over
from tests.unit.ops.fake_server import error, make_current, write_archive

PACKAGED = Packaging(packaged="1.0", note="from the second camera")


def assert_absent(served, helmets) -> None:
    """Nothing is left of the model but that it was tried."""
    assert "helmets" not in served.others
    assert list(served.store.glob("helmets*.mar")) == []
    assert left_over(served.store) | left_over(helmets) == set()
    assert intent.read(helmets) is None


def test_a_model_is_loaded_checked_and_then_made_current(served, helmets, host, capsys):
    add(host, "new.pt", PACKAGED)
    assert served.others["helmets"].workers == {"1.0": [("READY", 200)]}
    assert current_archive(helmets).read_bytes() == kept_archive("1.0", helmets).read_bytes()
    state = inventory.look(helmets)[0]
    assert (state.current, state.previous, bool(state.releases["1.0"].served)) == ("1.0", None, True)
    (line,) = audit.entries(helmets)
    assert (line["action"], line["outcome"], line["to"], line["note"]) == (
        "models add", "done", "1.0", "from the second camera",
    )  # fmt: skip
    assert left_over(served.store) | left_over(helmets) == set()
    assert "helmets 1.0 is served" in capsys.readouterr().out


def test_it_has_the_workers_and_the_batch_of_models_toml(served, host, monkeypatch, tmp_path):
    (tmp_path / "models.toml").write_text("[helmets]\nworkers = 2\nbatch = 3\n")
    monkeypatch.setattr(adding.settings, "MODELS_FILE", tmp_path / "models.toml")
    add(host, "new.pt", PACKAGED)
    assert len(served.others["helmets"].workers["1.0"]) == 2


def test_a_models_toml_that_cannot_be_read_is_reported_and_nothing_is_left(
    served, helmets, host, monkeypatch, tmp_path
):
    (tmp_path / "models.toml").write_text("[helmets]\nworkers = 0\n")
    monkeypatch.setattr(adding.settings, "MODELS_FILE", tmp_path / "models.toml")
    with pytest.raises(OpsError, match=r"\[helmets\] workers = 0"):
        add(host, "new.pt", PACKAGED)
    assert_absent(served, helmets)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("POST /models", "TorchServe answered 500"),
        ("PUT /models/helmets/1.0", "TorchServe answered 500"),
        ("POST /predictions/helmets/1.0", "TorchServe answered 500"),
    ],
)
def test_what_fails_is_undone_and_the_others_answer(served, helmets, host, fault, said):
    served.faults[fault] = lambda _: error(500, "out of order")
    with pytest.raises(OpsError, match=said) as raised:
        add(host, "new.pt", PACKAGED)
    assert "answers as before; nothing of helmets is left loaded" in str(raised.value)
    assert_absent(served, helmets)
    assert [line["outcome"] for line in audit.entries(helmets)] == ["failed"]


def test_a_worker_that_dies_while_it_loads_ends_it(served, helmets, host):
    pids = iter(range(500, 600))

    def dies(fake):
        fake.others["helmets"].workers["1.0"] = [("WORKER_STOPPED", next(pids))]

    served.faults["GET /models/helmets/1.0"] = dies
    with pytest.raises(OpsError, match=r"a worker of version 1\.0 died while it loaded"):
        add(host, "new.pt", PACKAGED)
    assert_absent(served, helmets)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("yolo", UsageError, "yolo is always there"),
        ("HELMETS", UsageError, "differs only in case from the model helmets"),
        ("helmets", NotNowError, r"the model helmets is there already.*redeploy\.sh NEW\.pt --model helmets"),
        ("metrics", UsageError, "has a meaning of its own"),
    ],
)
def test_a_name_that_is_taken_is_refused_before_anything_is_packaged(served, host, name, kind, said):
    add(host, "new.pt", PACKAGED)
    with pytest.raises(kind, match=said):
        add(host.of_model(name), "new.pt", dry_run=True)


def test_a_name_that_was_only_tried_is_free(served, helmets, host):
    served.faults["POST /models"] = lambda _: error(500, "out of order")
    with pytest.raises(OpsError):
        add(host, "new.pt", PACKAGED)
    served.faults.clear()
    write_archive(store_of("Helmets", served.store), "1.0", b"hats")
    add(host.of_model("Helmets"), "new.pt", PACKAGED)
    assert list(served.others) == ["Helmets"]


def test_a_name_whose_file_is_a_kept_version_of_another_model_is_refused(served, host):
    write_archive(served.store, "seg", b"version seg of yolo")
    segmenter = host.of_model("yolo-seg")
    write_archive_of = store_of("yolo-seg", served.store)
    write_archive(write_archive_of, "1.0", b"the model")
    try:
        with pytest.raises(OpsError, match="is a kept version of the model yolo"):
            add(segmenter, "new.pt", PACKAGED)
        assert not kept_archive("1.0", write_archive_of).exists()
    finally:
        kept_archive("seg", served.store).unlink()


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(served, helmets, host, capsys, tmp_path):
    weights = tmp_path / "new.pt"
    weights.touch()
    kept_archive("1.0", helmets).unlink()
    add(host, str(weights), dry_run=True)
    said = capsys.readouterr().out
    assert "package      " in said
    assert "as version 1.0, keep it as helmets-1.0.mar" in said
    assert "register     helmets-1.0.mar as the model helmets, 1 worker(s)" in said
    assert served.calls == []
    assert not current_archive(helmets).exists()


def test_while_no_server_runs_it_is_made_current_for_the_next_start(served, helmets, host, capsys):
    served.down = True
    add(host, "new.pt", PACKAGED)
    assert current_archive(helmets).is_file()
    assert inventory.look(helmets)[0].current == "1.0"
    assert "served from the next start on" in capsys.readouterr().out
    served.down = False
    assert served.calls == []


def test_a_removed_model_comes_back_with_a_kept_version(served, helmets, host):
    add(host, "new.pt", PACKAGED)
    remove(host)
    assert removal.read(helmets)
    add(host, "1.0")
    assert "helmets" in served.others
    assert removal.read(helmets) is None
    assert kept_archive("1.0", helmets).is_file()


def test_a_failed_return_keeps_the_version(served, helmets, host):
    add(host, "new.pt", PACKAGED)
    remove(host)
    served.faults["PUT /models/helmets/1.0"] = lambda _: error(500, "out of order")
    with pytest.raises(OpsError):
        add(host, "1.0")
    assert kept_archive("1.0", helmets).is_file()
    assert removal.read(helmets)
    assert "helmets" not in served.others


def test_what_was_cut_off_before_the_rename_is_undone_and_after_it_completed(served, helmets, host, capsys):
    written = Intent("models add", "1.0", "", True, kind="add")
    served.serve("helmets", "1.0", b"hats")
    current_archive(helmets).unlink()
    intent.write(helmets, written)
    with operation(host, "the next one"):
        pass
    assert "the models add of 1.0 had not been decided: undone" in capsys.readouterr().out
    assert_absent(served, helmets)

    served.serve("helmets", "1.0", b"hats")
    intent.write(helmets, written)
    with operation(host, "the next one"):
        pass
    assert "had been decided: completed" in capsys.readouterr().out
    assert inventory.look(helmets)[0].releases["1.0"].served
    assert intent.read(helmets) is None
    assert json.loads((helmets / "releases.json").read_text())["roles"]["current"] == "1.0"


def test_an_operation_on_another_model_does_not_wait_for_it(served, helmets, host):
    plates = store_of("plates", served.store)
    write_archive(plates, "1.0", b"plates")
    make_current(plates, "1.0")
    with operation(host.of_model("plates"), "something"):
        add(host, "new.pt", PACKAGED)
    assert "helmets" in served.others
