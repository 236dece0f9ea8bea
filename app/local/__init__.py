"""The service's outside world as processes of our own: what `media run` and the tests start instead of containers.

`parts` starts PostgreSQL, NATS and MinIO; `stack` adds the API and the workers, keeps them up and says where they are.
"""
