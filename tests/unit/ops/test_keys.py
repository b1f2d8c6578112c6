"""API keys as the operator makes, sees and revokes them."""

import hashlib
import json
import os
import re
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops import keys
from ops.__main__ import run as main
from ops.cli import keys as cli
from ops.errors import OpsError, UsageError
from ops.gateways import api_key


@pytest.fixture
def path(tmp_path, monkeypatch):
    file = tmp_path / "secrets/api_keys.jsonl"
    monkeypatch.setattr(cli, "API_KEYS", file)
    return file


def run(path, *words):
    return main(["keys", *words])


def test_a_key_is_printed_alone_and_only_its_hash_is_kept(path, capsys):
    assert run(path, "add", "camera-7", "--scope", "predict", "--scope", "admin") == 0
    out, err = capsys.readouterr()
    key = out.strip()
    (entry,) = map(json.loads, path.read_text().splitlines())
    assert re.fullmatch(f"yolo_{entry['id']}_[A-Za-z0-9_-]{{43}}", key)
    assert entry["hash"] == "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    assert (entry["name"], entry["scopes"], entry["expires"]) == ("camera-7", ["admin", "predict"], None)
    assert key not in path.read_text() + err
    assert "only time" in err


def test_the_file_is_for_its_owner_alone_whatever_the_umask(path):
    before = os.umask(0o000)
    try:
        keys.add(path, "a", ["predict"], None)
        keys.add(path, "b", ["predict"], None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["api_keys.jsonl"]


def test_the_scope_is_predict_unless_others_are_named(path, capsys):
    run(path, "add", "camera-7")
    assert keys.entries(path)[0]["scopes"] == ["predict"]


def test_an_end_is_so_long_from_now(path):
    keys.add(path, "a", ["predict"], "30d")
    ends = datetime.fromisoformat(keys.entries(path)[0]["expires"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)
    for wrong in ("30", "d", "0d", "-1d", "1y", "1.5d", "999999w"):
        with pytest.raises(UsageError, match="--expires"):
            keys.add(path, "b", ["predict"], wrong)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a", "x" * 65, "é", "a/b", "a\n"])
def test_a_name_that_is_none_is_refused(path, name):
    with pytest.raises(UsageError, match="not a valid name"):
        keys.add(path, name, ["predict"], None)
    assert not path.exists()


def test_a_name_that_is_taken_is_refused_and_nothing_changes(path):
    keys.add(path, "a", ["predict"], None)
    before = path.read_bytes()
    with pytest.raises(OpsError, match="already"):
        keys.add(path, "a", ["admin"], None)
    assert path.read_bytes() == before


def test_revoking_takes_the_key_out_and_leaves_what_a_person_wrote(path, capsys):
    keys.add(path, "a", ["predict"], None)
    keys.add(path, "b", ["predict"], None)
    path.write_text("# the cameras\n" + path.read_text() + "half a line\n")
    assert run(path, "revoke", "a") == 0
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("# the cameras", "half a line")
    assert [entry["name"] for entry in keys.entries(path)] == ["b"]
    assert "1 key(s) left" in capsys.readouterr().out
    run(path, "revoke", "b")
    assert "No key is accepted" in capsys.readouterr().err


def test_revoking_what_is_not_there_names_what_is(path):
    keys.add(path, "a", ["predict"], None)
    with pytest.raises(OpsError, match=r"no key named b\. There are: a"):
        keys.revoke(path, "b")


def test_the_list_shows_everything_but_hashes(path, capsys):
    run(path, "list")
    assert "no keys" in capsys.readouterr().out
    keys.add(path, "camera-7", ["predict"], None)
    run(path, "list")
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "id", "scopes", "created", "expires"]
    assert row.split()[0] == "camera-7"
    assert row.split()[-1] == "never"
    run(path, "list", "--json")
    (shown,) = json.loads(capsys.readouterr().out)
    assert set(shown) == {"name", "id", "scopes", "created", "expires"}


def test_a_key_is_limited_to_the_models_that_are_named(path, capsys):
    assert run(path, "add", "door", "--model", "plates", "--model", "helmets,plates") == 0
    assert "/predict?model=plates'" in capsys.readouterr().err, "zsh refuses an unquoted question mark"
    (entry,) = keys.entries(path)
    # As scopes: a gateway that does not know them accepts no such key, where it would ignore a field of its own.
    assert entry["scopes"] == ["predict", "model:helmets", "model:plates"]
    assert set(entry) == {"name", "id", "hash", "scopes", "created", "expires"}
    run(path, "list")
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "id", "scopes", "models", "created", "expires"]
    assert row.split()[2:4] == ["predict", "helmets,plates"]
    run(path, "list", "--json")
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["scopes"], shown["models"]) == (["predict"], ["helmets", "plates"])


