"""Who may ask: API keys and JWTs, in front of every route and before a body is read.

How a request passes, which is also the order of the modules::

    middleware → route_policy (which scope) → credentials (which header) → authenticator
        → key_file → key_records          an API key
        → tokens → jwks → jwk_set         a JWT
            → identity                    who it is, or why not

``policy`` decides at start whether any of it stands in the way, and refuses a start that would leave the door open.
"""
