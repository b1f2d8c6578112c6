"""The client of TorchServe is of one model, whose addresses it uses."""

from __future__ import annotations

import pytest

from ops.paths import store_of
from ops.torchserve.client import RefusedError
from ops.torchserve.host import at, here


def test_every_address_is_the_models(served):
    helmets = served.serve("helmets", "2.0")
    server = served.host("helmets").server
    assert server.default().version == "2.0"
    server.register("helmets-2.1.mar", server.default())
    server.scale("2.1", 1)
    server.set_default("2.1")
    assert server.predict(b"")[0]["model"]["version"] == "2.1"
    assert server.names("2.1") == {"0": "person"}
    assert server.unregister("2.0")
    assert [loaded.version for loaded in server.versions()] == ["2.1"]
    assert helmets.calls == [
        "POST /models",
        "PUT /models/helmets/2.1",
        "PUT /models/helmets/2.1/set-default",
        "DELETE /models/helmets/2.0",
    ]
    assert (served.default, list(served.workers)) == ("1.0", ["1.0"])


def test_a_host_leads_to_the_other_models_of_its_server(served):
    served.serve("helmets", "2.0")
    yolo = served.host()
    helmets = yolo.of_model("helmets")
    assert (helmets.model, helmets.store) == ("helmets", served.store / "models.d" / "helmets")
    assert helmets.server.default().version == "2.0"
    assert helmets.of_model("yolo").store == served.store
    assert (yolo.model, yolo.server.default().version) == ("yolo", "1.0")
    with pytest.raises(RefusedError, match="Model not found: plates"):
        yolo.of_model("plates").server.default()


def test_the_model_of_a_host_is_that_of_its_store(tmp_path, monkeypatch):
    for name in ("OPS_MANAGEMENT_URL", "OPS_INFERENCE_URL", "OPS_GREEN_MANAGEMENT_URL", "OPS_GREEN_INFERENCE_URL"):
        monkeypatch.setenv(name, "http://somewhere")
    assert here(tmp_path).server.model == "yolo"
    assert here(store_of("helmets", tmp_path)).server.model == "helmets"
    assert at("green", store_of("helmets", tmp_path)).server.model == "helmets"
