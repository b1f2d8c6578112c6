from ops.gateways import readiness


def test_waiting_ends_with_the_first_yes():
    answers = iter([(False, "starting"), (True, "version 1.0"), (False, "never asked")])
    assert readiness.wait(lambda: next(answers), deadline_s=30) == (True, "version 1.0")


def test_waiting_ends_at_the_deadline_with_what_was_seen_last():
    assert readiness.wait(lambda: (False, "no worker"), deadline_s=0) == (False, "no worker")


def test_waiting_ends_when_nothing_is_alive_that_could_become_ready():
    assert readiness.wait(lambda: (False, "down"), deadline_s=60, alive=lambda: False) == (False, "down")


def test_a_gateway_that_is_not_there_is_not_ready():
    ready, seen = readiness.readiness("http://127.0.0.1:9")
    assert not ready
    assert "does not answer" in seen
