"""The operations behind the scripts: set up, package, start, stop, ask."""

import sys
from pathlib import Path

# The modules that the gateway and the model server use too.
sys.path.append(str(Path(__file__).resolve().parent.parent / "common"))
