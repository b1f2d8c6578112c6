import hashlib
import json
import zipfile

import pytest

import configuration


@pytest.fixture
def served(store, rendered):
    """The versions that TorchServe loads, in order, and its `load_models`."""

    def read() -> tuple[list[str], str]:
        found = rendered()
        versions = json.loads(found["models"])["yolo"]
        assert [version for version, entry in versions.items() if entry["defaultVersion"]] == ["1.3"]
        assert [entry["marName"] for entry in versions.values()] == found["load_models"].split(",")
        return list(versions), found["load_models"]

    return read


def kept(store, version, inside=None):
    with zipfile.ZipFile(store / f"yolo-{version}.mar", "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelVersion": inside or version}}))
        mar.writestr("best.xml", "x" * 10_000)
    return store / f"yolo-{version}.mar"


def route(store, **parts):
    (store / "routing").mkdir(exist_ok=True)
    (store / "routing" / "routing.json").write_text(json.dumps({"schema": 1, "revision": 1, **parts}))


def test_without_a_routing_only_the_current_archive_is_served(store, served):
    assert served() == (["1.3"], "yolo.mar")
    assert configuration.read({"MODEL_STORE": str(store)}).skipped == ()


def test_versions_that_routing_names_are_served_after_yolo_mar_which_stays_the_default(store, served):
    for version in ("1.0", "1.1", "1.2"):
        kept(store, version)
    route(
        store,
        stable="1.3",
        canary=None,
        experiment={"name": "night", "shares": {"1.3": 20, "1.1": 40}, "salt": "a"},
        shadow={"version": "1.2", "percent": 5},
    )
    versions, load = served()
    assert (versions[0], set(versions)) == ("1.3", {"1.3", "1.1", "1.2"})
    assert load.startswith("yolo.mar,")
    route(store, canary={"version": "1.0", "percent": 10, "salt": "a"}, shadow={"version": "1.0", "percent": 1})
    assert served() == (["1.3", "1.0"], "yolo.mar,yolo-1.0.mar")


def test_every_version_has_as_many_workers(store, rendered):
    kept(store, "1.4")
    route(store, canary={"version": "1.4", "percent": 10, "salt": "a"})
    models = json.loads(rendered(WORKERS="3")["models"])["yolo"]
    assert models["1.4"]["minWorkers"] == models["1.4"]["maxWorkers"] == 3


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda archive: archive.unlink(), "yolo-1.4.mar does not exist"),
        (lambda archive: archive.write_bytes(archive.read_bytes()[:200]), "cannot be read"),
        (lambda archive: archive.write_bytes(archive.read_bytes().replace(b"xxxx", b"xxxy", 1)), "is damaged"),
        (lambda archive: kept(archive.parent, "1.4", inside="1.0"), "holds version 1.0"),
    ],
)
def test_an_archive_that_is_not_intact_is_skipped_and_reported(store, spoil, says, served):
    spoil(kept(store, "1.4"))
    route(store, canary={"version": "1.4", "percent": 10, "salt": "a"})
    assert served() == (["1.3"], "yolo.mar")
    (problem,) = configuration.read({"MODEL_STORE": str(store)}).skipped
    assert says in problem


def test_an_archive_whose_checksum_differs_from_the_record_is_skipped(store, served):
    archive = kept(store, "1.4")
    route(store, shadow={"version": "1.4", "percent": 10})
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for recorded, loaded in ((digest, ["1.3", "1.4"]), ("0" * 64, ["1.3"])):
        (store / "releases.json").write_text(json.dumps({"schema": 1, "releases": {"1.4": {"sha256": recorded}}}))
        assert served()[0] == loaded


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"schema": 2, "canary": {"version": "1.4"}}',
        '{"schema": 1, "canary": "1.4", "experiment": {"shares": [1]}, "shadow": {"version": 7}}',
        '{"schema": 1, "canary": {"version": "../1.4"}}',
        '{"schema": 1, "canary": {"version": "1.4,evil.mar"}}',
    ],
)
def test_a_malformed_routing_never_prevents_the_start(store, content, served):
    kept(store, "1.4")
    route(store)
    (store / "routing" / "routing.json").write_text(content)
    assert served() == (["1.3"], "yolo.mar")


def test_the_number_of_loaded_versions_is_bounded(store, served):
    shares = {f"2.{number}": 1 for number in range(30)}
    for version in shares:
        kept(store, version)
    route(store, experiment={"name": "many", "shares": shares, "salt": "a"})
    assert len(served()[0]) == 17
