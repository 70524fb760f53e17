"""The channels' own side of their protocols, in the fewest lines and straight over `cryptography`:
shares nothing with payments.channels, so that a mistake there is not made here, too."""

import base64
import functools
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 25, 4, 0, 0, tzinfo=UTC)  # noon in Shanghai
APIV3_KEY = "0123456789abcdef0123456789ABCDEF"
HOLDER = "041@8310000000083040@中国银联股份有限公司@00016493"


# --- Keys ---------------------------------------------------------------------------------------
@functools.cache
def key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(name: str) -> bytes:
    return key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(name: str) -> bytes:
    return key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def certificate(
    holder: str,
    owner: str,
    issuer: x509.Certificate | None = None,
    signer: str | None = None,
    *,
    ca: bool | None = False,
    begins: datetime = datetime(2020, 1, 1, tzinfo=UTC),
    ends: datetime = datetime(2056, 1, 1, tzinfo=UTC),
    signs: bool = True,
    serial: int | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, holder)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key(owner).public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if ca is not None:
        usage = dict.fromkeys(
            ["content_commitment", "data_encipherment", "key_agreement", "crl_sign"], False
        )
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True).add_extension(
            x509.KeyUsage(
                digital_signature=signs,
                key_cert_sign=ca,
                key_encipherment=not signs,
                encipher_only=False,
                decipher_only=False,
                **usage,
            ),
            True,
        )
    return builder.sign(key(signer or owner), hashes.SHA256())


@functools.cache
def root() -> x509.Certificate:
    return certificate("Root CA", "root", ca=True)


@functools.cache
def middle() -> x509.Certificate:
    return certificate("Middle CA", "middle", root(), "root", ca=True)


@functools.cache
def leaf() -> x509.Certificate:
    return certificate(HOLDER, "unionpay", middle(), "middle")


@functools.cache
def platform() -> x509.Certificate:
    return certificate("Tenpay.com sign", "wechat-cert")


@functools.cache
def merchant() -> x509.Certificate:
    return certificate("merchant", "unionpay-merchant")


def pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(Encoding.PEM)


def serial(cert: x509.Certificate) -> str:
    return f"{cert.serial_number:X}"


