"""The channels' signatures once more, not by the code under test: a message is taken apart,
changed, and signed again by whoever is to have signed it."""

import hashlib
import json
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sandbox import keys

Message = tuple[dict[str, str], bytes]
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@cache
def stranger() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def rsa_sign(key: rsa.RSAPrivateKey, content: bytes, digest=None) -> str:
    return b64encode(key.sign(content, PKCS1v15(), digest or SHA256())).decode()


def joined(fields: dict[str, str], *without: str, charset: str = "utf-8") -> bytes:
    pairs = sorted((name, value) for name, value in fields.items() if name not in without)
    return "&".join(f"{name}={value}" for name, value in pairs).encode(charset)


def fields_of(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


def form(fields: dict[str, str] | list[tuple[str, str]], charset: str = "utf-8") -> Message:
    return FORM, urlencode(fields, encoding=charset).encode()


# --- Alipay ---------------------------------------------------------------------------------------


def alipay(fields: dict[str, str], key=None, digest=None, charset: str = "utf-8") -> Message:
    """Signed by Alipay, or by another key; `sign` and `sign_type` are not part of it."""
    key = key or keys.of("alipay").private(keys.ALIPAY_PRIVATE)
    sign = rsa_sign(key, joined(fields, "sign", "sign_type", charset=charset), digest)
    return form({**fields, "sign": sign}, charset)


# --- WeChat Pay -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class WeChat:
    """A notification's envelope and what is sealed in it."""

    envelope: dict
    inside: dict

    @classmethod
    def of(cls, body: bytes) -> "WeChat":
        envelope = json.loads(body)
        sealed = envelope["resource"]
        opened = AESGCM(_apiv3()).decrypt(
            sealed["nonce"].encode(),
            b64decode(sealed["ciphertext"]),
            sealed["associated_data"].encode(),
        )
        return cls(envelope, json.loads(opened))

    def body(self, inside: object = None, *, seal: dict | None = None, **outer) -> bytes:
        """Sealed again; `seal` and `outer` change what is around it, and None takes it away."""
        seal = seal or {}
        extra = seal.pop("sealed_under", self.envelope["resource"]["associated_data"])
        nonce = self.envelope["resource"]["nonce"]
        plain = inside if isinstance(inside, bytes) else _json(inside or self.inside)
        key = seal.pop("key", None) or _apiv3()
        ciphertext = b64encode(AESGCM(key).encrypt(nonce.encode(), plain, extra.encode())).decode()
        resource = _changed(self.envelope["resource"] | {"ciphertext": ciphertext}, seal)
        return _json(_changed(self.envelope | {"resource": resource}, outer))


def wechat(body: bytes, *, key=None, age_s: float = 0, signed: bytes | None = None, **headers):
    """Signed by WeChat Pay at this moment; `headers` change what is sent, and None takes it away.

    `signed`: the body that the signature is really of.
    """
    channel = keys.of("wechat")
    is_cert = channel["mode"] == "cert"
    key = key or channel.private(keys.WECHAT_CERT_PRIVATE if is_cert else keys.WECHAT_PRIVATE)
    stamp, nonce = str(int(time.time() - age_s)), hashlib.sha256(body).hexdigest()[:32]
    content = b"%b\n%b\n%b\n" % (stamp.encode(), nonce.encode(), body if signed is None else signed)
    sent = {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": channel["platform_cert_serial" if is_cert else "public_key_id"],
        "Wechatpay-Signature": rsa_sign(key, content),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "Content-Type": "application/json; charset=utf-8",
    }
    given = {f"Wechatpay-{name.replace('_', '-')}": value for name, value in headers.items()}
    return _changed(sent, given), body


def _apiv3() -> bytes:
    return keys.of("wechat")["apiv3_key"].encode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _changed(values: dict, changes: dict) -> dict:
    return {name: value for name, value in (values | changes).items() if value is not None}


# --- UnionPay -------------------------------------------------------------------------------------


def unionpay(fields: dict[str, str], key=None, digest: str = "sha256") -> Message:
    """Signed by UnionPay, or by another key, over the hex digest of the sorted fields."""
    key = key or keys.of("unionpay").private(keys.UNIONPAY_PRIVATE)
    content = hashlib.new(digest, joined(fields, "signature")).hexdigest().encode()
    algorithm = SHA1() if digest == "sha1" else SHA256()
    return form({**fields, "signature": rsa_sign(key, content, algorithm)})


def certificate(name: str, *, ends_in: timedelta = timedelta(days=9), issuer=None) -> str:
    """A stranger's certificate of that name: issued by himself, or under a name that he took."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(stranger().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + ends_in)
        .sign(stranger(), SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
