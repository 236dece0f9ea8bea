"""Reasons for refusing a JWT, in the words that callers get, and the limits of any token."""

from typing import Final

import jwt

LONGEST_TOKEN: Final = 8_192
UNREADABLE: Final = (ValueError, TypeError, RecursionError, OverflowError)
CHECKS: Final[dict[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "its audience is another one",
    jwt.InvalidIssuerError: "its issuer is another one",
    jwt.InvalidAlgorithmError: "its algorithm is another one",
    jwt.InvalidSignatureError: "its signature does not match",
    jwt.InvalidKeyError: "its key is of a kind that is not accepted",
    jwt.MissingRequiredClaimError: "a claim is missing (exp, sub, aud and iss are required)",
}
