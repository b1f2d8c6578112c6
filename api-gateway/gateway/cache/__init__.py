"""Stored answers: the same image and parameters, with the same content of the model, cost one inference.

``detector`` wraps the detector of the model server. ``key`` and ``codec`` give the name and the form of a stored
answer. ``stores`` and ``redis_store`` store it. ``serving`` knows which content of the model is served. ``metrics``
counts. ``creation`` builds the cache from the settings.
"""
