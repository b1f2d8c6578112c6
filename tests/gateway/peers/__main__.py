"""Make what the tests need of other programs: python -m tests.gateway.peers."""

from tests.gateway.peers.environment import HERE, java, npm_packages, python_with
from tests.gateway.peers.victoria_logs import victoria_logs

for requirements in sorted(HERE.glob("*.txt")):
    if not requirements.name.endswith(".constraints.txt"):
        python_with(requirements.stem)
npm_packages()
java()
victoria_logs()
