import hashlib
import json
import zipfile

import httpx
import pytest

import entrypoint
from tests.support.answering import answering


@pytest.fixture
def store(tmp_path):
    with zipfile.ZipFile(tmp_path / "yolo.mar", "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelVersion": "1.3"}}))
    return tmp_path


def rendered(env):
    lines = entrypoint.properties(entrypoint.configuration(env)).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_one_variable_bounds_requests_with_room_for_a_form_around_the_picture(store):
    found = rendered({"MODEL_STORE": str(store), "MAX_BODY_BYTES": "1000000"})
    assert found["max_request_size"] == found["max_response_size"] == str(1_000_000 + 65536)


def test_the_version_is_the_archives_own(store):
    models = json.loads(rendered({"MODEL_STORE": str(store)})["models"])
    assert models["yolo"]["1.3"]["defaultVersion"] is True


def test_workers_and_threads_that_the_operator_sets_are_kept(store):
    config = entrypoint.configuration({"MODEL_STORE": str(store), "WORKERS": "3", "THREADS": "2"})
    assert (config.workers, config.threads) == (3, 2)
    models = json.loads(rendered({"MODEL_STORE": str(store), "WORKERS": "3"})["models"])
    assert models["yolo"]["1.3"]["minWorkers"] == models["yolo"]["1.3"]["maxWorkers"] == 3


def test_an_empty_variable_means_the_default_as_compose_passes_it(store):
    assert entrypoint.configuration({"MODEL_STORE": str(store), "BATCH_SIZE": ""}).batch_size == 1


@pytest.mark.parametrize(("value", "message"), [("many", "not a whole number"), ("0", "out of range")])
def test_a_bad_number_is_refused_with_its_range(store, value, message):
    with pytest.raises(entrypoint.ConfigurationError, match=message):
        entrypoint.configuration({"MODEL_STORE": str(store), "BATCH_SIZE": value})


def test_a_store_without_an_archive_says_which_command_makes_one(tmp_path):
    with pytest.raises(entrypoint.ConfigurationError, match=r"package_mar_docker\.sh"):
        entrypoint.configuration({"MODEL_STORE": str(tmp_path)})


def test_an_archive_cut_short_says_how_to_put_a_kept_one_back(store):
    archive = store / "yolo.mar"
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(entrypoint.ConfigurationError, match=r"cp yolo-<version>\.mar yolo\.mar"):
        entrypoint.configuration({"MODEL_STORE": str(store)})


def test_only_a_ready_worker_is_ready():
    loading = [{"workers": [{"id": "9000", "status": "LOADING"}]}]
    serving = [{"workers": [{"id": "9000", "status": "LOADING"}, {"id": "9001", "status": "READY"}]}]
    assert entrypoint.ready(loading) == (False, "9000=LOADING")
    assert entrypoint.ready(serving) == (True, "9000=LOADING, 9001=READY")
    assert entrypoint.ready([{"workers": []}]) == (False, "no worker")
    assert entrypoint.ready({"code": 404}) == (False, "no worker")


def test_the_server_is_java_itself_with_the_operators_options(store, tmp_path):
    config = entrypoint.configuration({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(tmp_path)})
    argv = entrypoint.command(config, {"JAVA_HOME": "/jdk", "JAVA_OPTS": "-Xmx1g -XX:+UseSerialGC"})
    assert argv[0] == "/jdk/bin/java"
    assert {"-Xmx1g", "-XX:+UseSerialGC", "-ncs", f"-Djava.io.tmpdir={tmp_path}"} <= set(argv)


def test_java_leaves_the_cpus_to_the_workers_unless_the_operator_chooses_otherwise():
    assert entrypoint.java_options("-Xmx1g") == ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx1g"]
    assert entrypoint.java_options("-XX:+UseZGC") == ["-XX:TieredStopAtLevel=1", "-XX:+UseZGC"]


def test_the_handler_is_the_archives_unless_the_server_is_to_bring_its_own(store, monkeypatch):
    started = []
    monkeypatch.setattr(entrypoint.os, "execvpe", lambda file, argv, env: started.append(env))
    monkeypatch.setattr(entrypoint.os, "chdir", lambda folder: None)
    env = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store / "run")}
    for more in ({"HANDLER_FROM": ""}, {"HANDLER_FROM": "image"}, {"HANDLER_FROM": "image", "PYTHONPATH": "/more"}):
        entrypoint.serve({**env, **more})
    here = str(entrypoint.HERE)
    assert [env.get("PYTHONPATH") for env in started] == [None, here, f"{here}:/more"]
    with pytest.raises(entrypoint.ConfigurationError, match="neither archive nor image"):
        entrypoint.configuration({**env, "HANDLER_FROM": "me"})


def test_what_a_killed_server_left_is_cleared_away(store, monkeypatch):
    monkeypatch.setattr(entrypoint.os, "execvpe", lambda *_: None)
    monkeypatch.setattr(entrypoint.os, "chdir", lambda _: None)
    run_dir = store / "run"
    unpacked = run_dir / "models/0a1b2c/model.xml"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    (run_dir / ".ts.sock.9000").touch()
    cache = run_dir / "yolo-model-cache-0"
    cache.mkdir()
    environment = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(run_dir), "JAVA_HOME": str(store)}
    entrypoint.serve(environment)
    assert sorted(path.name for path in run_dir.iterdir()) == ["effective.properties", "yolo-model-cache-0"]


