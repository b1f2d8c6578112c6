"""Ask with the client that Home Assistant's integration uses: HOST PORT CUSTOM_MODEL, the picture on standard input."""

import json
import sys

from deepstack.core import DeepstackException, DeepstackObject, get_objects_summary

host, port, custom_model = sys.argv[1:]
client = DeepstackObject(host, int(port), api_key="k", min_confidence=0.1, custom_model=custom_model)
try:
    predictions = client.detect(sys.stdin.buffer.read())
    print(json.dumps({"predictions": predictions, "summary": get_objects_summary(predictions)}))
except DeepstackException as error:
    print(json.dumps({"error": str(error)}))
