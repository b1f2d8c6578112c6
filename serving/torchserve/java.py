"""The Java command line of TorchServe."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from configuration import HERE, Configuration, ConfigurationError


def command(config: Configuration, env: Mapping[str, str]) -> list[str]:
    """Return the command line that the stock `torchserve` launcher would build. Raises ConfigurationError."""
    spec = importlib.util.find_spec("ts")
    if spec is None or spec.origin is None:
        raise ConfigurationError("TorchServe is not installed in this Python: pip install -r requirements.txt")
    home = Path(spec.origin).parent.parent
    return [
        executable(env),
        f"-Dmodel_server_home={home}",
        f"-Djava.io.tmpdir={config.run_dir}",
        f"-Dlog4j.configurationFile={(HERE / 'log4j2.xml').as_uri()}",
        # Restart when memory runs out, rather than run on and fail half of the requests.
        "-XX:+ExitOnOutOfMemoryError",
        *options(config.server.java_opts),
        "-cp",
        f".:{home}/ts/frontend/*",
        "org.pytorch.serve.ModelServer",
        "--python",
        sys.executable,
        "-f",
        str(config.run_dir / "effective.properties"),
        "-s",
        str(config.model_store),
        "-ncs",
    ]


def executable(env: Mapping[str, str]) -> str:
    """Return the Java to run: the one in JAVA_HOME when it is set, else the one on the path."""
    home = env.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def options(given: str) -> list[str]:
    """Return the defaults, which leave the CPUs to the workers, followed by the operator's options.

    The server only moves bytes between sockets and workers. The optimising compiler and the concurrent collector cost
    more CPU time than they save: measured at four clients, Java took 8.2 ms an image in the first seconds and 3.6 after
    a minute, without them 5.0 and 2.0.
    """
    chosen = given.split()
    defaults = ["-XX:TieredStopAtLevel=1"]
    if not any(option.startswith("-XX:+Use") and option.endswith("GC") for option in chosen):
        defaults.append("-XX:+UseSerialGC")  # Java refuses to start with two collectors
    return [*defaults, *chosen]
