"""Authentication: API keys and JWTs, checked before a route is reached and before a body is read.

How a request passes, which is also the order of the modules::

    middleware → http/policy (which scope) → credentials (which header) → authenticator
        → key_file → key_records          an API key
        → tokens → jwks → jwk_set         a JWT
            → identity                    the caller, or the reason for the refusal

``policy`` decides at start whether authentication is on, and refuses a start that would leave the gateway open.
"""
