"""What is left of a user's uploads, as headers: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/."""


def rate_headers(limit: int, left: int, reset_seconds: int) -> dict[str, str]:
    """`reset_seconds` until one more comes free."""
    return {
        "RateLimit-Policy": f'"uploads";q={limit};w=60',
        "RateLimit": f'"uploads";r={left};t={reset_seconds}',
    }
