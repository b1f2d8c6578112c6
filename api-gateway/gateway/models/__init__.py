"""The models that are served: each has its own way from a request to its answer, and all share what bounds them.

::

    lines ─ detect ─▶ line of the model ─▶ routing ─▶ cache ─▶ admission ─▶ model_server
      ▲                                               shared   shared
    names that the model server lists, once a second

The default model has its line for good. The others' appear and go with the names.
"""
