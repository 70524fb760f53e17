"""The test keys of both sides, in the folder of channels.json (api.md, "Channel settings").

`make` fills in what is missing and overwrites nothing. `of` reads what a channel's own side needs,
at each use, so that a tester may swap files while everything runs.
"""
# Long: the keys of both sides of three channels, made and read alike.

import functools
import json
import os
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from django.conf import settings

# The holder's name stands in the third place of a UnionPay certificate's common name.
HOLDER = "中国银联股份有限公司"
HOLDER_NAME = f"041@8310000000083040@{HOLDER}@00016493"
YEARS = timedelta(days=3650)

# Named in channels.json; these are the names that it gets when it is made here.
FILES = {
    "alipay": {
        "app_private_key_file": "alipay_app_private.pem",
        "alipay_public_key_file": "alipay_platform_public.pem",
    },
    "wechat": {
        "merchant_private_key_file": "wechat_merchant_private.pem",
        "public_key_file": "wechat_platform_public.pem",
        "platform_cert_file": "wechat_platform_cert.pem",
    },
    "unionpay": {
        "merchant_pfx_file": "unionpay_merchant.pfx",
        "root_cert_file": "unionpay_root.pem",
        "middle_cert_file": "unionpay_middle.pem",
    },
}
# By which of its values a channel knows a merchant.
MERCHANT = {"alipay": "app_id", "wechat": "mchid", "unionpay": "mer_id"}
# The channel's own side; only the sandbox reads them.
ALIPAY_PRIVATE = "alipay_platform_private.pem"
WECHAT_PRIVATE = "wechat_platform_private.pem"
WECHAT_CERT_PRIVATE = "wechat_platform_cert_private.pem"
UNIONPAY_CERT = "unionpay_sign_cert.pem"
UNIONPAY_PRIVATE = "unionpay_sign_private.pem"


# Where a merchant has his own pair at the channel: its public half is named in channels.json.
PRIVATE_OF = {
    ALIPAY_PRIVATE: "alipay_public_key_file",
    WECHAT_PRIVATE: "public_key_file",
    WECHAT_CERT_PRIVATE: "platform_cert_file",
}


class KeyMissing(Exception):
    """The sandbox cannot play this channel: says which file or setting is missing."""


# --- Making ---------------------------------------------------------------------------------------


def make(channels_file: Path) -> list[str]:
    """Make channels.json and every key file that is missing; the names of what was made.

    Repeats: what is there is used, never overwritten. A public key whose private half is not there
             stays alone: the sandbox then cannot sign for that channel, and says so.
    """
    folder = channels_file.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = json.loads(channels_file.read_bytes()) if channels_file.exists() else None
    config = given if given is not None else _new_ids(folder)
    made: list[str] = []
    for channel, makers in (("alipay", _alipay), ("wechat", _wechat), ("unionpay", _unionpay)):
        if channel in config:
            names = FILES[channel] | config[channel]
            for name, content in makers(folder, names):
                if _write_new(folder / name, content):
                    made.append(name)
    if given is None:
        _learn_from_files(folder, config)
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        if _write_new(channels_file, text.encode()):
            made.insert(0, channels_file.name)
    return made


def _new_ids(folder: Path) -> dict:
    letters = string.ascii_letters + string.digits
    config: dict[str, dict[str, str]] = {
        "alipay": {
            "app_id": f"90210001{secrets.randbelow(10**8):08d}",
            "seller_id": f"20887210{secrets.randbelow(10**8):08d}",
            "sign_type": "RSA2",
        },
        "wechat": {
            "appid": f"wx{secrets.token_hex(8)}",
            "mchid": f"19{secrets.randbelow(10**8):08d}",
            "apiv3_key": "".join(secrets.choice(letters) for _ in range(32)),
            "merchant_cert_serial": secrets.token_hex(20).upper(),
            "public_key_id": f"PUB_KEY_ID_01{secrets.randbelow(10**24):024d}",
            "platform_cert_serial": _serial_hex(x509.random_serial_number()),
            "mode": "pubkey",
        },
        "unionpay": {
            "mer_id": f"7772900{secrets.randbelow(10**8):08d}",
            "merchant_pfx_password": secrets.token_urlsafe(12),
            "merchant_cert_id": str(secrets.randbelow(9 * 10**10) + 10**10),
            "expected_name": HOLDER,
        },
    }
    for channel, files in FILES.items():
        config[channel] |= files
    return config


