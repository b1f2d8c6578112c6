"""The HTTP gateway in front of a model server: it receives images and returns detections.

How an image travels, room by room::

    http, auth, limits     the layers around every route, in the order that middleware lists
    api                    reads the request: body and parameters (intake, detection) and what the answer shall be
    models                 finds the model that is asked; each has a routing, a cache and a backend of its own
    routing                chooses the version of the model
    cache                  returns a stored answer, or stores the new one
    limits/admission       bounds the requests at the model server
    model_server           sends the image to the model server and reads its answer
    second_stage           gives what was found to a second model, if the request says so
    drift                  counts what was found, and compares the last hour with what a version found at first
    api, drawing           write the answer, as JSON or as the annotated image

tracing records what each step took, as spans. All of them use detection (the domain), oip (the codec of the Open
Inference Protocol), settings and concurrency.
The rules of import between the rooms are in docs/development.md, and a test checks them.
"""

__version__ = "0.1.0"
