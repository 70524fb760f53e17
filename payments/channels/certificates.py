"""Certificates: who issued whom, until when, for what, and in whose name."""

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from payments.channels.keys import BITS_LEAST, hostile

# A holder's common name at UnionPay: "041@Z12@<holder>@00040000:SIGN@00000001".
HOLDER_PART = 2


class Untrusted(Exception):
    """Why a certificate is not believed."""


def trust(
    leaf: x509.Certificate,
    *,
    middle: x509.Certificate,
    root: x509.Certificate,
    holder: str,
    now: datetime,
) -> RSAPublicKey:
    """The leaf's key, if root -> middle -> leaf holds at `now` and the leaf is the holder's. Raises
    Untrusted, and nothing else: anybody may send a leaf."""
    check_authorities(middle=middle, root=root, now=now)
    with hostile(Untrusted("the certificate cannot be read")):
        return _trusted(leaf, middle, holder, now)


def _trusted(
    leaf: x509.Certificate, middle: x509.Certificate, holder: str, now: datetime
) -> RSAPublicKey:
    if not _issued(leaf, middle):
        raise Untrusted("not issued by the intermediate authority")
    if not is_valid(leaf, now):
        raise Untrusted("the certificate is not valid now")
    if _is_authority(leaf):
        raise Untrusted("an authority's certificate signs no messages")
    usage = _extension(leaf, x509.KeyUsage)
    if usage and not (usage.digital_signature or usage.content_commitment):
        raise Untrusted("the certificate is not for signing")
    if holder_of(leaf) != holder:
        raise Untrusted("the certificate is somebody else's")
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < BITS_LEAST:
        raise Untrusted("the certificate's key is no long RSA key")
    return key


def check_authorities(
    *, middle: x509.Certificate, root: x509.Certificate, now: datetime | None
) -> None:
    """root signs itself and the middle one, both may sign certificates (and are valid at `now`)."""
    for name, authority, issuer in (("root", root, root), ("intermediate", middle, root)):
        if not _is_authority(authority):
            raise Untrusted(f"the {name} certificate is no authority's")
        usage = _extension(authority, x509.KeyUsage)
        if usage and not usage.key_cert_sign:
            raise Untrusted(f"the {name} certificate is not for signing certificates")
        if not _issued(authority, issuer):
            raise Untrusted(f"the {name} certificate is not issued by the root")
        if now and not is_valid(authority, now):
            raise Untrusted(f"the {name} certificate is not valid now")


def is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def holder_of(certificate: x509.Certificate) -> str:
    """Whose it is: the third part of the common name, as UnionPay writes it and its own kits
    compare it; a common name without parts is taken whole."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        return ""
    parts = str(names[0].value).split("@")
    if len(parts) == 1:
        return parts[0]
    return parts[HOLDER_PART] if len(parts) > HOLDER_PART else ""


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return bool(constraints and constraints.ca)


X = TypeVar("X", bound=x509.ExtensionType)


def _extension(certificate: x509.Certificate, kind: type[X]) -> X | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except ValueError as error:  # broken or doubled extensions
        raise Untrusted("the certificate's extensions cannot be read") from error
