"""TorchServe + the handler that the forums hand around: BaseHandler's four steps with `YOLO.predict` in the middle."""

import os

import predictor
from ts.torch_handler.base_handler import BaseHandler


class PlainYoloHandler(BaseHandler):
    """Decode, predict, boxes; batches are predicted picture by picture."""

    def initialize(self, context):
        """Load the weights that lie beside this file in the archive."""
        directory = context.system_properties["model_dir"]
        os.environ["MODEL"] = os.path.join(directory, context.manifest["model"]["serializedFile"])  # noqa: PTH118
        self.model = predictor.load()
        self.initialized = True

    def preprocess(self, data):
        """Turn each request's body into pixels."""
        return [predictor.decode(bytes(item.get("body") or item.get("data"))) for item in data]

    def inference(self, data, *args, **kwargs):
        """Predict each picture."""
        return [predictor.detect(self.model, picture) for picture in data]

    def postprocess(self, data):
        """Return one list of boxes per request."""
        return data