def _learn_from_files(folder: Path, config: dict) -> None:
    """A tester may have put files there without a channels.json: the ids in them hold."""
    wechat, unionpay = config["wechat"], config["unionpay"]
    certificate = _read(folder / wechat["platform_cert_file"], x509.load_pem_x509_certificate)
    wechat["platform_cert_serial"] = _serial_hex(certificate.serial_number)
    if (folder / UNIONPAY_CERT).exists():
        leaf = _read(folder / UNIONPAY_CERT, x509.load_pem_x509_certificate)
        unionpay["expected_name"] = holder(leaf)


def _alipay(folder: Path, names: dict):
    yield names["app_private_key_file"], _new_private
    yield from _pair(folder, ALIPAY_PRIVATE, names["alipay_public_key_file"])


def _wechat(folder: Path, names: dict):
    yield names["merchant_private_key_file"], _new_private
    yield from _pair(folder, WECHAT_PRIVATE, names["public_key_file"])
    cert, private = names["platform_cert_file"], WECHAT_CERT_PRIVATE
    if not (folder / cert).exists():
        yield private, _new_private
        key = _read(folder / private, _private)
        serial = names.get("platform_cert_serial")
        yield (
            cert,
            _pem(
                _certify("Tenpay.com Sandbox CA", key, serial=int(serial, 16) if serial else None)
            ),
        )


def _unionpay(folder: Path, names: dict):
    has_password = bool(names.get("merchant_pfx_password"))
    if has_password and not (folder / names["merchant_pfx_file"]).exists():
        key = _new_key()
        certificate = _certify("sandbox merchant", key, serial=int(names["merchant_cert_id"]))
        lock = serialization.BestAvailableEncryption(names["merchant_pfx_password"].encode())
        content = pkcs12.serialize_key_and_certificates(b"merchant", key, certificate, None, lock)
        yield names["merchant_pfx_file"], content
    chain = names["root_cert_file"], names["middle_cert_file"], UNIONPAY_CERT, UNIONPAY_PRIVATE
    if any((folder / name).exists() for name in chain):
        return  # a part of a chain cannot be completed without its authority's key
    root_key, middle_key, key = _new_key(), _new_key(), _new_key()
    root = _certify("UnionPay Sandbox Root CA", root_key, path_length=1)
    middle = _certify(
        "UnionPay Sandbox Middle CA", middle_key, issuer=(root, root_key), path_length=0
    )
    expected = names.get("expected_name") or HOLDER
    leaf = _certify(HOLDER_NAME.replace(HOLDER, expected), key, issuer=(middle, middle_key))
    yield chain[0], _pem(root)
    yield chain[1], _pem(middle)
    yield chain[2], _pem(leaf)
    yield chain[3], _pem(key)


def _pair(folder: Path, private: str, public: str):
    if not (folder / public).exists():
        yield private, _new_private
        yield public, _pem(_read(folder / private, _private).public_key())


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _new_private() -> bytes:
    return _pem(_new_key())


def _certify(name, key, *, serial=None, issuer=None, path_length=None) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    parent, parent_key = issuer or (None, key)
    now = datetime.now(UTC)
    is_authority = path_length is not None
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + YEARS)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), True)
        .add_extension(_usage(is_authority), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(parent_key.public_key()), False
        )
        .sign(parent_key, hashes.SHA256())
    )


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(what: Any) -> bytes:
    if isinstance(what, x509.Certificate):
        return what.public_bytes(serialization.Encoding.PEM)
    if isinstance(what, rsa.RSAPublicKey):
        return what.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return what.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write_new(path: Path, content: bytes | Callable[[], bytes]) -> bool:
    """Write under a temporary name and link: whole or not at all, and never over another file."""
    if path.exists():
        return False
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content() if callable(content) else content)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


