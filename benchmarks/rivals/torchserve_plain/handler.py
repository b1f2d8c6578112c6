"""TorchServe + the handler usually found in forums: BaseHandler's four steps around `YOLO.predict`."""

import os

import predictor
from ts.torch_handler.base_handler import BaseHandler


class PlainYoloHandler(BaseHandler):
    """Decode, predict, return boxes; a batch is predicted image by image."""

    def initialize(self, context):
        """Load the weights next to this file in the archive."""
        directory = context.system_properties["model_dir"]
        os.environ["MODEL"] = os.path.join(directory, context.manifest["model"]["serializedFile"])  # noqa: PTH118
        self.model = predictor.load()
        self.initialized = True

    def preprocess(self, data):
        """Decode each request's body into pixels."""
        return [predictor.decode(bytes(item.get("body") or item.get("data"))) for item in data]

    def inference(self, data, *args, **kwargs):
        """Predict each image."""
        return [predictor.detect(self.model, image) for image in data]

    def postprocess(self, data):
        """Return one list of boxes per request."""
        return data
