"""Images of other projects' services, for the profiles of Compose.

No registry can be counted on, so they are made of Debian's packages, the way the official ones are. Caddy comes as a
wheel, because Debian's is older than the official image.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.compose.stack import Stack
from tests.support.caddy import find_caddy

INSTALL = "RUN apt-get update && apt-get install -y --no-install-recommends"


def build(stack: Stack, variable: str, dockerfile: str, *files: Path) -> str:
    """Build an image, with these files to copy, and return its name."""
    name = f"yolo-serving/test-{variable.removesuffix('_IMAGE').lower()}:bookworm"
    folder = stack.root / variable
    folder.mkdir(exist_ok=True)
    for file in files:
        shutil.copy2(file, folder)
    (folder / "Dockerfile").write_text(dockerfile)
    stack.docker("build", "--quiet", "--tag", name, str(folder))
    return name


def build_edge_and_redis(stack: Stack, base: str) -> dict[str, str]:
    """Build the images of the profiles edge and redis; return their names by the variable that Compose reads."""
    caddy = (
        f"FROM {base}\n{INSTALL} wget\nCOPY caddy /usr/local/bin/\n"
        # Where it keeps its certificates is said in the official image, too.
        "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data\n"
    )
    return {
        "CADDY_IMAGE": build(stack, "CADDY_IMAGE", caddy, find_caddy()),
        "REDIS_IMAGE": build(stack, "REDIS_IMAGE", f"FROM {base}\n{INSTALL} redis-server\n"),
    }
