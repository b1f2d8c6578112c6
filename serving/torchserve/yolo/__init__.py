"""From an image's bytes to detections: decoding, letterbox, engine, NMS and results, independent of the model server.

The archive holds it next to `yolo_handler.py`. No module imports TorchServe or torchvision; only `engines/torch.py`
imports torch and Ultralytics, and only when that engine is chosen.
"""
