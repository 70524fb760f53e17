"""Key files: read, and refused when they are missing, unreadable or of the wrong kind.

Messages name the setting and the file, never what is in it.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
    pkcs12,
)

FILE_MAX_BYTES = 64 * 1024
BITS_LEAST = 2048


class BadKey(ValueError):
    """Why a key or a certificate is of no use."""


@contextmanager
def hostile(refusal: Exception) -> Iterator[None]:
    """Around what reads a key or a certificate, which a stranger may have sent: whatever is wrong
    with it, one thing is said. The library has an exception of its own for each unknown curve, key
    type, version or extension, and more with each release; none of them passes."""
    try:
        yield
    except type(refusal):
        raise
    except Exception:
        raise refusal from None


@dataclass(frozen=True)
class Pair:
    """A private key and the certificate that belongs to it (a PKCS#12 file)."""

    key: RSAPrivateKey
    certificate: x509.Certificate

    def __repr__(self) -> str:
        return f"<Pair {self.certificate.serial_number}>"


def content(file: Path) -> bytes:
    try:
        found = file.read_bytes()
    except OSError as error:
        raise BadKey(f"{file} cannot be read ({error.strerror})") from None
    if not found.strip() or len(found) > FILE_MAX_BYTES:
        raise BadKey(f"{file} is empty or far too long for a key")
    return found


K = TypeVar("K", RSAPrivateKey, RSAPublicKey)


def private_key(text: bytes) -> RSAPrivateKey:
    """PEM, or the bare base64 that Alipay's own key tool writes."""
    with hostile(BadKey("is no private key in PEM")):
        key = (
            load_pem_private_key(text, password=None)
            if b"-----BEGIN" in text
            else load_der_private_key(base64.b64decode(text), password=None)
        )
    if not isinstance(key, RSAPrivateKey):
        raise BadKey("is no RSA key")
    return _long_enough(key)


def public_key(text: bytes) -> RSAPublicKey:
    """PEM, or the bare base64 that Alipay's site shows."""
    with hostile(BadKey("is no public key in PEM")):
        key = (
            load_pem_public_key(text)
            if b"-----BEGIN" in text
            else load_der_public_key(base64.b64decode(text))
        )
    if not isinstance(key, RSAPublicKey):
        raise BadKey("is no RSA key")
    return _long_enough(key)


def certificate(text: bytes) -> x509.Certificate:
    with hostile(BadKey("is no certificate")):
        found = (
            x509.load_pem_x509_certificate(text)
            if b"-----BEGIN" in text
            else x509.load_der_x509_certificate(text)
        )
        key = found.public_key()
    if not isinstance(key, RSAPublicKey):
        raise BadKey("is no certificate of an RSA key")
    _long_enough(key)
    return found


def pair(data: bytes, password: str) -> Pair:
    """A PKCS#12 file (.pfx): one private key and its certificate."""
    with hostile(BadKey("is no PKCS#12 file, or its password is another one")):
        key, found, _ = pkcs12.load_key_and_certificates(data, password.encode() or None)
    if not isinstance(key, RSAPrivateKey) or found is None:
        raise BadKey("holds no RSA key with its certificate")
    if found.public_key() != key.public_key():
        raise BadKey("holds a certificate of another key")
    return Pair(_long_enough(key), found)


def _long_enough(key: K) -> K:
    if key.key_size < BITS_LEAST:
        raise BadKey(f"has {key.key_size} bits; {BITS_LEAST} are the least")
    return key
