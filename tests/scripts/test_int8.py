import pytest

from tests.scripts.docker_calls import packaged

DOCKER = "package_mar_docker.sh"


@pytest.fixture
def best(checkout):
    path = checkout.root / "models/weights/best.pt"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def pictures(folder):
    path = folder / "some, pictures"
    path.mkdir()
    return path


@pytest.mark.parametrize("script", [DOCKER, "package_mar.sh"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--int8"], "--int8 needs --calibration DIR"),
        (["--force"], "--force needs --int8"),
        (["--calibration", "."], "--calibration needs --int8"),
        (["--data", "data.yaml"], "--data needs --int8"),
        (["--int8", "--calibration", ".", "--max-map-loss", "0.1"], "--max-map-loss needs --data"),
        (["--int8", "--calibration", ".", "--data", "d", "--max-map-loss", "2"], "2: a number from 0 to 1 is needed"),
        (["--int8", "--calibration"], "argument --calibration: expected one argument"),
    ],
)
def test_options_that_do_not_belong_together_are_refused_before_anything_is_installed(
    checkout, docker, script, arguments, message
):
    done = checkout.run(script, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert docker.calls == []
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize("script", [DOCKER, "package_mar.sh"])
def test_a_calibration_folder_that_is_not_there_is_named_before_anything_is_installed(checkout, docker, script):
    done = checkout.run(script, "--int8", "--calibration", "absent")
    assert done.returncode == 1
    assert f"--calibration {checkout.root}/absent: there is no such folder" in done.stderr
    assert docker.calls == []
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize("script", [DOCKER, "package_mar.sh"])
def test_help_explains_int8(checkout, script):
    assert "--calibration DIR" in checkout.run(script, "--help").stdout


def test_the_container_sees_the_pictures_and_cannot_change_them(checkout, docker, best, pictures):
    done = checkout.run(DOCKER, "--int8", "--calibration", pictures.name, "--force", cwd=pictures.parent)
    assert done.returncode == 0, done.stderr
    (call,) = docker.called("run")
    assert f'type=bind,"source={pictures}","target=/calibration",readonly' in call
    assert packaged(call) == {
        "weights": "/weights/best.pt", "int8": True, "force": True, "calibration": "/calibration"
    }  # fmt: skip


def test_int8_is_packaged_by_an_image_of_its_own(checkout, docker, best, pictures):
    docker.answer("config", "--images", "model-archiver-int8", say="yolo-serving/model-archiver-int8:local\n")
    checkout.run(DOCKER, "--int8", "--calibration", str(pictures))
    (build,) = [call for call in docker.calls if "build" in call]
    assert build == ["compose", "--profile", "int8", "build", "model-archiver-int8"]
    (call,) = docker.called("run")
    assert "yolo-serving/model-archiver-int8:local" in call


def test_without_int8_nothing_of_it_is_built_or_mounted(checkout, docker, best):
    checkout.run(DOCKER)
    assert not [word for call in docker.calls for word in call if "int8" in word or "calibration" in word]


@pytest.mark.parametrize("script", [DOCKER, "package_mar.sh"])
def test_a_labelled_set_that_is_not_there_is_named_before_anything_is_installed(checkout, docker, script, pictures):
    done = checkout.run(script, "--int8", "--calibration", str(pictures), "--data", "absent.yaml")
    assert done.returncode == 1
    assert f"--data {checkout.root}/absent.yaml: there is no such file" in done.stderr
    assert docker.calls == []


def test_the_container_sees_the_labelled_set_where_it_is(checkout, docker, best, pictures):
    (pictures / "data.yaml").write_text("val: images\nnames: [a]\n")
    docker.answer("run", "--print-folders", say=f"{pictures}\n{pictures}/absent\n")
    done = checkout.run(
        DOCKER,
        *("--int8", "--calibration", str(pictures), "--data", "data.yaml", "--max-map-loss", "0.02"),
        cwd=pictures,
    )
    assert done.returncode == 0, done.stderr
    question, call = docker.called("run")
    assert question[-3:] == ["validate", f"{pictures}/data.yaml", "--print-folders"]
    assert f'type=bind,"source={pictures}","target={pictures}",readonly' in call
    assert not [word for word in call if "absent" in word]
    assert packaged(call) == {
        "weights": "/weights/best.pt",
        "int8": True,
        "calibration": "/calibration",
        "data": f"{pictures}/data.yaml",
        "max_map_loss": 0.02,
    }
