"""The boxes that everyone must find: Ultralytics' `predict` on the .pt, one picture at a time.

`reference.py PICTURE …` with MODEL and THREADS in the environment; the last line of standard output is JSON, one list
of boxes per picture.
"""

import json
import sys
from pathlib import Path

import predictor

if __name__ == "__main__":
    model = predictor.load()
    found = [predictor.detect(model, predictor.decode(Path(picture).read_bytes())) for picture in sys.argv[1:]]
    sys.stdout.write("\n" + json.dumps(found))
