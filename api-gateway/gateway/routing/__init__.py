"""Which version of the model a request gets: canary, experiment, named versions, shadow, and which server is asked.

::

    routing.json ─ document ─▶ Routing ◀─ file        reloaded when ops replaces the file
    request ─ naming ─▶ Ask ─ detector ─▶ choice       which version, by bucket or by name
                                │  └────▶ traffic      what each version did, for /models and Prometheus
                                └───────▶ shadow       after the answer has left: the same picture to a candidate
    backend ─ servers                                  which model server, for blue/green
    schemas                                            the routing in force, as GET /models shows it
"""
