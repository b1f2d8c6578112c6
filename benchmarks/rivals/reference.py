"""The boxes that every contestant should find: those of Ultralytics' `predict` on the .pt, one image at a time.

`reference.py IMAGE …` with MODEL and THREADS in the environment. The last line of standard output is JSON, one list of
boxes per image.
"""

import json
import sys
from pathlib import Path

import predictor

if __name__ == "__main__":
    model = predictor.load()
    found = [predictor.detect(model, predictor.decode(Path(image).read_bytes())) for image in sys.argv[1:]]
    sys.stdout.write("\n" + json.dumps(found))
