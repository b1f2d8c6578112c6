"""Ultralytics, imported offline, in silence and without a trace in the user's folders."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

from ops.errors import OpsError


@cache
def ultralytics() -> Any:
    """Import Ultralytics' validators and what they use; return the module. Raises OpsError if it is not installed.

    The import changes the number of threads that torch and OpenCV use.
    """
    if find_spec("ultralytics") is None:
        raise OpsError(
            "validation uses Ultralytics' metrics, and Ultralytics is not installed here. Install the environment of "
            "the project: python3 -m ops.setup.environment"
        )
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    with tempfile.TemporaryDirectory(prefix="yolo-validate-") as folder:
        given = os.environ.setdefault("YOLO_CONFIG_DIR", folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                return _imported()
        finally:
            if given == folder:
                del os.environ["YOLO_CONFIG_DIR"]


def _imported() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ultralytics
        import ultralytics.data.augment
        import ultralytics.models.yolo.detect
        import ultralytics.models.yolo.obb
        import ultralytics.utils.metrics
        import ultralytics.utils.ops
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    return ultralytics
