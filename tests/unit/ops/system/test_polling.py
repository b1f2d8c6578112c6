from ops.gateways.readiness import Readiness
from ops.system.polling import poll


def test_polling_ends_with_the_first_true_answer():
    answers = iter(["", "version 1.0", "never asked"])
    assert poll(lambda: next(answers), deadline_s=30, every_s=0) == "version 1.0"


def test_polling_ends_at_the_deadline_with_the_last_answer():
    answers = [Readiness(False, "no worker")]
    assert poll(answers.pop, deadline_s=0) == Readiness(False, "no worker")
