"""bluegreen.sh where the service runs in Compose: what Docker is asked, in what order."""

import shlex

import pytest

from tests.scripts.docker_calls import operations

UP = ["compose", "--profile", "green", "up", "-d", "--no-deps", "--no-build", "--force-recreate", "--wait"]


@pytest.fixture
def idle(docker):
    """Which side does not answer; green unless a test says otherwise."""
    docker.answer("compose", "ps", "-q", "torchserve", say="0123abcd\n")
    docker.answer("config", "--images", say="yolo-serving/torchserve:next\nyolo-serving/model-archiver:local\n")

    def choose(side):
        docker.answer("release", "bluegreen", "idle", say=f"{side}\n")

    choose("green")
    return choose


def containers(docker):
    """What was done to the containers of the two sides."""
    words = ("up", "build", "rm", "stop")
    return [call for call in docker.calls if call[0] == "compose" and any(word in call[1:4] for word in words)]


def test_green_is_started_of_the_named_image_then_recorded_and_checked(checkout, docker, idle):
    done = checkout.run("bluegreen.sh", "up", "--image", "next", "--note", "two words", "--accept-drift")
    assert done.returncode == 0, done.stderr
    words = ["--image", "next", "--note", "two words", "--accept-drift"]
    assert operations(docker) == [
        ["bluegreen", "idle"],
        ["bluegreen", "up", *words, "--dry-run"],
        ["bluegreen", "idle"],
        ["bluegreen", "up", *words],
    ]
    assert containers(docker) == [[*UP, "torchserve-green"]]
    assert "GREEN_IMAGE_TAG=next" in done.stdout


def test_an_image_that_is_not_there_is_said_before_anything_is_done(checkout, docker, idle):
    docker.answer("image", "inspect", "yolo-serving/torchserve:next", exit=1)
    done = checkout.run("bluegreen.sh", "up", "--image", "next")
    assert (done.returncode, "there is no image yolo-serving/torchserve:next" in done.stderr) == (1, True)
    assert containers(docker) == []
    assert ["bluegreen", "down"] not in operations(docker)


def test_an_image_that_cannot_be_built_leaves_the_one_that_stands_there(checkout, docker, idle):
    docker.answer("green", "build", exit=17)
    done = checkout.run("bluegreen.sh", "up", "--build")
    assert (done.returncode, "Nothing changed" in done.stderr) == (1, True)
    assert [call[3] for call in containers(docker)] == ["build"]
    assert ["bluegreen", "down"] not in operations(docker)


def test_a_side_that_answers_by_now_is_left_alone(checkout, docker, idle):
    """Somebody else switches while the image is built."""
    switched = docker.folder / "switched"
    docker.answer("release", "bluegreen", "idle", do=f"test -e {shlex.quote(str(switched))} && echo blue || echo green")
    docker.answer("green", "build", do=f"touch {shlex.quote(str(switched))}")
    done = checkout.run("bluegreen.sh", "up", "--build")
    assert (done.returncode, "another operation has made green answer" in done.stderr) == (3, True)
    assert [call[3] for call in containers(docker)] == ["build"]


@pytest.mark.parametrize("code", [3, 8])
def test_a_container_that_another_operation_may_need_is_left_running(checkout, docker, idle, code):
    docker.answer("release", "bluegreen", "up", exit=code)
    docker.answer("release", "bluegreen", "up", "--dry-run")
    done = checkout.run("bluegreen.sh", "up")
    assert (done.returncode, "was not checked" in done.stderr) == (code, True)
    assert containers(docker) == [[*UP, "torchserve-green"]]


def test_one_is_built_where_that_is_asked_for(checkout, docker, idle):
    assert checkout.run("bluegreen.sh", "up", "--build").returncode == 0
    assert containers(docker) == [
        ["compose", "--profile", "green", "build", "torchserve-green"],
        [*UP, "torchserve-green"],
    ]


def test_with_green_in_force_blue_is_what_is_started_and_stopped(checkout, docker, idle):
    idle("blue")
    assert checkout.run("bluegreen.sh", "deploy").returncode == 0
    assert containers(docker) == [[*UP, "torchserve"]]
    assert operations(docker)[-2:] == [["bluegreen", "up"], ["bluegreen", "switch"]]
    assert checkout.run("bluegreen.sh", "down").returncode == 0
    assert containers(docker)[1:] == [["compose", "stop", "torchserve"]]


@pytest.mark.parametrize(("code", "what"), [(4, "up"), (1, "deploy")])
def test_one_that_fails_its_check_is_stopped_again(checkout, docker, idle, code, what):
    docker.answer("release", "bluegreen", "up", exit=code)
    docker.answer("release", "bluegreen", what, "--dry-run")
    assert checkout.run("bluegreen.sh", what).returncode == code
    removed = ["compose", "--profile", "green", "rm", "--stop", "--force", "torchserve-green"]
    assert containers(docker)[-1] == removed
    assert ["bluegreen", "switch"] not in operations(docker)


