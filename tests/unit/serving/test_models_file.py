"""models.toml as TorchServe is started with it."""

import json

import pytest

import configuration
import entrypoint
from tests.unit.serving.test_served_models import archive


@pytest.fixture
def models(store):
    """Write models.toml and read the configuration of a store with yolo 1.3 and helmets 1.0."""
    archive(store, "helmets.mar", "helmets")

    def read(text: str, **env: str) -> configuration.Configuration:
        (store / "models.toml").write_text(text)
        return configuration.read({"MODEL_STORE": str(store), "MODELS_FILE": str(store / "models.toml"), **env})

    return read


def rendered(config):
    lines = configuration.render_properties(config).splitlines()
    return json.loads(dict(line.split("=", 1) for line in lines)["models"])


def test_workers_and_batch_of_each_model(models):
    found = rendered(models("[helmets]\nworkers = 2\nbatch = 8\n[yolo]\nbatch = 4", WORKERS="3", BATCH_SIZE="2"))
    yolo, helmets = found["yolo"]["1.3"], found["helmets"]["1.0"]
    assert (yolo["minWorkers"], yolo["maxWorkers"], yolo["batchSize"]) == (3, 3, 4)
    assert (helmets["minWorkers"], helmets["maxWorkers"], helmets["batchSize"]) == (2, 2, 8)


def test_the_file_says_more_of_a_model_than_the_variables(models):
    config = models("[yolo]\nworkers = 5", WORKERS="3", THREADS="1")
    assert (config.workers, config.threads) == (5, 1)
    environment = entrypoint.worker_environment(config, {"PRECISION": "auto"})
    assert (environment["WORKERS"], environment["THREADS"]) == ("5", "1")


def test_the_workers_get_the_part_that_the_handler_needs(models):
    config = models(
        '[helmets]\nconf = 0.4\nprecision = "auto"\nidle_unload_s = 60\nrate_limit = "1/day"\n'
        "[plates]\nmax_det = 9\n[yolo]\nrate_limit = '9/day'"
    )
    environment = entrypoint.worker_environment(config, {"MODEL_SETTINGS": '{"yolo": {"conf": 1}}'})
    assert json.loads(environment["MODEL_SETTINGS"]) == {
        "helmets": {"conf": 0.4, "precision": "auto", "workers": 1},
        "plates": {"max_det": 9},  # it may be added while the server runs
    }


def test_a_mistake_stops_the_start_with_its_table_key_and_bounds(models):
    with pytest.raises(configuration.ConfigurationError, match=r"\[helmets\] conf = 2: use a number from 0 to 1"):
        models("[helmets]\nconf = 2")


def test_a_table_of_an_unknown_model_is_said_and_stops_nothing(models, capsys):
    entrypoint.report(models("[helmet]\nconf = 0.5"))
    assert "torchserve: [helmet] is of no model that is served; did you mean [helmets]?" in capsys.readouterr().out


def test_a_folder_that_this_user_may_not_enter_stops_nothing_and_is_said(models, store, monkeypatch):
    monkeypatch.setattr(configuration.os, "access", lambda path, mode: False)
    config = models("[helmets]\nconf = 2")
    assert config.settings == {}
    assert config.notes == (
        f"{store} cannot be entered, so there are no settings for each model. Fix: chmod a+x {store}",
    )
