"""models.sh where the service runs in Compose: what Docker is asked, in what order."""

from tests.scripts.docker_calls import operations, packaged, packagings


def test_weights_are_packaged_for_the_new_model_in_a_container_without_a_network(checkout, docker, weights):
    done = checkout.run("models.sh", "add", "new best.pt", "--name", "helmets", "--note", "two words")
    assert done.returncode == 0, done.stderr
    given = ["models", "add", "new best.pt", "--name", "helmets", "--note", "two words"]
    assert operations(docker) == [[*given, "--dry-run"], [*given, "--packaged", "1.7"]]
    (packaging,) = packagings(docker)
    assert packaged(packaging) == {
        "weights": "/weights/new best.pt", "note": "two words",
        "keep_only": True, "model": "helmets", "new_model": True,
    }  # fmt: skip


def test_what_cannot_be_added_is_told_before_packaging(checkout, docker, weights):
    docker.answer("compose", "run", "--dry-run", say="error: the model helmets is there already\n", exit=8)
    done = checkout.run("models.sh", "add", "new best.pt", "--name", "helmets")
    assert (done.returncode, "there already" in done.stdout) == (8, True)
    assert packagings(docker) == []


def test_a_name_that_cannot_be_one_and_a_missing_one_ask_nobody(checkout, docker, weights):
    for wrong in (["--name", "my helmets"], ["--name", "../helmets"], []):
        done = checkout.run("models.sh", "add", "new best.pt", *wrong)
        assert done.returncode == 2, done.stderr
    assert docker.called("compose", "run") == []


def test_a_kept_version_comes_back_without_packaging(checkout, docker, weights):
    assert checkout.run("models.sh", "add", "1.0", "--name", "helmets").returncode == 0
    assert operations(docker) == [["models", "add", "1.0", "--name", "helmets"]]
    assert packagings(docker) == []


def test_the_list_and_a_removal_are_passed_on(checkout, docker, weights):
    assert checkout.run("models.sh", "list", "--json").returncode == 0
    assert checkout.run("models.sh", "remove", "helmets", "--purge").returncode == 0
    assert operations(docker) == [["models", "list", "--json"], ["models", "remove", "helmets", "--purge"]]


PACKAGED = "  plates: not packaged: empty\n  helmets: version 1.0\n"
SKIPPED = "torchserve: skipped model hats: does not fit into memory\n"


def test_up_shows_the_models_where_there_are_several_and_what_was_not_packaged(checkout, docker):
    docker.answer("compose", "port", "api-gateway", "8000", say="127.0.0.1:1\n")
    docker.answer("compose", "logs", "model-archiver", "torchserve", say=PACKAGED + SKIPPED)
    (checkout.root / "samples/street.jpg").write_bytes(b"picture")
    curl = docker.folder / "curl"
    curl.write_text("#!/bin/sh\nprintf '{}\\n200'\n")
    curl.chmod(0o755)
    assert checkout.run("up.sh").returncode == 0
    assert operations(docker) == []
    (checkout.root / "models/weights/plates.pt").touch()
    done = checkout.run("up.sh")
    assert done.returncode == 0, done.stderr
    assert operations(docker) == [["models", "list"]]
    assert "plates: not packaged: empty" in done.stdout
    assert "skipped model hats: does not fit" in done.stdout
    assert "helmets: version" not in done.stdout
