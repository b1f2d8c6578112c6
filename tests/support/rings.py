"""What happens to a test that this machine cannot run."""

from __future__ import annotations

import os

import pytest


def cannot_run(reason: str) -> None:
    """Skip, or fail where every ring is required (CI)."""
    if os.environ.get("REQUIRE_RINGS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
