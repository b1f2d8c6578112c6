"""What the native services are started with."""

import configparser
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from deploy.settings.declared import READERS
from ops.errors import NotRunningError, OpsError, UsageError
from ops.native import green, service, supervisor
from ops.native.environment import only_of_services
from ops.paths import API_KEYS, ROOT, current_archive, store_of
from ops.store import lock
from ops.store.bluegreen import Made, Sides
from ops.system import settings
from tests.support import wait_until
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.setattr(service.java, "find_home", lambda: tmp_path)
    monkeypatch.setenv("PUBLISHED_BIND", "127.0.0.1")
    monkeypatch.setenv("BIND", "0.0.0.0")
    monkeypatch.delenv("JWT_SECRET_FILE", raising=False)
    return lambda: service.services_environment(settings.load(tmp_path / ".env"))


def test_natively_the_address_that_is_listened_on_decides_who_is_asked(environment):
    found = environment()
    assert (found["GATEWAY_HOST"], found["PUBLISHED_BIND"], found["PUBLISHED_PROFILES"]) == ("0.0.0.0", "", "")
    assert found["API_KEYS_FILE"] == str(API_KEYS)
    assert "JWT_SECRET_FILE" not in found


def test_what_a_service_has_compiled_is_kept_for_its_next_start(environment, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    assert "PYTHONDONTWRITEBYTECODE" not in environment()


def test_a_secret_is_found_from_the_checkout_as_in_compose(environment, monkeypatch):
    monkeypatch.setenv("JWT_SECRET_FILE", "secrets/jwt_secret")
    assert environment()["JWT_SECRET_FILE"] == str(ROOT / "secrets/jwt_secret")
    monkeypatch.setenv("JWT_SECRET_FILE", "/etc/jwt_secret")
    assert environment()["JWT_SECRET_FILE"] == "/etc/jwt_secret"


def test_the_services_get_their_settings_and_nothing_else_of_the_caller(environment, monkeypatch):
    given = {"AWS_SECRET_ACCESS_KEY": "s3cret", "YOLO_API_KEY": "s3cret", "WEIGHTS": "https://user:s3cret@host/best.pt"}
    wanted = {
        "REDIS_URL": "redis://redis:6379/0",
        "LC_ALL": "C.UTF-8",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "LOG_LEVEL": "DEBUG",
    }
    for name, value in {**given, **wanted}.items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert wanted.items() <= found.items()
    assert "s3cret" not in str(found)


def test_a_native_service_may_have_every_setting_that_is_documented_for_it():
    declared = READERS["gateway"] | READERS["model server"]
    assert only_of_services(dict.fromkeys(declared, "x")).keys() == declared


def test_a_gateway_that_would_refuse_its_settings_is_not_started_at_all(monkeypatch):
    monkeypatch.setattr(service.supervisor, "PYTHON", Path(sys.executable))
    environment = {"PATH": os.environ["PATH"], "GATEWAY_HOST": "0.0.0.0"}
    with pytest.raises(OpsError, match=r"(?s)open to others.*keys\.sh add.*Nothing was started"):
        service.check_gateway(environment)
    service.check_gateway({**environment, "AUTH": "off"})


def test_the_first_key_restarts_the_services_at_the_next_up(monkeypatch, tmp_path):
    path = Path(tmp_path / "api_keys.jsonl")
    monkeypatch.setattr(service, "API_KEYS", path)
    before = service.fingerprint({})
    path.touch()
    assert service.fingerprint({}) != before


def test_a_change_of_models_toml_restarts_the_services_at_the_next_up(monkeypatch, tmp_path, environment):
    assert environment()["MODELS_FILE"] == str(ROOT / "models/models.toml")
    path = tmp_path / "models.toml"
    monkeypatch.setattr(service, "MODELS_FILE", path)
    seen = [service.fingerprint({})]
    for text in ("[helmets]\nconf = 0.5", "[helmets]\nconf = 0.6"):
        path.write_text(text)
        service.check_model_settings()
        seen.append(service.fingerprint({}))
    assert len(set(seen)) == 3
    path.write_text("[helmets]\nconf = 6")
    with pytest.raises(OpsError, match=r"(?s)\[helmets\] conf = 6: use a number from 0 to 1.*Nothing was started"):
        service.check_model_settings()


@pytest.mark.parametrize(
    ("folder", "module"),
    [("SERVING", "yolo/engines/openvino.py"), ("COMMON", "image_formats/png.py"), ("GATEWAY", "gateway/main.py")],
)
def test_new_code_restarts_the_services_at_the_next_up(monkeypatch, tmp_path, folder, module):
    (tmp_path / module).parent.mkdir(parents=True)
    monkeypatch.setattr(service, folder, tmp_path)
    before = service.fingerprint({})
    (tmp_path / module).write_text("new")
    assert service.fingerprint({}) != before


def test_the_gateway_knows_green_and_the_servers_that_the_operator_adds(environment, monkeypatch):
    monkeypatch.setenv("GREEN_INFERENCE_PORT", "9185")
    green = "green=http://127.0.0.1:9185|http://127.0.0.1:8186"
    monkeypatch.delenv("TORCHSERVE_SERVERS", raising=False)
    assert environment()["TORCHSERVE_SERVERS"] == green
    monkeypatch.setenv("TORCHSERVE_SERVERS", "red=http://one|http://two")
    assert environment()["TORCHSERVE_SERVERS"] == f"{green},red=http://one|http://two"


@pytest.fixture
def described(monkeypatch, tmp_path):
    """What the supervisor would read besides its own file."""
    monkeypatch.setattr(supervisor, "RUN", tmp_path)
    return lambda: configparser.ConfigParser(interpolation=None), tmp_path / "torchserve-green.program.conf"


def test_green_is_started_again_with_everything_made_of_what_it_was(described):
    read, path = described
    made = Made(serving="/a 100 % new/serving", python="/venv/bin/python", handler="archive")
    assert green.restore(Sides(green=made)) == ()
    parser = read()
    parser.read(path)
    program = parser["program:torchserve-green"]
    assert program["command"] == '"/venv/bin/python" "entrypoint.py"'
    assert program["directory"] == "/a 100 %% new/serving"
    assert program["autostart"] == "true"
    assert 'HANDLER_FROM="archive"' in program["environment"]
    assert 'MANAGEMENT_PORT="8186"' in program["environment"]
    assert f'PYTHONPATH="{ROOT}/common"' in program["environment"], "next to this folder there are no common modules"
    assert green.restore(Sides(green=made, blue=False)) == ("torchserve",)
    assert "autostart=false" in supervisor.render(["torchserve"])
    assert "autostart=false" not in supervisor.render()
    assert green.restore(Sides()) == (), "without green nothing is described"
    assert not path.exists()


def test_a_side_that_cannot_be_started_is_refused_before_anything_is(described, monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "states", dict)
    with pytest.raises(NotRunningError, match=r"up\.sh"):
        green.check("green", Made())
    monkeypatch.setattr(supervisor, "states", lambda: {"torchserve": "RUNNING"})
    with pytest.raises(UsageError, match=r"no entrypoint\.py"):
        green.check("green", Made(serving=str(tmp_path)))
    with pytest.raises(UsageError, match="not an executable Python"):
        green.check("green", Made(python=str(tmp_path / "bin/python")))
    for made in (Made(serving='/a "b"'), Made(python="/a\nb/bin/python"), Made(handler='"')):
        with pytest.raises(OpsError, match="quotation mark"):
            green.describe(made)
    green.check("blue", Made())


def test_the_supervisor_reads_the_paths_of_a_checkout_with_an_odd_name(monkeypatch, tmp_path):
    folder = tmp_path / "100 %s $HOME [a]* ñ"
    monkeypatch.setattr(supervisor, "RUN", folder)
    monkeypatch.setattr(supervisor, "LOGS", folder)
    monkeypatch.setattr(supervisor, "ROOT", folder)
    monkeypatch.setattr(supervisor, "SERVING", folder)
    monkeypatch.setattr(supervisor, "PYTHON", folder / "python")
    monkeypatch.setattr(supervisor, "GATEWAY_ENVIRONMENT", {"PYTHONPATH": f"{folder}/common"})
    folder.mkdir()
    config = folder / "supervisord.conf"
    config.write_text(supervisor.render(), encoding="utf-8")
    green.describe(Made())
    options = ServerOptions()
    options.realize(["-c", str(config)])
    programs = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert set(programs) == {"torchserve", "api-gateway", "torchserve-green"}
    assert programs["api-gateway"].environment == {"PYTHONPATH": f"{folder}/common"}
    program = programs["torchserve"]
    assert program.directory == str(folder)
    assert program.environment == {}, "the workers of the model server would inherit it"
    assert program.command == f'"{folder}/python" entrypoint.py'
    assert program.stdout_logfile == f"{folder}/torchserve.log"
    assert options.logfile == f"{folder}/supervisord.log"


def test_up_waits_for_an_operation_and_keeps_others_away_while_it_starts(monkeypatch, tmp_path, capsys):
    began = []
    monkeypatch.setattr(service, "STORE", tmp_path)
    monkeypatch.setattr(service, "prepare", lambda **options: None)
    monkeypatch.setattr(service.supervisor, "states", dict)
    monkeypatch.setattr(service, "start", lambda settings: began.append(lock.holder(tmp_path).what))
    monkeypatch.setattr(service, "await_ready", lambda settings: began.append(lock.holder(tmp_path).what))
    monkeypatch.setattr(service.text, "show", lambda url, picture: began.append(lock.holder(tmp_path)))
    with ThreadPoolExecutor(1) as pool:
        with lock.held(tmp_path, "redeploy of 1.1"):
            up = pool.submit(service.up)
            wait_until(lambda: "waiting for another operation" in capsys.readouterr().out, "up waits")
            assert began == []
        up.result()
    assert began == ["up", "up", None]


def test_the_state_has_the_archive_of_each_model_and_forgets_one_that_is_gone(monkeypatch, tmp_path):
    monkeypatch.setattr(service, "STORE", tmp_path / "store")
    monkeypatch.setattr(service, "STATE", tmp_path / "state.json")
    stores = [store_of(model, tmp_path / "store") for model in ("yolo", "helmets")]
    for number, store in enumerate(stores):
        write_archive(store, "1.0", bytes([number]))
        make_current(store, "1.0")
    service.record_archive(stores[1])
    assert service.read_state() == {}, "no service was started from here"
    state = {"settings": "some", **service.served_archives()}
    assert set(state) == {"settings", "archive", "archive of helmets"}
    service.write_state(state)
    write_archive(stores[1], "1.1", b"new")
    make_current(stores[1], "1.1")
    assert service.served_archives() != {name: state[name] for name in state if name != "settings"}
    service.record_archive(stores[1])
    assert service.read_state() == {"settings": "some", **service.served_archives()}
    current_archive(stores[1]).unlink()
    service.record_archive(stores[1])
    assert set(service.read_state()) == {"settings", "archive"}


def test_up_waits_for_an_operation_on_another_model(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(service, "STORE", tmp_path)
    monkeypatch.setattr(service, "prepare", lambda **options: None)
    monkeypatch.setattr(service.supervisor, "states", dict)
    began = []
    monkeypatch.setattr(service, "start", began.append)
    monkeypatch.setattr(service, "await_ready", lambda settings: None)
    monkeypatch.setattr(service.text, "show", lambda url, picture: None)
    with ThreadPoolExecutor(1) as pool:
        with lock.held(store_of("helmets", tmp_path), "redeploy of 1.1"):
            up = pool.submit(service.up)
            wait_until(lambda: "waiting for another operation" in capsys.readouterr().out, "up waits")
            assert began == []
        up.result()
    assert len(began) == 1


def test_up_keeps_the_operations_of_every_model_away(monkeypatch, tmp_path, capsys):
    helmets = store_of("helmets", tmp_path)
    helmets.mkdir(parents=True)
    seen = []
    monkeypatch.setattr(service, "STORE", tmp_path)
    monkeypatch.setattr(service, "prepare", lambda **options: None)
    monkeypatch.setattr(service.supervisor, "states", dict)
    monkeypatch.setattr(
        service, "start", lambda settings: seen.extend(lock.holder(store).what for store in (tmp_path, helmets))
    )
    monkeypatch.setattr(service, "await_ready", lambda settings: None)
    monkeypatch.setattr(service.text, "show", lambda url, picture: None)
    with ThreadPoolExecutor(1) as pool:
        with lock.held(helmets, "redeploy of 2.1"):
            up = pool.submit(service.up)
            wait_until(lambda: "waiting for another operation" in capsys.readouterr().out, "up waits")
            assert seen == []
        up.result()
    assert seen == ["up", "up"]
    assert lock.holder(helmets) is None


def test_operations_of_two_models_that_end_at_once_both_record_what_is_served(monkeypatch, tmp_path):
    monkeypatch.setattr(service, "STATE", tmp_path / "state.json")
    stores = [store_of(name, tmp_path) for name in ("yolo", "helmets", "plates", "cars")]
    for store in stores:
        current_archive(store).write_bytes(store.name.encode())
    service.record_archive(stores[0])
    assert not service.STATE.exists(), "what the services were started from is not known"
    service.write_state({"settings": "x"})
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(service.record_archive, stores * 4):
            pass
    assert set(service.read_state()) == {
        *("settings", "archive", "archive of helmets", "archive of plates", "archive of cars")
    }
