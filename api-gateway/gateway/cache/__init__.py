"""Remember answers: the same picture and parameters, asked of the same content of the model, cost one inference.

``detector`` stands around the way to the model server; ``key`` and ``codec`` say under which name and in which form an
answer is kept; ``stores`` and ``redis_store`` keep it; ``serving`` knows what is served now; ``flights`` lets identical
requests at the same moment share one; ``http`` is the cache in headers, ``metrics`` in numbers;
``creation`` puts it together.
"""
