import json
import zipfile

import pytest

import entrypoint


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


def test_an_unknown_argument_is_a_configuration_error(capsys):
    assert entrypoint.main(["dance"]) == entrypoint.EX_CONFIG
    assert "serve|healthcheck" in capsys.readouterr().err