def test_one_that_is_never_healthy_is_stopped_again_with_its_words(checkout, docker, idle):
    docker.answer("--force-recreate", exit=1)
    assert checkout.run("bluegreen.sh", "up").returncode == 1
    assert ["bluegreen", "up"] not in operations(docker)
    assert containers(docker)[-1][-1] == "torchserve-green"
    assert any("logs" in call and call[-1] == "torchserve-green" for call in docker.calls)


def test_what_could_not_begin_begins_nothing(checkout, docker, idle):
    docker.answer("release", "bluegreen", "up", "--dry-run", say="a canary is active\n", exit=8)
    done = checkout.run("bluegreen.sh", "up")
    assert (done.returncode, done.stdout, containers(docker)) == (8, "a canary is active\n", [])
    docker.answer("release", "bluegreen", "down", exit=6)
    assert checkout.run("bluegreen.sh", "down").returncode == 6
    assert containers(docker) == []


@pytest.mark.parametrize(
    "words",
    [["switch", "--accept-drift"], ["switch", "--dry-run"], ["back"], ["back", "--dry-run"], ["status", "--json"]],
)
def test_all_else_is_one_operation_with_its_exit_code(checkout, docker, idle, words):
    docker.answer("release", "bluegreen", words[0], exit=8)
    assert checkout.run("bluegreen.sh", *words).returncode == 8
    assert operations(docker)[0] == ["bluegreen", *words]


@pytest.mark.parametrize("words", [["up", "--dry-run"], ["down", "--dry-run"]])
def test_a_dry_run_touches_no_container(checkout, docker, idle, words):
    assert checkout.run("bluegreen.sh", *words).returncode == 0
    assert containers(docker) == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["dance"],
        ["up", "--image"],
        ["up", "--image", "a", "--build"],
        ["up", "--image", "a b"],
        ["back", "--accept-drift"],
        ["down", "more"],
    ],
)
def test_other_words_are_refused(checkout, docker, idle, words):
    assert checkout.run("bluegreen.sh", *words).returncode == 2
    assert operations(docker) == []


def green_answers(checkout):
    store = checkout.root / "serving/torchserve/model-store"
    (store / "routing").mkdir(exist_ok=True)
    (store / "routing/routing.json").write_text('{\n "schema": 1,\n "server": "green"\n}\n')


def test_up_starts_green_too_where_green_answers_and_goes_on_with_blue_where_it_cannot(checkout, docker, idle):
    green_answers(checkout)
    docker.answer("release", "bluegreen", "green", say="image=next\nhandler=archive\n")
    started = ["compose", "--profile", "green", "up", "-d", "--no-deps", "--no-build", "--no-recreate", "--wait"]
    done = checkout.run("up.sh", "--docker")  # ends at its first detection, which nobody answers
    assert [*started, "torchserve-green"] in docker.calls
    assert "GREEN_IMAGE_TAG=next GREEN_HANDLER_FROM=archive" in done.stdout
    docker.answer("--no-recreate", exit=1)
    done = checkout.run("up.sh", "--docker")
    assert "blue answers instead" in done.stderr
    assert "/predict" in done.stdout, "it goes on"


def test_down_takes_green_along(checkout, docker, idle):
    green_answers(checkout)
    docker.answer("config", "--profiles", say="green\nedge\n")
    docker.answer("--profile", "ps", "-aq", say="0123abcd\n")
    assert checkout.run("down.sh").returncode == 0
    assert docker.called("compose")[-2:] == [
        ["compose", "stop", "api-gateway"],
        ["compose", "--profile", "green", "--profile", "edge", "down"],
    ]


def test_what_fails_is_explained_by_the_one_that_answers(checkout, docker, idle):
    green_answers(checkout)
    docker.answer("release", "rollback", exit=1)
    assert checkout.run("rollback.sh").returncode == 1
    assert [call[-1] for call in docker.calls if "logs" in call] == ["torchserve-green"]


def test_a_rollback_that_needs_a_restart_restarts_the_one_that_answers(checkout, docker, idle):
    green_answers(checkout)
    docker.answer("release", "rollback", exit=10)
    assert checkout.run("rollback.sh").returncode == 0
    assert ["compose", "--profile", "green", "restart", "torchserve-green"] in docker.calls


def test_where_green_alone_answers_the_service_runs_in_compose(checkout, docker, idle):
    green_answers(checkout)
    (checkout.root / ".run").mkdir()
    (checkout.root / ".run/state.json").write_text("{}")
    docker.answer("compose", "ps", "-q", "torchserve", say="")
    docker.answer("--profile", "green", "ps", "-q", "torchserve-green", say="0123abcd\n")
    assert checkout.run("bluegreen.sh", "status").returncode == 0
    assert operations(docker) == [["bluegreen", "status"]]
