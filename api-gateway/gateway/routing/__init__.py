"""Which version of the model answers a request: canary, experiment, named version, shadow; and which server.

::

    routing.json ─ document ─▶ Routing ◀─ file     reloaded when ops replaces the file
    Ask ─ detector ─▶ choice                       the version, by bucket or by name
             ├──────▶ traffic                      what each version did, for GET /models and Prometheus
             └──────▶ shadow                       sends the same image to a candidate, after the answer was sent
    backend ─ servers                              which model server, for blue/green
"""
