"""LitServe + `YOLO(MODEL)`, where MODEL is best.pt or a folder of Ultralytics' own OpenVINO export.

As LitServe's documentation recommends: a LitAPI with setup, decode_request, predict and encode_response, an upload
read from the request's form, and `workers_per_device` copies of the model to use every CPU (its default is one). No
batching: Ultralytics would pad the images of a batch to one shape, which costs a CPU more than it gains.
"""

import os

import litserve
import predictor


class Detector(litserve.LitAPI):
    """One copy of the model."""

    def setup(self, device):
        """Load the model in this worker."""
        self.model = predictor.load()

    def decode_request(self, request):
        """Decode the form's file into pixels."""
        return predictor.decode(request["file"].file.read())

    def predict(self, x):
        """Return the boxes of one image."""
        return predictor.detect(self.model, x)

    def encode_response(self, output):
        """Return the boxes unchanged: LitServe encodes them as JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Detector(api_path="/predict"),
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        timeout=60,
    )
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", generate_client_file=False)
