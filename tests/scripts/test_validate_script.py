"""validate.sh: in the packager's image where the service runs in Compose, else in the project's own environment."""

from __future__ import annotations

from tests.scripts.docker_calls import operations


def serve(docker, say=""):
    docker.answer("compose", "ps", "-q", "torchserve", say="0123abcd\n")
    docker.answer("run", "--print-folders", say=say)


def test_in_compose_the_container_sees_the_folders_that_data_yaml_names(checkout, docker, folder):
    labelled = folder / "my set"
    (labelled / "images").mkdir(parents=True)
    (labelled / "data.yaml").write_text("val: images\nnames: [a]\n")
    serve(docker, f"{labelled}\n{labelled}/images\n{labelled}/absent\n")
    done = checkout.run("validate.sh", "data.yaml", "--split", "test", "--limit", "5", cwd=labelled)
    assert done.returncode == 0, done.stderr
    (question,) = [call for call in docker.called("run") if "--print-folders" in call]
    assert question[question.index("--network") + 1] == "none"
    assert f"{labelled}/data.yaml:{labelled}/data.yaml:ro" in question
    assert question[-7:] == ["validate", "data.yaml", "--split", "test", "--limit", "5", "--print-folders"]
    (call,) = docker.called("compose", "run")
    mounted = [call[index + 1] for index, word in enumerate(call) if word == "--volume"]
    assert mounted == [f"{labelled}:{labelled}:ro", f"{labelled}/images:{labelled}/images:ro"]
    assert operations(docker) == [["validate", "data.yaml", "--split", "test", "--limit", "5"]]


def test_a_missing_data_yaml_is_named_before_a_container_is_started(checkout, docker):
    serve(docker)
    done = checkout.run("validate.sh", "absent.yaml")
    assert done.returncode == 2
    assert f"{checkout.root}/absent.yaml: there is no such file" in done.stderr
    assert docker.called("compose", "run") == []


def test_a_data_yaml_that_is_wrong_ends_it(checkout, docker):
    (checkout.root / "data.yaml").write_text("x")
    serve(docker)
    docker.answer("run", "--print-folders", complain="error: names: is missing\n", exit=1)
    done = checkout.run("validate.sh", "data.yaml")
    assert (done.returncode, "names: is missing" in done.stderr) == (1, True)
    assert docker.called("compose", "run") == []


def test_another_gateway_is_asked_from_this_machine(checkout, docker, folder):
    serve(docker)
    program = folder / "bin/python3"
    program.write_text('#!/bin/sh\ncase "$*" in *environment*) exit 7 ;; esac\nexec python3.11 "$@"\n')
    program.chmod(0o755)
    for options, variables in ((["--url", "http://other:8001"], {}), ([], {"GATEWAY_URL": "http://other:8001"})):
        done = checkout.run("validate.sh", "data.yaml", *options, PYTHON=str(program), **variables)
        assert done.returncode == 7, done.stderr  # it installs the environment of the project first
    assert docker.called("compose", "run") == []