# --- Reading --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channel:
    """A channel's settings, and its files by setting name or, for its own side, by file name."""

    word: str
    settings: dict[str, str]
    folder: Path
    is_former: bool = False

    def __getitem__(self, name: str) -> str:
        try:
            return str(self.settings[name])
        except KeyError:
            raise KeyMissing(f"channels.json: {self.word} has no {name}") from None

    @property
    def merchant(self) -> str:
        return self[MERCHANT[self.word]]

    def path(self, name: str) -> Path:
        """Of a setting that names a file, or of a file by its own name; the private half of a
        public key of before lies beside it, under its name."""
        public = PRIVATE_OF.get(name) if self.is_former else None
        if public in self.settings:
            stem, dot, ending = self.settings[public].rpartition(".")
            name = f"{stem.replace('_public', '')}_private{dot}{ending}"
        default = FILES[self.word].get(name, name)
        path = self.folder / str(self.settings.get(name, default))
        if not path.is_file():
            raise KeyMissing(f"{path.name} is missing")
        return path

    def private(self, name: str) -> rsa.RSAPrivateKey:
        return _read(self.path(name), _private)

    def certificate(self, name: str) -> x509.Certificate:
        return _read(self.path(name), x509.load_pem_x509_certificate)

    def merchant_pfx(self) -> rsa.RSAPrivateKey:
        return _read(self.path("merchant_pfx_file"), _pfx, self["merchant_pfx_password"])


def of(word: str, merchant: str = "") -> Channel:
    """A channel as the merchant in force has it, or the named one of before, if he is there."""
    path = Path(settings.REDPACKET_CHANNELS_FILE)
    if not path.is_file():
        raise KeyMissing(f"{path.name} is missing: run manage.py sandbox_keys")
    config = _read(path, json.loads)
    if word not in config:
        raise KeyMissing(f"{path.name} has no settings for {word}")
    for found in config[word].get("former", []):
        if merchant and merchant == found.get(MERCHANT[word]) != config[word].get(MERCHANT[word]):
            return Channel(word, found, path.parent, is_former=True)
    return Channel(word, config[word], path.parent)


def trouble(word: str) -> list[str]:
    """What keeps the sandbox from playing a channel, in words for its pages; empty when nothing."""
    try:
        channel = of(word)
    except KeyMissing as missing:
        return [str(missing)]
    needs: dict[str, list[Callable]] = {
        "alipay": [
            lambda: channel.private("app_private_key_file"),
            lambda: channel.private(ALIPAY_PRIVATE),
        ],
        "wechat": [
            lambda: channel.private("merchant_private_key_file"),
            lambda: channel.private(
                WECHAT_CERT_PRIVATE if channel.settings.get("mode") == "cert" else WECHAT_PRIVATE
            ),
            lambda: channel["apiv3_key"],
        ],
        "unionpay": [
            channel.merchant_pfx,
            lambda: channel.private(UNIONPAY_PRIVATE),
            lambda: channel.certificate(UNIONPAY_CERT),
        ],
    }
    found = []
    for need in needs[word]:
        try:
            need()
        except KeyMissing as missing:
            found.append(str(missing))
    return found


def holder(certificate: x509.Certificate) -> str:
    """The third part of `041@...@name@...`, or the whole common name."""
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    parts = str(name).split("@")
    return parts[2] if len(parts) > 2 else str(name)


def _serial_hex(serial: int) -> str:
    return f"{serial:040X}"


def _read(path: Path, parse: Callable[..., Any], *more: str) -> Any:
    try:
        return parse(path.read_bytes(), *more)
    except (OSError, ValueError, TypeError) as error:
        raise KeyMissing(f"{path.name} cannot be read: {error}") from error


@functools.lru_cache(64)  # to look at a key costs more than to use it
def _private(content: bytes) -> Any:
    return serialization.load_pem_private_key(content, password=None)


@functools.lru_cache(16)
def _pfx(content: bytes, password: str) -> Any:
    key, _, _ = pkcs12.load_key_and_certificates(content, password.encode())
    if key is None:
        raise ValueError("no private key in it")
    return key
