"""The Open Inference Protocol (version 2 of KServe's, also Triton's) over HTTP, as pure functions.

Read in the protocol's text, https://github.com/kserve/open-inference-protocol, and its binary tensor data extension.
``routes/oip`` serves it and ``backends/oip`` speaks it to other servers; both stand on these::

    tensors     values ↔ little-endian bytes, elements of BYTES with their lengths before them
    messages    body ↔ JSON head and the binary data behind it
    layout      the tensors that stand for pictures and detections: what model metadata tells
    requests    an inference request read: pictures, parameters, which outputs in which encoding
    responses   predictions written as tensors
    results     another server's tensors read as detections
"""
