"""Certificates that strangers send along with a notice are read or refused, nothing else."""

import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from django.test import Client

from payments import strangers
from payments.models import Notification
from testing import other_side as side

# What a DER file says, and the same with a last byte that nobody knows.
RSA, UNKNOWN_KEY = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010163")
P256, UNKNOWN_CURVE = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
THIRD, UNKNOWN_VERSION = bytes.fromhex("a003020102"), bytes.fromhex("a003020109")
BASIC, USAGE = bytes.fromhex("0603551d13"), bytes.fromhex("0603551d0f")


def of_a_curve() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    times = side.NOW - timedelta(days=1), side.NOW + timedelta(days=1)
    made = builder.not_valid_before(times[0]).not_valid_after(times[1]).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.DER)


def spoilt(was: bytes, becomes: bytes) -> bytes:
    made = side.leaf().public_bytes(Encoding.DER)
    assert was in made
    return made.replace(was, becomes)


CERTIFICATES = {
    "a curve": lambda: pem(of_a_curve()),
    "an unknown curve": lambda: pem(of_a_curve().replace(P256, UNKNOWN_CURVE)),
    "an unknown kind of key": lambda: pem(spoilt(RSA, UNKNOWN_KEY)),
    "an unknown version": lambda: pem(spoilt(THIRD, UNKNOWN_VERSION)),
    "an extension that is there twice": lambda: pem(spoilt(BASIC, USAGE)),
    "nothing": lambda: b"",
    "an empty one": lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
}


def pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode()


def outcome(certificate: bytes) -> tuple[bytes, str]:
    """What the sender hears of a notice that is whole but for its certificate, and what we say."""
    strangers.quota.clear()
    fields = {**side.unionpay_fields(), "signPubKeyCert": certificate}
    answer = Client().post(
        "/api/v1/payments/notify/unionpay",
        side.body(fields),
        content_type="application/x-www-form-urlencoded",
    )
    return answer.content, Notification.objects.latest("pk").outcome


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_notice_with_a_strange_certificate_is_forged(keys, kind, caplog):
    assert outcome(CERTIFICATES[kind]()) == (b"fail", "forged")
    assert not [record for record in caplog.records if record.exc_info]


def test_a_certificate_with_any_part_changed_is_forged(keys):
    whole = side.leaf().public_bytes(Encoding.DER)
    for at in range(0, len(whole), 29):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        assert outcome(pem(bytes(changed))) == (b"fail", "forged"), at
