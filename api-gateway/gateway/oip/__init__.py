"""The codec of the Open Inference Protocol, version 2 (KServe, Triton): pure functions over bytes and JSON.

The sources are the protocol, https://github.com/kserve/open-inference-protocol, and its binary tensor data extension.
``api/oip`` serves the protocol and ``model_server/oip`` speaks it to other servers; both use these modules::

    tensors     values ↔ little-endian bytes, elements of BYTES with their lengths before them
    messages    body ↔ JSON head and the binary data behind it
    layout      the tensors for images and detections, as model metadata describes them
"""
