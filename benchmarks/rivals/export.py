"""Export a .pt with Ultralytics' own exporter, as its documentation does: `export.py WEIGHTS [dynamic]`.

Ultralytics writes the export next to the weights.
"""

import sys

from ultralytics import YOLO

if __name__ == "__main__":
    YOLO(sys.argv[1]).export(format="openvino", dynamic="dynamic" in sys.argv[2:])
