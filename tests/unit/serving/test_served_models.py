"""The models that TorchServe is started with in addition to `yolo`."""

import hashlib
import json
import zipfile

import pytest

import configuration
import entrypoint
import model_memory


def archive(store, file, model, version="1.0"):
    """Write an archive whose manifest names a model and a version."""
    with zipfile.ZipFile(store / file, "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelName": model, "modelVersion": version}}))
        mar.writestr("best.xml", "x" * 10_000)
    return store / file


def read(store):
    return configuration.read({"MODEL_STORE": str(store)})


def names(store):
    return [model.name for model in read(store).models]


def test_every_archive_named_after_its_model_is_a_model_and_the_others_are_kept_versions(store, rendered):
    archive(store, "helmets.mar", "helmets", "2.1")
    archive(store, "helmets-2.0.mar", "helmets", "2.0")
    archive(store, "yolo-seg.mar", "yolo-seg", "1.0")
    archive(store, "yolo-1.0.mar", "yolo", "1.0")
    archive(store, "yolo-night.mar", "yolo", "night")
    (store / ".helmets.mar.part").write_bytes(b"")
    assert names(store) == ["yolo", "helmets", "yolo-seg"]
    assert read(store).skipped_models == ()
    found = rendered(WORKERS="3", BATCH_SIZE="4")
    assert found["load_models"] == "yolo.mar,helmets.mar,yolo-seg.mar"
    models = json.loads(found["models"])
    assert {name: list(versions) for name, versions in models.items()} == {
        "yolo": ["1.3"],
        "helmets": ["2.1"],
        "yolo-seg": ["1.0"],
    }
    helmets = models["helmets"]["2.1"]
    assert (helmets["marName"], helmets["defaultVersion"], helmets["batchSize"]) == ("helmets.mar", True, 4)
    assert [models[name][version]["maxWorkers"] for name, version in (("yolo", "1.3"), ("helmets", "2.1"))] == [3, 1]


def test_each_model_serves_the_versions_that_its_own_routing_names(store, rendered):
    archive(store, "helmets.mar", "helmets", "2.1")
    kept = archive(store, "helmets-2.0.mar", "helmets", "2.0")
    state = store / "models.d" / "helmets"
    state.mkdir(parents=True)
    (store / "routing").mkdir()
    canary = {"schema": 1, "canary": {"version": "2.0", "percent": 10, "salt": "a"}}
    (store / "routing" / "helmets.json").write_text(json.dumps(canary))
    (store / "routing" / "routing.json").write_text(json.dumps({**canary, "canary": {"version": "9"}}))
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    for recorded, loaded in ((digest, ["2.1", "2.0"]), ("0" * 64, ["2.1"])):
        (state / "releases.json").write_text(json.dumps({"schema": 1, "releases": {"2.0": {"sha256": recorded}}}))
        assert list(json.loads(rendered()["models"])["helmets"]) == loaded
    yolo, helmets = read(store).models
    assert "yolo-9.mar does not exist" in yolo.skipped[0]
    assert "differs from releases.json" in helmets.skipped[0]


@pytest.mark.parametrize(
    ("file", "spoil", "says"),
    [
        ("my model.mar", lambda path: archive(path.parent, path.name, path.stem), "cannot be a model's name"),
        ("a.b.mar", lambda path: archive(path.parent, path.name, path.stem), "cannot be a model's name"),
        ("predict.mar", lambda path: archive(path.parent, path.name, path.stem), "a meaning of its own"),
        ("a,yolo.mar", lambda path: archive(path.parent, path.name, path.stem), "cannot be a model's name"),
        ("bad.mar", lambda path: path.write_bytes(path.read_bytes()[:200]), "bad.mar cannot be read"),
        ("bad.mar", lambda path: path.write_bytes(path.read_bytes().replace(b"xxxx", b"xxxy", 1)), "is damaged"),
        ("bad.mar", lambda path: path.unlink() or path.mkdir(), "cannot be read"),
        ("bad.mar", lambda path: archive(path.parent, path.name, path.stem, "1/../2"), "is not a version"),
    ],
)
def test_a_model_that_cannot_be_served_is_skipped_with_the_reason_and_the_others_are_served(store, file, spoil, says):
    spoil(archive(store, file, file.removesuffix(".mar")))
    archive(store, "helmets.mar", "helmets")
    assert names(store) == ["yolo", "helmets"]
    (problem,) = read(store).skipped_models
    assert says in problem


def test_an_unreadable_kept_version_is_not_reported_unless_the_store_knows_one_of_that_name(store):
    (store / "yolo-seg.mar").write_bytes(b"")
    assert read(store).skipped_models == ()
    (store / "models.d" / "yolo-seg").mkdir(parents=True)
    (problem,) = read(store).skipped_models
    assert problem.startswith("yolo-seg: ")


def test_the_start_says_every_model_and_what_is_skipped(store, capsys):
    archive(store, "helmets.mar", "helmets", "2.1")
    archive(store, "a.b.mar", "a.b")
    entrypoint.report(read(store))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("torchserve: skipped model a.b: ")
    assert lines[1].startswith("torchserve: helmets 2.1, 1 worker(s) x ")
    assert lines[2].startswith("torchserve: yolo 1.3, ")
    assert "inference on 127.0.0.1:8085" in lines[2]


def test_what_does_not_fit_into_memory_is_skipped_with_the_figures_but_never_yolo(store, monkeypatch):
    for name in ("a", "big", "c"):
        archive(store, f"{name}.mar", name)
    (store / "models.toml").write_text("[big]\nworkers = 4")
    server = model_memory.of_server(1_048_576, 1) + model_memory.Need(((store / "yolo.mar").stat().st_size,), 1).bytes
    env = {"MODEL_STORE": str(store), "MODELS_FILE": str(store / "models.toml"), "WORKERS": "1"}
    env["MAX_DECODE_BYTES"] = "1048576"
    for limit, served in ((0, []), (server + 700_000_000, ["a", "c"]), (server + 3_000_000_000, ["a", "big", "c"])):
        monkeypatch.setattr(model_memory, "limit", lambda limit=limit: limit)
        config = configuration.read(env)
        assert [model.name for model in config.models] == ["yolo", *served]
        assert len(config.skipped_models) == 3 - len(served)
        if len(served) == 2:
            assert "big: does not fit into memory: it needs about 1.2 GB (4 worker(s))" in config.skipped_models[0]


def test_an_archive_of_another_model_in_the_place_of_yolo_is_refused(store):
    archive(store, "yolo.mar", "helmets")
    with pytest.raises(
        configuration.ConfigurationError, match=r"of the model 'helmets', not of yolo. Name it helmets\.mar"
    ):
        read(store)
