"""Public keys that check signatures, each with the algorithms that its own kind may sign with (RFC 7518, RFC 8037).

The kind of the key decides, never the token: an RSA key checks RS… and PS…, an elliptic one the algorithm of its curve,
and none checks HS…, for which a public key would be a secret that everyone knows.
"""

import contextlib
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.errors import Misconfigured

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_MIN_RSA_BITS: Final = 2_048  # RFC 7518 §3.3
_CURVES: Final = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}


class SigningKey(msgspec.Struct, frozen=True):
    """A key, and the algorithms of the signatures that it checks."""

    key: Any
    algorithms: tuple[str, ...]


def key_of_pem(pem: str) -> SigningKey:
    """Raises Misconfigured."""
    try:
        public = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Misconfigured([], ["JWT_PUBLIC_KEY is no PEM public key"]) from error
    algorithms = _algorithms_of(public)
    if not algorithms:
        raise Misconfigured([], ["JWT_PUBLIC_KEY is a key of a kind that no token is signed with"])
    if isinstance(public, RSAPublicKey) and public.key_size < _MIN_RSA_BITS:
        raise Misconfigured([], [f"JWT_PUBLIC_KEY has fewer than {_MIN_RSA_BITS} bits"])
    return SigningKey(public, algorithms)


def key_of_jwk(published: dict[str, Any]) -> SigningKey | None:
    """None for a key that checks no signatures: a secret, one for encryption, a weak or a broken one."""
    if published.get("use") not in (None, "sig"):
        return None
    with contextlib.suppress(jwt.PyJWTError, NotImplementedError, ValueError, TypeError, AttributeError):
        named = published.get("alg")
        algorithms = _algorithms_of(jwt.PyJWK(published).key)
        if named is not None:
            algorithms = tuple(algorithm for algorithm in algorithms if algorithm == named)
        key = jwt.PyJWK(published, algorithms[0]) if algorithms else None
        if key is not None and not key.Algorithm.check_key_length(key.key):
            return SigningKey(key.key, algorithms)
    return None


def _algorithms_of(public: object) -> tuple[str, ...]:
    if isinstance(public, RSAPublicKey):
        return _RSA
    if isinstance(public, EllipticCurvePublicKey):
        return _CURVES.get(public.curve.name, ())
    return ("EdDSA",) if isinstance(public, Ed25519PublicKey | Ed448PublicKey) else ()
