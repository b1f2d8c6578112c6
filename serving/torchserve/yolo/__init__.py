"""Picture bytes in, detections out: decode, letterbox, engine, NMS and results, with no model server in sight.

Shipped beside `yolo_handler.py` in the archive. Nothing here imports TorchServe, ultralytics or torchvision; torch is
imported by `engines/torch.py` alone, and only when that engine is chosen.
"""
