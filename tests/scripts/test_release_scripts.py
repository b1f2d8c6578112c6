"""redeploy.sh, rollback.sh and releases.sh where the service runs in Compose: what Docker is asked, in what order."""

import pytest

from tests.scripts.docker_calls import operations, packaged, packagings


def test_redeploy_asks_whether_it_can_be_done_then_packages_then_releases_what_was_packaged(checkout, docker, weights):
    done = checkout.run("redeploy.sh", "new best.pt", "--note", "two words", "--accept-drift")
    assert done.returncode == 0, done.stderr
    first, second = operations(docker)
    given = ["redeploy", "new best.pt", "--note", "two words", "--accept-drift"]
    assert first == [*given, "--dry-run"]
    assert second == [*given, "--packaged", "1.7"]
    (packaging,) = packagings(docker)
    assert packaged(packaging) == {"weights": "/weights/new best.pt", "note": "two words", "keep_only": True}
    order = [call for call in docker.calls if call in (packaging, *docker.called("compose", "run"))]
    assert order.index(packaging) == 1


def test_the_operation_runs_without_packages_on_the_host_and_knows_who_asked(checkout, docker, weights):
    checkout.run("redeploy.sh", "new best.pt")
    for call in docker.called("compose", "run"):
        assert call[:6] == ["compose", "run", "--rm", "-T", "--no-deps", "release"]
    assert not (checkout.root / ".venv").exists()


def test_what_cannot_be_done_is_told_before_packaging_with_its_own_exit_code(checkout, docker, weights):
    docker.answer("compose", "run", "--dry-run", say="error: another operation is at work\n", exit=3)
    done = checkout.run("redeploy.sh", "new best.pt")
    assert done.returncode == 3
    assert "another operation" in done.stdout
    assert packagings(docker) == []


def test_a_dry_run_packages_nothing(checkout, docker, weights):
    docker.answer("compose", "run", "--dry-run", say="Dry run\n")
    done = checkout.run("redeploy.sh", "new best.pt", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "Dry run\n")
    assert packagings(docker) == []


@pytest.mark.parametrize("status", [1, 4, 6])
def test_a_failed_release_ends_with_its_exit_code(checkout, docker, weights, status):
    docker.answer("compose", "run", "--packaged", exit=status)
    assert checkout.run("redeploy.sh", "new best.pt").returncode == status


def test_packaging_that_fails_is_where_it_ends(checkout, docker, weights):
    docker.answer("run", "--network", "none", complain="error: cannot be loaded\n", exit=1)
    done = checkout.run("redeploy.sh", "new best.pt")
    assert done.returncode == 1
    assert len(operations(docker)) == 1


def test_weights_that_are_not_there_are_named_before_anything_is_asked(checkout, docker):
    done = checkout.run("redeploy.sh", "absent.pt")
    assert done.returncode == 1
    assert "absent.pt" in done.stderr
    assert docker.calls == []
    assert checkout.run("redeploy.sh").returncode == 2


def test_a_rollback_while_torchserve_is_down_restarts_it_and_waits_for_health(checkout, docker, weights):
    docker.answer("compose", "run", "rollback", exit=10)
    done = checkout.run("rollback.sh", "1.0")
    assert done.returncode == 0, done.stderr
    after = docker.calls[docker.calls.index(docker.called("compose", "run")[0]) + 1 :]
    assert after == [
        ["compose", "restart", "torchserve"],
        ["compose", "up", "-d", "--no-deps", "--no-build", "--no-recreate", "--wait", "torchserve"],
    ]
    docker.answer("compose", "up", exit=1)
    assert checkout.run("rollback.sh", "1.0").returncode == 6


def test_the_list_and_prune_are_passed_on_and_nonsense_is_not(checkout, docker, weights):
    assert checkout.run("releases.sh").returncode == 0
    assert checkout.run("releases.sh", "prune", "--keep", "3", "--dry-run").returncode == 0
    assert operations(docker) == [["releases"], ["releases", "prune", "--keep", "3", "--dry-run"]]
    for wrong in (["prune", "--keep", "many"], ["prune", "--keep"], ["list", "audit"], ["burn"]):
        assert checkout.run("releases.sh", *wrong).returncode == 2
    assert len(operations(docker)) == 2


def test_a_key_in_a_file_reaches_the_container_and_no_command_line(checkout, docker, tmp_path):
    (tmp_path / "key").write_text("yk_secret\n")
    docker.answer("compose", "run", do='printf %s "$YOLO_API_KEY" >"$here/key"')
    assert checkout.run("releases.sh", "list", YOLO_API_KEY_FILE=str(tmp_path / "key")).returncode == 0
    assert (docker.folder / "key").read_text() == "yk_secret"
    assert not any("yk_secret" in word for call in docker.calls for word in call)
    done = checkout.run("releases.sh", "list", YOLO_API_KEY_FILE=str(tmp_path / "absent"))
    assert (done.returncode, "cannot be read" in done.stderr) == (1, True)


def test_where_no_service_was_ever_set_up_it_is_said(checkout, docker):
    docker.answer("image", "inspect", exit=1)
    done = checkout.run("rollback.sh")
    assert done.returncode == 5
    assert "bash scripts/up.sh" in done.stderr
    docker.answer("info", exit=1)
    assert checkout.run("releases.sh").returncode == 5
    asked = checkout.run("releases.sh", "--docker")
    assert asked.returncode == 1
    assert "no engine answers" in asked.stderr


def test_the_model_that_is_named_is_packaged_and_released(checkout, docker, weights):
    done = checkout.run("redeploy.sh", "new best.pt", "--model", "helmets")
    assert done.returncode == 0, done.stderr
    (packaging,) = packagings(docker)
    assert packaged(packaging)["model"] == "helmets"
    assert operations(docker)[-1] == ["redeploy", "new best.pt", "--model", "helmets", "--packaged", "1.7"]
    done = checkout.run("redeploy.sh", "new best.pt", "--model", "hel mets")
    assert (done.returncode, "cannot be a model's name" in done.stderr) == (2, True)
