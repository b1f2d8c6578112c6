"""The HTTP gateway in front of a model server: pictures in, detections out.

How a request travels, which is also the order of the modules::

    limits/proxies → request_id → logs → metrics → head_requests → limits/security_headers → error_responses
        → limits (CORS, heads) → auth → limits (rates, memory, slow bodies)   (ASGI layers, outermost first)
        → routes/predict, routes/batch, routes/oip_infer → oip, routes/deepstack → deepstack
            → intake → upload or json_input, then a picture from base64 (json_input) or its address (image_url)
            → formats → negotiation, parameters          what is to be answered, and how to look at the picture
            → asking → image_header → detector → routing (which version) → cache → limits/admission
                → readiness, backends/<name>, perhaps one of several (routing/servers)
            → answers → schemas, or studio → drawing     JSON, or the annotated picture; oip, deepstack: theirs
"""

__version__ = "0.1.0"
