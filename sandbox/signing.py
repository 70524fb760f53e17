"""RSA with PKCS#1 v1.5 over SHA-256, which all three sign with, and what two of them sign."""

from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def sign(key: RSAPrivateKey, text: bytes) -> str:
    return b64encode(key.sign(text, PKCS1v15(), hashes.SHA256())).decode()


def is_signed(key: RSAPrivateKey, text: bytes, signature: str) -> bool:
    """Whether it was signed with this key, whose public half looks."""
    try:
        given = b64decode(signature, validate=True)
        key.public_key().verify(given, text, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def joined(fields: Mapping[str, str], without: tuple[str, ...], charset: str = "utf-8") -> bytes:
    """`name=value&...`, sorted, without what is empty."""
    used = sorted((k, v) for k, v in fields.items() if k not in without and v not in ("", None))
    return "&".join(f"{key}={value}" for key, value in used).encode(charset, "replace")