def write_all(folder: Path, gateway: str | None = None) -> Path:
    """All key files and their channels.json."""
    files = {
        "alipay_app_private.pem": private_pem("alipay-app"),
        "alipay_platform_public.pem": public_pem("alipay"),
        "wechat_merchant_private.pem": private_pem("wechat-merchant"),
        "wechat_platform_public.pem": public_pem("wechat"),
        "wechat_platform_cert.pem": pem(platform()),
        "unionpay_merchant.pfx": pkcs12.serialize_key_and_certificates(
            b"merchant",
            key("unionpay-merchant"),
            merchant(),
            None,
            BestAvailableEncryption(b"000000"),
        ),
        "unionpay_root.pem": pem(root()),
        "unionpay_middle.pem": pem(middle()),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    settings = {
        "alipay": {
            "app_id": "2021000000000001",
            "seller_id": "2088000000000001",
            "sign_type": "RSA2",
            "app_private_key_file": "alipay_app_private.pem",
            "alipay_public_key_file": "alipay_platform_public.pem",
        },
        "wechat": {
            "appid": "wx0000000000000001",
            "mchid": "1900000001",
            "apiv3_key": APIV3_KEY,
            "merchant_private_key_file": "wechat_merchant_private.pem",
            "merchant_cert_serial": "ABCDEF0123456789",
            "public_key_id": "PUB_KEY_ID_0119000000012026",
            "public_key_file": "wechat_platform_public.pem",
            "platform_cert_serial": serial(platform()),
            "platform_cert_file": "wechat_platform_cert.pem",
            "mode": "pubkey",
        },
        "unionpay": {
            "mer_id": "777290058110048",
            "merchant_pfx_file": "unionpay_merchant.pfx",
            "merchant_pfx_password": "000000",
            "merchant_cert_id": str(merchant().serial_number),
            "root_cert_file": "unionpay_root.pem",
            "middle_cert_file": "unionpay_middle.pem",
            "expected_name": "中国银联股份有限公司",
        },
    }
    for values in settings.values():
        values |= {"gateway": gateway} if gateway else {}
    file = folder / "channels.json"
    file.write_text(json.dumps(settings, ensure_ascii=False))
    return file


# --- Signatures ---------------------------------------------------------------------------------
def sign(name: str, message: bytes) -> str:
    signature = key(name).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def verify(name: str, message: bytes, signature: str) -> None:
    """Raises InvalidSignature."""
    key(name).public_key().verify(
        base64.b64decode(signature), message, padding.PKCS1v15(), hashes.SHA256()
    )


def joined(fields: dict[str, str], *without: str) -> bytes:
    return "&".join(f"{k}={v}" for k, v in sorted(fields.items()) if k not in without).encode()


# --- Alipay -------------------------------------------------------------------------------------
ALIPAY_NOTICE = {
    "app_id": "2021000000000001",
    "auth_app_id": "2021000000000001",
    "buyer_id": "2088102116773037",
    "charset": "utf-8",
    "fund_bill_list": '[{"amount":"12.34","fundChannel":"ALIPAYACCOUNT"}]',
    "gmt_create": "2026-11-25 11:59:40",
    "gmt_payment": "2026-11-25 11:59:58",
    "notify_id": "2026112500222115958001001427400000",
    "notify_time": "2026-11-25 12:00:00",
    "notify_type": "trade_status_sync",
    "out_trade_no": "hb0001",
    "seller_id": "2088000000000001",
    "subject": "红包 + 1 & 50%",
    "total_amount": "12.34",
    "trade_no": "2026112522001473030500000001",
    "trade_status": "TRADE_SUCCESS",
    "version": "1.0",
}


def alipay_fields(by: str = "alipay", **changes: str) -> dict[str, str]:
    fields = {**ALIPAY_NOTICE, **changes}
    return {**fields, "sign_type": "RSA2", "sign": sign(by, joined(fields))}


def alipay_body(encoding: str, **changes: str | bytes) -> bytes:
    """A notification in another charset, or with bytes that are no text, signed as it is sent."""
    fields = {**ALIPAY_NOTICE, **changes}
    raw = {k: v if isinstance(v, bytes) else v.encode(encoding) for k, v in fields.items()}
    signed = b"&".join(k.encode() + b"=" + v for k, v in sorted(raw.items()))
    return urlencode({**raw, "sign_type": "RSA2", "sign": sign("alipay", signed)}).encode()


def alipay_answer(
    method: str, by: str = "alipay", encoding: str = "utf-8", **node: object
) -> bytes:
    """Slashes escaped and a space here and there: the raw text is what is signed."""
    raw = json.dumps(node, ensure_ascii=False).replace("/", "\\/")
    name = f"{method.replace('.', '_')}_response"
    return f'{{"{name}":{raw},"sign":"{sign(by, raw.encode(encoding))}"}}'.encode(encoding)


# --- WeChat Pay ---------------------------------------------------------------------------------
def wechat_transaction(**changes: object) -> dict:
    return {
        "mchid": "1900000001",
        "appid": "wx0000000000000001",
        "out_trade_no": "hb0001",
        "transaction_id": "4200000000202611250000000001",
        "trade_type": "APP",
        "trade_state": "SUCCESS",
        "success_time": "2026-11-25T11:59:58+08:00",
        "amount": {"total": 1234, "payer_total": 1234, "currency": "CNY", "payer_currency": "CNY"},
        **changes,
    }


def wechat_seal(plain: bytes, aad: str = "transaction", secret: str = APIV3_KEY) -> dict:
    nonce = "0123456789ab"
    sealed = AESGCM(secret.encode()).encrypt(nonce.encode(), plain, aad.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "nonce": nonce,
        "associated_data": aad,
    }


def wechat_body(plain: dict | bytes, event: str = "TRANSACTION.SUCCESS", **resource) -> bytes:
    plain = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
    return json.dumps(
        {
            "id": "EV-2018022511223320873",
            "create_time": "2026-11-25T12:00:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": {"original_type": "transaction", **wechat_seal(plain), **resource},
        }
    ).encode()


def wechat_headers(
    body: bytes,
    *,
    by: str = "wechat",
    named: str = "PUB_KEY_ID_0119000000012026",
    at: datetime = NOW,
) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {
        "wechatpay-timestamp": stamp,
        "wechatpay-nonce": "fdasflkja484w",
        "wechatpay-serial": named,
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        "wechatpay-signature": sign(by, f"{stamp}\nfdasflkja484w\n".encode() + body + b"\n"),
    }


# --- UnionPay -----------------------------------------------------------------------------------
UNIONPAY_NOTICE = {
    "version": "5.1.0",
    "encoding": "UTF-8",
    "signMethod": "01",
    "txnType": "01",
    "txnSubType": "01",
    "bizType": "000201",
    "accessType": "0",
    "merId": "777290058110048",
    "orderId": "hb0001",
    "txnTime": "20261125115940",
    "txnAmt": "1234",
    "currencyCode": "156",
    "queryId": "592611251159400000018",
    "respCode": "00",
    "respMsg": "成功[0000000]",
    "settleAmt": "1234",
    "traceTime": "1125115958",
}


def unionpay_fields(
    by: str = "unionpay", cert: x509.Certificate | None = None, **changes: str
) -> dict[str, str]:
    fields = {**UNIONPAY_NOTICE, "signPubKeyCert": pem(cert or leaf()).decode(), **changes}
    digest = hashlib.sha256(joined(fields)).hexdigest()
    return {**fields, "signature": sign(by, digest.encode())}


def unionpay_answer(**changes: str) -> bytes:
    """As the gateway writes it: sorted, nothing escaped."""
    return joined(unionpay_fields(**changes))


def body(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


# --- A server on a real socket ------------------------------------------------------------------
@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class There:
    """Answers as the test says; remembers what it was asked."""

    answer: Callable[[Asked], tuple[int, dict[str, str], bytes]] = lambda asked: (404, {}, b"")
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def start(self) -> "There":
        there = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(length))
                there.asked.append(asked)
                status, headers, content = there.answer(asked)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
