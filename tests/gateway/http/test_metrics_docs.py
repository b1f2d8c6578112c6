"""docs/observability.md names every metric of the gateway."""

from __future__ import annotations

import re

from gateway.main import create_app
from gateway.settings import Settings
from tests.support.tree import ROOT


def test_every_metric_is_documented_and_no_other() -> None:
    app = create_app(Settings(cache="memory", rate_limit="10/minute"))
    families = app.state.services.metrics.registry.collect()
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    names.add("gateway_cache_store_up")  # with CACHE=redis
    documented = set(re.findall(r"`(gateway_\w+)`", (ROOT / "docs" / "observability.md").read_text()))
    assert documented == {name for name in names if name.startswith("gateway_")}
