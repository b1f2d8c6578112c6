import json

import pytest

import configuration
from configuration import ConfigurationError


def test_one_variable_bounds_requests_and_leaves_room_for_a_multipart_form(rendered):
    found = rendered(MAX_BODY_BYTES="1000000")
    assert found["max_request_size"] == found["max_response_size"] == str(1_000_000 + 65536)


def test_the_server_listens_on_sockets_and_the_guard_on_its_ports(store, rendered):
    config = configuration.read({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store), "MANAGEMENT_PORT": "9"})
    assert (config.ports()["management"].host, config.ports()["management"].number) == ("127.0.0.1", 9)
    found = rendered(TORCHSERVE_RUN_DIR=str(store))
    for api in ("inference", "management", "metrics"):
        assert found[f"{api}_address"] == f"unix:{config.ports()[api].socket}"
    with pytest.raises(ConfigurationError, match="too long"):
        configuration.read({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": f"/tmp/{'x' * 100}"})


def test_the_version_is_the_one_in_the_archive(rendered):
    models = json.loads(rendered()["models"])
    assert models["yolo"]["1.3"]["defaultVersion"] is True


def test_workers_and_threads_that_the_operator_sets_are_kept(store, rendered):
    config = configuration.read({"MODEL_STORE": str(store), "WORKERS": "3", "THREADS": "2"})
    assert (config.workers, config.threads) == (3, 2)
    models = json.loads(rendered(WORKERS="3")["models"])
    assert models["yolo"]["1.3"]["minWorkers"] == models["yolo"]["1.3"]["maxWorkers"] == 3


def test_an_empty_variable_means_the_default_because_compose_passes_it_so(store):
    assert configuration.read({"MODEL_STORE": str(store), "BATCH_SIZE": ""}).server.batch_size == 1


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"BATCH_SIZE": "many"}, "not a whole number; use 1 to 256"),
        ({"BATCH_SIZE": "0"}, "out of range; use 1 to 256"),
        ({"HANDLER_FROM": "me"}, "is not one of archive, image"),
        ({"WORKERS": "none"}, "WORKERS"),
        ({"MODEL_STORE": "/nonexistent"}, "does not exist; create it"),
    ],
)
def test_a_wrong_variable_is_refused_with_the_accepted_values(store, env, message):
    with pytest.raises(ConfigurationError, match=message):
        configuration.read({"MODEL_STORE": str(store), **env})


def test_a_store_without_an_archive_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(ConfigurationError, match=r"package_mar_docker\.sh"):
        configuration.read({"MODEL_STORE": str(tmp_path)})


def test_a_truncated_archive_is_refused_with_the_way_to_restore_a_kept_one(store):
    archive = store / "yolo.mar"
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(ConfigurationError, match=r"cp yolo-<version>\.mar yolo\.mar"):
        configuration.read({"MODEL_STORE": str(store)})


def test_a_path_that_is_not_ascii_is_escaped_as_java_reads_it(tmp_path, store):
    odd = tmp_path / "Büro\\😀"
    odd.mkdir()
    (store / "yolo.mar").rename(odd / "yolo.mar")
    text = configuration.render_properties(configuration.read({"MODEL_STORE": str(odd)}))
    (line,) = [line for line in text.splitlines() if line.startswith("model_store=")]
    assert line.endswith(r"/B\u00fcro\\\ud83d\ude00")
