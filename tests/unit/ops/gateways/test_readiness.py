from ops.gateways import readiness


def test_a_gateway_that_does_not_answer_is_not_ready():
    gateway = readiness.ask("http://127.0.0.1:9")
    assert not gateway
    assert "does not answer" in gateway.message
