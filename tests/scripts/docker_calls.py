"""What the scripts asked of the fake engine."""


def operations(docker):
    """What was run in the container beside TorchServe."""
    return [call[call.index("release") + 1 :] for call in docker.called("compose", "run")]


def packagings(docker):
    return [call for call in docker.called("run") if "--keep-only" in call]
