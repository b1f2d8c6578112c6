"""The HTTP gateway in front of a model server: pictures in, detections out.

How a request travels, which is also the order of the modules::

    request_id → logs → metrics → errors   (ASGI layers, outermost first)
        → routes/predict → upload → parameters → intake → image_header → readiness
            → backends/<name> → schemas
"""

__version__ = "0.1.0"