def test_the_list_says_that_other_keys_may_use_all_models(path, capsys):
    keys.add(path, "a", ["predict"], None)
    keys.add(path, "b", ["predict"], None, ["yolo"])
    run(path, "list")
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[3] for row in rows] == ["all", "yolo"]


def test_models_that_a_person_wrote_as_a_field_are_listed_too(path, capsys):
    keys.add(path, "a", ["predict"], None)
    path.write_text(json.dumps({**keys.entries(path)[0], "models": ["helmets"]}) + "\n")
    run(path, "list", "--json")
    assert json.loads(capsys.readouterr().out)[0]["models"] == ["helmets"]


@pytest.mark.parametrize("model", ["", "a b", "*", "all", "-a", "helmets,", "a/b", "x" * 64])
def test_a_name_that_no_model_can_have_makes_no_key(path, model):
    with pytest.raises(UsageError, match="cannot be a model's name"):
        run(path, "add", "door", f"--model={model}")
    assert not path.exists()


def test_two_at_a_time_lose_no_key(path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keys.add(path, f"key-{number}", ["predict"], None), range(24)))
    assert sorted(entry["name"] for entry in keys.entries(path)) == sorted(f"key-{number}" for number in range(24))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_where_the_gateway_runs_as_another_user_the_file_is_given_to_it(path, capsys, monkeypatch):
    keys.add(path, "a", ["predict"], None)
    assert path.stat().st_uid == 0
    monkeypatch.setenv("KEYS_OWNER", "10001")
    run(path, "list")  # any command puts it right
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (10001, 0o600)
    assert "now belongs" in capsys.readouterr().err
    keys.add(path, "b", ["predict"], None)
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (10001, 0o600)


def test_operations_show_the_key_of_a_file_or_a_variable_or_none(tmp_path, monkeypatch):
    monkeypatch.delenv("YOLO_API_KEY", raising=False)
    monkeypatch.delenv("YOLO_API_KEY_FILE", raising=False)
    assert api_key.headers() == {}
    monkeypatch.setenv("YOLO_API_KEY", "one")
    assert api_key.headers() == {"X-API-Key": "one"}
    file = tmp_path / "key"
    monkeypatch.setenv("YOLO_API_KEY_FILE", str(file))
    with pytest.raises(OpsError, match="YOLO_API_KEY_FILE"):
        api_key.headers()
    file.write_text("two\n")
    assert api_key.headers() == {"X-API-Key": "two"}


def test_a_key_that_every_user_can_read_draws_a_warning(monkeypatch, capsys):
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "key"
        file.write_text("two")
        Path(name).chmod(0o755)
        for mode, is_open in ((0o644, True), (0o640, False), (0o600, False)):
            file.chmod(mode)
            assert api_key.headers(file) == {"X-API-Key": "two"}
            assert (f"chmod 600 {file}" in capsys.readouterr().err) is is_open
        keys.add(file, "b", ["predict"], None)
        file.chmod(0o644)
        keys.print_all(file)
        assert "every user of this machine can read it" in capsys.readouterr().err