def test_a_proxy_is_not_asked_for_the_servers_own_health(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    asked = []

    def management(request):
        asked.append(request.url.path)
        return httpx.Response(200, json=[{"workers": [{"id": "9000", "status": "READY"}]}])

    with answering(management) as url:
        assert entrypoint.healthcheck({"MANAGEMENT_PORT": url.rpartition(":")[2]}) == 0
    assert asked == ["/models/yolo"]


def test_an_unknown_argument_is_a_configuration_error(capsys):
    assert entrypoint.main(["dance"]) == entrypoint.EX_CONFIG
    assert "serve|healthcheck" in capsys.readouterr().err


def kept(store, version, inside=None):
    with zipfile.ZipFile(store / f"yolo-{version}.mar", "w") as mar:
        mar.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelVersion": inside or version}}))
        mar.writestr("best.xml", "x" * 10_000)
    return store / f"yolo-{version}.mar"


def route(store, **parts):
    (store / "routing").mkdir(exist_ok=True)
    (store / "routing" / "routing.json").write_text(json.dumps({"schema": 1, "revision": 1, **parts}))


def served(store):
    found = rendered({"MODEL_STORE": str(store)})
    versions = json.loads(found["models"])["yolo"]
    assert [version for version, entry in versions.items() if entry["defaultVersion"]] == ["1.3"]
    assert [entry["marName"] for entry in versions.values()] == found["load_models"].split(",")
    return list(versions), found["load_models"]


def test_without_a_routing_the_current_archive_is_served_alone(store):
    assert served(store) == (["1.3"], "yolo.mar")
    assert entrypoint.configuration({"MODEL_STORE": str(store)}).left_out == ()


def test_versions_that_routing_names_are_served_beside_it_and_yolo_mar_stays_the_first_and_the_default(store):
    for version in ("1.0", "1.1", "1.2"):
        kept(store, version)
    route(
        store,
        stable="1.3",
        canary=None,
        experiment={"name": "night", "shares": {"1.3": 20, "1.1": 40}, "salt": "a"},
        shadow={"version": "1.2", "percent": 5},
    )
    versions, load = served(store)
    assert (versions[0], set(versions)) == ("1.3", {"1.3", "1.1", "1.2"})
    assert load.startswith("yolo.mar,")
    route(store, canary={"version": "1.0", "percent": 10, "salt": "a"}, shadow={"version": "1.0", "percent": 1})
    assert served(store) == (["1.3", "1.0"], "yolo.mar,yolo-1.0.mar")


def test_a_version_beside_it_has_as_many_workers(store):
    kept(store, "1.4")
    route(store, canary={"version": "1.4", "percent": 10, "salt": "a"})
    models = json.loads(rendered({"MODEL_STORE": str(store), "WORKERS": "3"})["models"])["yolo"]
    assert models["1.4"]["minWorkers"] == models["1.4"]["maxWorkers"] == 3


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda archive: archive.unlink(), "there is no yolo-1.4.mar"),
        (lambda archive: archive.write_bytes(archive.read_bytes()[:200]), "cannot be read"),
        (lambda archive: archive.write_bytes(archive.read_bytes().replace(b"xxxx", b"xxxy", 1)), "is damaged"),
        (lambda archive: kept(archive.parent, "1.4", inside="1.0"), "holds version 1.0"),
    ],
)
def test_an_archive_that_is_not_intact_is_left_out_and_said(store, spoil, says):
    spoil(kept(store, "1.4"))
    route(store, canary={"version": "1.4", "percent": 10, "salt": "a"})
    assert served(store) == (["1.3"], "yolo.mar")
    (problem,) = entrypoint.configuration({"MODEL_STORE": str(store)}).left_out
    assert says in problem


def test_an_archive_that_is_not_what_was_recorded_is_left_out(store):
    archive = kept(store, "1.4")
    route(store, shadow={"version": "1.4", "percent": 10})
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for recorded, loaded in ((digest, ["1.3", "1.4"]), ("0" * 64, ["1.3"])):
        (store / "releases.json").write_text(json.dumps({"schema": 1, "releases": {"1.4": {"sha256": recorded}}}))
        assert served(store)[0] == loaded


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
def test_a_routing_that_is_none_never_keeps_the_server_from_starting(store, content):
    kept(store, "1.4")
    route(store)
    (store / "routing" / "routing.json").write_text(content)
    assert served(store) == (["1.3"], "yolo.mar")


def test_no_more_versions_than_a_machine_could_hold_are_loaded(store):
    shares = {f"2.{number}": 1 for number in range(30)}
    for version in shares:
        kept(store, version)
    route(store, experiment={"name": "many", "shares": shares, "salt": "a"})
    assert len(served(store)[0]) == 17
