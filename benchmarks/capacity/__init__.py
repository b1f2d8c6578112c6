"""How many machines a rate takes: arithmetic on measured costs, and a simulation of what arithmetic cannot say.

::

    costs ─▶ sizing      how many of what, which part reaches its limit first
       └───▶ service ─▶ scenes     balancing, autoscaling and a lost zone, event by event (SimPy)
                           run     prints both
"""
