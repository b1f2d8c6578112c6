"""Post-training quantisation of an exported model to int8, by NNCF.

Measured with YOLOv8n on crops of 14 photos (952 boxes; 7 photos calibrate, the crops of the other 7 are compared, and
vice versa): the share of boxes with a partner at IoU 0.5 and at 0.9, and the speed-up over fp32 on a busy machine, with
AVX-512 VNNI and with oneDNN limited to AVX2. A difference of 0.01 may be chance:

                                                   VNNI                  AVX2
    mixed preset, everything in int8               0.915  0.61  2.2      0.915  0.61  1.8
    … the head's decoding in float (Ultralytics')  0.937  0.91  2.3      0.935  0.91  1.8
    … its last convolutions too                    0.940  0.92  2.2      0.937  0.92  1.8
    … and the bias corrected exactly, not fast     0.949  0.93  2.4      0.949  0.93  1.7    taken
    … the whole head in float                      0.936  0.92  1.5      0.938  0.92  1.4
    … decoding in float, performance preset        0.900  0.85  2.2      0.843  0.75  1.8
    … decoding in float, no overflow fix           0.940  0.92  2.3      0.812  0.67  1.8

The overflow fix is NNCF's default: without VNNI the sums of 16 bits saturate, so the first layer's weights get 7 bits.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.packaging.int8 import calibration
from yolo import results
from yolo.letterbox import Floats
from yolo.metadata import Metadata

PRESET = "mixed"


def require() -> str:
    """Return NNCF's version. Raises OpsError when it is not installed."""
    if find_spec("nncf") is None:
        raise OpsError(
            "int8 needs NNCF, which is not installed. bash scripts/package_mar.sh --int8 installs it; by hand: "
            "python3 -m ops.setup.environment --int8"
        )
    return version("nncf")


def quantize(
    source: Path, target: Path, pictures: Sequence[Path], model: Metadata, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Write the int8 version of the IR `source` to `target` (.xml, with a .bin of the same name).

    `tell` is called with the number of pictures read so far; each is read more than once. Raises OpsError.
    """
    require()
    os.environ["NNCF_CI"] = "1"  # switches off usage reports
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nncf
        import openvino as ov
        import rich

    count = 0

    def load(picture: Path) -> Floats:
        nonlocal count
        count += 1
        tell(f"{count} read")
        return calibration.network_input(picture, model)

    nncf.set_log_level(logging.ERROR)
    rich.get_console().quiet = True  # NNCF's own progress bars
    graph = ov.Core().read_model(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantized = nncf.quantize(
                graph,
                nncf.Dataset(list(pictures), load),
                preset=nncf.QuantizationPreset.MIXED,  # negative activations, as of SiLU, need a zero point
                subset_size=len(pictures),
                fast_bias_correction=False,
                model_type=nncf.ModelType.TRANSFORMER if model.head == results.RTDETR else None,
                ignored_scope=nncf.IgnoredScope(names=kept_float(graph)),
            )
    except Exception as error:  # NNCF raises anything for a graph that it does not know
        raise OpsError(f"this model cannot be quantised: {error}. Package it without --int8") from error
    # By default save_model would store the float operations as float16.
    ov.save_model(quantized, target, compress_to_fp16=False)


def kept_float(graph: Any) -> list[str]:
    """Return the names of the operations that stay in float: the head's decoding, and the convolutions that feed it.

    Eight bits are too few for a tensor of scores and of coordinates up to 640. The convolutions before it are 1 × 1 and
    cost almost nothing.
    """
    module = head(graph)
    names = []
    for operation in graph.get_ordered_ops():
        name = operation.get_friendly_name()
        if name.startswith((f"{module}/", f"{module}.dfl")):
            names.append(name)
            for value in operation.input_values():
                bias = value.get_node()
                convolution = bias.input_value(0).get_node() if bias.get_type_name() == "Add" else bias
                if convolution.get_type_name() == "Convolution":
                    names += [bias.get_friendly_name(), convolution.get_friendly_name()]
        elif operation.get_type_name() == "Sigmoid":
            names.append(name)
    return sorted(set(names))


def head(graph: Any) -> str:
    """Return the name of the head, the module of the first output, such as `__module.model.22`."""
    name: str = graph.output(0).get_node().input_value(0).get_node().get_friendly_name()
    return name.split("/", 1)[0]
