import itertools
import os
import shlex
import shutil
import sys

import pytest

from tests.scripts.docker_calls import packaged

SCRIPT = "package_mar_docker.sh"


@pytest.fixture
def best(checkout):
    path = checkout.root / "models/weights/best.pt"
    path.write_bytes(b"weights")
    return path


def run_call(docker):
    """The words of the one `docker run`."""
    (call,) = docker.called("run")
    return call


def mounts(docker):
    call = run_call(docker)
    return [call[index + 1] for index, word in enumerate(call) if word == "--mount"]


def test_the_image_is_built_before_the_container_runs(checkout, docker, best):
    done = checkout.run(SCRIPT)
    assert done.returncode == 0, done.stderr
    kinds = ["build" if "build" in call else "run" for call in docker.calls if "build" in call or call[0] == "run"]
    assert kinds == ["build", "run"]


def test_a_released_packager_is_run_as_it_is(checkout, docker, best):
    checkout.run("package_mar_docker.sh", IMAGE_POLICY="never")
    assert docker.called("compose", "build") == []
    assert docker.called("run")


def test_the_container_runs_as_the_caller_without_network_or_rights(checkout, docker, best):
    checkout.run(SCRIPT)
    words = " ".join(run_call(docker))
    assert f"--user {os.getuid()}:{os.getgid()} " in words
    for option in ("--rm", "--network none", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert option in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a checkout to somebody else")
def test_under_sudo_the_files_belong_to_the_owner_of_the_checkout(checkout, docker, best):
    os.chown(checkout.root / "serving/torchserve/model-store", 12345, 54321)
    checkout.run(SCRIPT)
    assert "--user 12345:54321 " in " ".join(run_call(docker))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the script as somebody else")
def test_in_a_rootless_engine_the_caller_is_called_root(checkout, docker, best):
    docker.answer("info", "--format", "{{.SecurityOptions}}", say="[name=seccomp,profile=default name=rootless]\n")
    checkout.give_to(12345)
    done = checkout.run(SCRIPT, user=12345)
    assert done.returncode == 0, done.stderr
    assert "--user 0:0 " in " ".join(run_call(docker))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a checkout to somebody else")
def test_a_model_store_of_somebody_elses_is_refused_with_the_fix(checkout, docker, best):
    checkout.give_to(12345)
    os.chown(checkout.root / "serving/torchserve/model-store", 0, 0)
    done = checkout.run(SCRIPT, user=12345)
    assert done.returncode == 1
    assert "sudo chown" in done.stderr
    assert docker.called("run") == []


def test_only_the_model_store_can_be_written(checkout, docker, best):
    checkout.run(SCRIPT)
    weights, store = mounts(docker)
    assert weights == f'type=bind,"source={best}","target=/weights/best.pt",readonly'
    folder = checkout.root / "serving/torchserve/model-store"
    assert store == f'type=bind,"source={folder}","target=/app/serving/torchserve/model-store"'


def test_version_and_note_are_passed_on_word_for_word(checkout, docker, best):
    checkout.run(SCRIPT, "--version", "2.0", "--note", 'with spaces, "quotes" and $HOME')
    given = packaged(run_call(docker))
    assert (given["version"], given["note"]) == ("2.0", 'with spaces, "quotes" and $HOME')


def test_a_relative_file_is_meant_from_where_the_caller_is(checkout, docker, tmp_path):
    elsewhere = tmp_path / 'a "strange", place'
    elsewhere.mkdir()
    (elsewhere / "run 1.pt").write_bytes(b"weights")
    done = checkout.run(SCRIPT, "--weights", "run 1.pt", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    quoted = str(elsewhere).replace('"', '""')
    assert mounts(docker)[0] == f'type=bind,"source={quoted}/run 1.pt","target=/weights/run 1.pt",readonly'
    assert packaged(run_call(docker)) == {"weights": "/weights/run 1.pt"}


def test_a_tag_set_in_dotenv_is_the_one_that_runs(checkout, docker, best):
    # Twice: for the packager, and for the container that downloads, on which it depends.
    docker.answer("compose", "config", "--images", say="yolo-serving/model-archiver:mine\n" * 2)
    checkout.run(SCRIPT)
    assert "yolo-serving/model-archiver:mine" in run_call(docker)


def test_the_settings_about_weights_reach_the_container(checkout, docker, best):
    (checkout.root / ".env").write_text("TRUST_WEIGHTS=true\n")
    done = checkout.run(SCRIPT, WEIGHTS_SHA256="0" * 64)
    assert done.returncode == 0, done.stderr
    call = run_call(docker)
    given = [after for option, after in itertools.pairwise(call) if option == "--env"]
    assert given == [f"WEIGHTS_SHA256={'0' * 64}", "TRUST_WEIGHTS=true"]


def test_what_to_do_next_is_said(checkout, docker, best):
    assert "docker compose restart torchserve" in checkout.run(SCRIPT).stdout


def test_help_says_how_and_calls_nothing(checkout, docker):
    done = checkout.run(SCRIPT, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: bash scripts/package_mar_docker.sh")
    assert docker.calls == []


@pytest.mark.parametrize("arguments", [["--wieghts", "x.pt"], ["best.pt"], ["--version"]])
def test_an_argument_not_understood_is_exit_2_and_calls_nothing(checkout, docker, arguments):
    done = checkout.run(SCRIPT, *arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
    assert docker.calls == []


def test_weights_that_are_not_there_are_named_before_anything_is_built(checkout, docker):
    done = checkout.run(SCRIPT, "--weights", "absent.pt")
    assert done.returncode == 1
    assert f"{checkout.root}/absent.pt" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert not [call for call in docker.calls if "build" in call or "run" in call]


def test_without_weights_of_ones_own_the_place_for_them_is_named(checkout, docker):
    done = checkout.run(SCRIPT)
    assert done.returncode == 1
    assert "models/weights/best.pt" in done.stderr
    assert "--weights FILE" in done.stderr


def test_without_an_engine_the_way_without_docker_is_named(checkout, docker, best):
    docker.answer("info", exit=1)
    done = checkout.run(SCRIPT)
    assert done.returncode == 1
    assert "no engine answers" in done.stderr
    assert "bash scripts/package_mar.sh" in done.stderr


@pytest.mark.parametrize("version", ["2.19.1", "1.29.2"])
def test_a_compose_too_old_for_the_file_is_refused(checkout, docker, best, version):
    docker.answer("compose", "version", say=f"{version}\n")
    done = checkout.run(SCRIPT)
    assert done.returncode == 1
    assert f"Compose {version} is too old" in done.stderr


def test_a_build_that_fails_shows_why_and_runs_nothing(checkout, docker, best):
    docker.answer("compose", "build", complain="no space left on device\n", exit=1)
    done = checkout.run(SCRIPT)
    assert done.returncode == 1
    assert "no space left on device" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert docker.called("run") == []


def test_the_exit_code_of_the_packager_is_the_scripts(checkout, docker, best):
    docker.answer("run", complain="best.pt: not a YOLO checkpoint\n", exit=1)
    done = checkout.run(SCRIPT)
    assert done.returncode == 1
    assert "restart torchserve" not in done.stdout


def test_the_version_alone_is_on_standard_output_when_asked_for(checkout, docker, best):
    docker.answer("compose", "build", say="built\n")
    docker.answer("run", "--network", "none", say="1.7\n", complain="  version  1.7\n")
    done = checkout.run(SCRIPT, "--print-version")
    assert (done.returncode, done.stdout) == (0, "1.7\n")
    assert "built" in done.stderr


@pytest.fixture
def without_python(checkout, docker):
    """A machine with bash and Docker alone, where the image of the packager reads the command line."""
    for name in ("bash", "basename", "cat", "date", "dirname", "grep", "head", "id", "mkdir", "sed", "sort", "stat",
                 "tail", "timeout", "uname", "sh"):  # fmt: skip
        (docker.folder / name).symlink_to(shutil.which(name))
    checkout.environment["PATH"] = str(docker.folder)
    python = f"cd {shlex.quote(str(checkout.root))} && {shlex.quote(sys.executable)}"
    docker.answer("run", "--entrypoint", "python", do=f'while [ "$1" != -m ]; do shift; done; {python} "$@"; exit $?')


def test_without_python_the_image_of_the_packager_reads_the_command_line(checkout, docker, best, without_python):
    done = checkout.run(SCRIPT, "--note", "two words")
    assert done.returncode == 0, done.stderr
    assert packaged(docker.called("run")[-1]) == {"weights": "/weights/best.pt", "note": "two words"}
    assert checkout.run(SCRIPT, "--dance").returncode == 2
    assert checkout.run("releases.sh", "burn").returncode == 2
    assert docker.called("compose", "run") == []


def test_without_python_and_image_up_starts_and_help_says_what_is_missing(checkout, docker, without_python):
    docker.answer("image", "inspect", exit=1)
    checkout.run("up.sh", "--docker")
    assert docker.called("compose", "up")
    done = checkout.run("redeploy.sh", "--help")
    assert (done.returncode, "no Python 3.11 or newer" in done.stderr) == (1, True)


def test_the_weights_of_another_model_have_its_name(checkout, docker, best):
    done = checkout.run(SCRIPT, "--model", "helmets")
    assert done.returncode == 1
    assert "models/weights/helmets.pt" in done.stderr
    helmets = best.with_name("helmets.pt")
    helmets.write_bytes(b"weights")
    done = checkout.run(SCRIPT, "--model", "helmets")
    assert done.returncode == 0, done.stderr
    assert f'"source={helmets}"' in mounts(docker)[0]
    assert packaged(run_call(docker)) == {"weights": "/weights/helmets.pt", "model": "helmets"}


def test_the_weights_of_yolo_may_have_its_name_where_there_is_no_best_pt(checkout, docker, best):
    best.rename(best.with_name("yolo.pt"))
    done = checkout.run(SCRIPT)
    assert done.returncode == 0, done.stderr
    assert packaged(run_call(docker)) == {"weights": "/weights/yolo.pt"}
