"""What the processes of a service know of the variables that it was started with."""

from __future__ import annotations

from ops.native.environment import only_of_services
from tests.native.configured.conftest import SECRET


def test_every_process_holds_the_variables_it_needs_and_no_secret_travels(configured):
    processes = configured.processes("")
    holders = {}
    for process in processes:
        name, found = " ".join(process.cmdline()), process.environ()
        assert SECRET not in name
        assert found.keys() - only_of_services(found).keys() <= own_variables(name, found), name
        if SECRET in str(found):
            holders[name] = {key for key, value in found.items() if SECRET in value}
    assert len(processes) >= 5, processes  # supervisor, gateway, guard, Java, a worker
    assert len(holders) == 2, holders
    assert all("-m gateway" in name or "supervisord" in name for name in holders)
    assert set.union(*holders.values()) == {"REDIS_URL"}


def own_variables(name: str, found: dict[str, str]) -> set[str]:
    """What a program sets itself, or for its own children."""
    if "-m gateway" in name:
        return {"PYTHONPATH", *(key for key in found if key.startswith("SUPERVISOR_"))}
    if "model_service_worker" in name:
        return {"PYTHONPATH", "MODEL_SETTINGS", *(key for key in found if key.startswith("TS_"))}
    return {"PYTHONPATH", "MODEL_SETTINGS"}  # the settings of each model, for the workers
