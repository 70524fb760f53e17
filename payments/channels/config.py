"""The channels' settings and keys: one JSON file, the key files beside it, secrets from the
environment if preferred (api.md, "Channel settings").

Files are looked at again every few seconds, so that a rotated key needs no restart; what was loaded
stays in force until all that is new has been loaded, too.

A merchant's id or keys may change while orders are open. The key sets of before are kept in the
channel's own part, as `former`: what was begun with them is ended with them.
"""
# Long: what may stand in the one file, for all three channels.

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kit.plumbing import forks
from kit.present import present
from payments.channels import certificates, keys
from payments.states import CHANNELS, PAY_TYPE_OF, PayType

LOOKED_AT_S = 3
REAL_GATEWAYS = {
    PayType.ALIPAY: "https://openapi.alipay.com",
    PayType.WECHAT: "https://api.mch.weixin.qq.com",
    PayType.UNIONPAY: "https://gateway.95516.com",
}
UNIONPAY_HOLDER = "中国银联股份有限公司"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AlipaySettings:
    app_id: str
    seller_id: str
    gateway: str  # base URL, without /gateway.do
    private_key: RSAPrivateKey = field(repr=False)
    alipay_key: RSAPublicKey = field(repr=False)

    @property
    def merchant_id(self) -> str:
        return self.app_id

    @property
    def account(self) -> str:
        return self.seller_id


@dataclass(frozen=True)
class WechatSettings:
    appid: str
    mchid: str
    gateway: str
    mode: str  # "pubkey" | "cert": what our requests ask the answers to be signed by
    merchant_serial: str
    public_key_id: str
    platform_cert_file: Path | None
    apiv3_key: bytes = field(repr=False)
    private_key: RSAPrivateKey = field(repr=False)
    public_key: RSAPublicKey | None = field(repr=False)
    platform_certs: Mapping[str, x509.Certificate] = field(repr=False)  # by serial number

    @property
    def merchant_id(self) -> str:
        return f"{self.mchid}:{self.appid}"  # one merchant may have several apps, and change them

    @property
    def account(self) -> str:
        return self.mchid


@dataclass(frozen=True)
class UnionpaySettings:
    mer_id: str
    gateway: str
    file_gateway: str
    cert_id: str
    expected_name: str
    merchant: keys.Pair = field(repr=False)
    root: x509.Certificate = field(repr=False)
    middle: x509.Certificate = field(repr=False)
    # The app's SDK signs its result by a key of its own; left out, that result is hearsay.
    app_cert: x509.Certificate | None = field(repr=False)

    @property
    def merchant_id(self) -> str:
        return self.mer_id

    @property
    def account(self) -> str:
        return self.mer_id


Settings = AlipaySettings | WechatSettings | UnionpaySettings


# --- Reading ------------------------------------------------------------------------------------
class Entry:
    """One channel's part of the file, asked value by value; says what is wrong in one line."""

    def __init__(
        self, pay_type: PayType, values: dict[str, Any], file: Path, place: str = ""
    ) -> None:
        self.pay_type = pay_type
        self.values = values
        self.file = file
        self.place = place  # "former[0]"; empty: in force
        self.files: list[Path] = []  # all that were read: they are watched

    @property
    def is_offered(self) -> bool:
        """Not, when nothing but former key sets is left of it."""
        return bool(self.place) or set(self.values) != {"former"}

    @property
    def former(self) -> list["Entry"]:
        """The key sets of before, the latest first."""
        found = self.values.get("former") or []
        if not isinstance(found, list) or not all(isinstance(values, dict) for values in found):
            raise self.wrong("former", "must be a list of objects")
        return [
            Entry(self.pay_type, values, self.file, f"former[{at}]")
            for at, values in enumerate(found)
        ]

    @property
    def sets(self) -> list["Entry"]:
        """Each of its key sets: that in force first, then those of before."""
        return [*([self] if self.is_offered else []), *self.former]

    def wrong(self, name: str, why: str) -> ImproperlyConfigured:
        where = f"{self.pay_type.word}: {self.place}: " if self.place else f"{self.pay_type.word}: "
        return ImproperlyConfigured(f"{self.file}: {where}{name} {why}.")

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name, default)
        if value is None or (value == "" and default is None):
            raise self.wrong(name, "is missing")
        if not isinstance(value, str):
            raise self.wrong(name, "must be a string")
        return value.strip()

    def secret(self, name: str, variable: str) -> str:
        return self._outside(variable) or self.text(name, "")

    def path(self, name: str) -> Path | None:
        value = self.text(name, "")
        return self.file.parent / Path(value).expanduser() if value else None

    def load(
        self, name: str, loader: Callable[..., Any], *arguments: Any, required: bool = True
    ) -> Any:
        """What `loader` makes of the named file; None when it is optional and not named."""
        file = self.path(name)
        if file is None:
            if required:
                raise self.wrong(name, "is missing")
            return None
        self.files.append(file)
        try:
            return loader(keys.content(file), *arguments)
        except keys.BadKey as error:
            why = str(error)
            raise self.wrong(name, why if str(file) in why else f"{file} {why}") from None

    def private_key(self, name: str, variable: str) -> RSAPrivateKey:
        text = self._outside(variable)
        if not text:
            return self.load(name, keys.private_key)
        try:
            return keys.private_key(text.replace("\\n", "\n").encode())
        except keys.BadKey as error:
            raise self.wrong(variable, str(error)) from None

    def _outside(self, variable: str) -> str:
        """The environment holds the secrets that are in force, never those of before."""
        return "" if self.place else settings.REDPACKET_CHANNEL_SECRETS[variable]

    def gateway(self, ending: str) -> str:
        """A base URL: given, else the sandbox in development, else the real channel."""
        default = (
            REAL_GATEWAYS[self.pay_type]
            if settings.PRODUCTION
            else f"{settings.REDPACKET_PUBLIC_URL}/sandbox/{self.pay_type.word}"
        )
        url = (self.text("gateway", "") or default).rstrip("/").removesuffix(ending).rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise self.wrong("gateway", "is no base URL")
        if settings.PRODUCTION and parts.scheme != "https":
            raise self.wrong("gateway", "must be https in production")
        return url


def read(file: Path) -> dict[PayType, Entry]:
    """The file's channels; none when there is no file."""
    try:
        if not file.exists():
            return {}
        found = json.loads(keys.content(file))
    except keys.BadKey as error:
        raise ImproperlyConfigured(f"REDPACKET_CHANNELS_FILE: {error}.") from None
    except (ValueError, RecursionError):
        raise ImproperlyConfigured(f"{file} is no JSON.") from None
    if not isinstance(found, dict) or not all(
        isinstance(values, dict | None) for values in found.values()
    ):
        raise ImproperlyConfigured(f"{file} must hold an object a channel.")
    return {
        PAY_TYPE_OF[name]: Entry(PAY_TYPE_OF[name], values, file)
        for name, values in found.items()
        if values is not None and PAY_TYPE_OF.get(name) in CHANNELS
    }


def load(entry: Entry) -> Settings:
    """One channel's settings with all its keys, or ImproperlyConfigured with one clear line."""
    return LOADERS[entry.pay_type](entry)


def _alipay(entry: Entry) -> AlipaySettings:
    if entry.text("sign_type", "RSA2") != "RSA2":
        raise entry.wrong("sign_type", "must be RSA2")
    return AlipaySettings(
        app_id=entry.text("app_id"),
        seller_id=entry.text("seller_id"),
        gateway=entry.gateway("/gateway.do"),
        private_key=entry.private_key("app_private_key_file", "REDPACKET_ALIPAY_APP_PRIVATE_KEY"),
        alipay_key=entry.load("alipay_public_key_file", keys.public_key),
    )


def _wechat(entry: Entry) -> WechatSettings:
    mode = entry.text("mode", "pubkey" if entry.text("public_key_id", "") else "cert")
    if mode not in ("pubkey", "cert"):
        raise entry.wrong("mode", 'must be "pubkey" or "cert"')
    apiv3_key = entry.secret("apiv3_key", "REDPACKET_WECHAT_APIV3_KEY").encode()
    if len(apiv3_key) != 32:
        raise entry.wrong("apiv3_key", "must have 32 characters")
    public_key_id = entry.text("public_key_id", None if mode == "pubkey" else "")
    cert = entry.load("platform_cert_file", keys.certificate, required=mode == "cert")
    return WechatSettings(
        appid=entry.text("appid"),
        mchid=entry.text("mchid"),
        gateway=entry.gateway("/v3"),
        mode=mode,
        merchant_serial=entry.text("merchant_cert_serial"),
        public_key_id=public_key_id,
        platform_cert_file=entry.path("platform_cert_file"),
        apiv3_key=apiv3_key,
        private_key=entry.private_key(
            "merchant_private_key_file", "REDPACKET_WECHAT_MERCHANT_PRIVATE_KEY"
        ),
        public_key=entry.load("public_key_file", keys.public_key, required=bool(public_key_id)),
        platform_certs=_platform_certs(entry, cert),
    )


def _platform_certs(entry: Entry, cert: x509.Certificate | None) -> dict[str, x509.Certificate]:
    """The named certificate, and those that refresh_certificates has put beside it."""
    if cert is None:
        return {}
    found = {serial(entry.text("platform_cert_serial", "") or cert): cert}
    main = present(entry.path("platform_cert_file"))
    beside = re.compile(re.escape(main.stem) + r"_([0-9A-F]{8,64})" + re.escape(main.suffix))
    for file in sorted(main.parent.glob(f"{main.stem}_*{main.suffix}")):
        match = beside.fullmatch(file.name)
        if not match:
            continue
        entry.files.append(file)
        try:
            newer = keys.certificate(keys.content(file))
        except keys.BadKey as error:
            raise entry.wrong("platform_cert_file", f"{file} {error}") from None
        found[serial(newer)] = newer
    return found


def beside(file: Path, serial_no: str) -> Path:
    """Where a newer platform certificate is kept: named by its serial number."""
    return file.with_name(f"{file.stem}_{serial_no}{file.suffix}")


def serial(cert: x509.Certificate | str) -> str:
    """As WeChat Pay writes it, upper-case hex, without the leading zeros that some leave out."""
    text = cert if isinstance(cert, str) else f"{cert.serial_number:X}"
    return text.upper().lstrip("0")


def _unionpay(entry: Entry) -> UnionpaySettings:
    password = entry.secret("merchant_pfx_password", "REDPACKET_UNIONPAY_PFX_PASSWORD")
    merchant = entry.load("merchant_pfx_file", keys.pair, password)
    root = entry.load("root_cert_file", keys.certificate)
    middle = entry.load("middle_cert_file", keys.certificate)
    try:
        certificates.check_authorities(middle=middle, root=root, now=None)
    except certificates.Untrusted as error:
        raise entry.wrong("middle_cert_file", f"does not fit: {error}") from None
    gateway = entry.gateway("/gateway/api")
    file_gateway = gateway.replace("//gateway.", "//filedownload.")
    if not (urlsplit(gateway).hostname or "").endswith(".95516.com"):
        file_gateway = f"{gateway}/fileTransfer"
    return UnionpaySettings(
        mer_id=entry.text("mer_id"),
        gateway=gateway,
        file_gateway=file_gateway,
        cert_id=entry.text("merchant_cert_id", "") or str(merchant.certificate.serial_number),
        expected_name=entry.text("expected_name", UNIONPAY_HOLDER),
        merchant=merchant,
        root=root,
        middle=middle,
        app_cert=entry.load("app_verify_cert_file", keys.certificate, required=False),
    )


LOADERS: dict[PayType, Callable[[Entry], Settings]] = {
    PayType.ALIPAY: _alipay,
    PayType.WECHAT: _wechat,
    PayType.UNIONPAY: _unionpay,
}


# --- Keeping ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Loaded:
    """What is offered, and by channel every key set: that in force first, then those of before."""

    current: Mapping[PayType, Settings]
    known: Mapping[PayType, tuple[Settings, ...]]


class Kept:
    """The settings in force.

    Races:   the map is replaced in one piece; a thread that holds the old one finishes with it.
    Repeats: a file that turned bad is said once, and what was loaded before stays in force.
    """

    def __init__(self) -> None:
        self._loaded = Loaded({}, {})
        self._stamp: tuple | None = None
        self._watched: list[Path] = []
        self._looked_at = -LOOKED_AT_S - 1.0
        self._lock = forks.lock()

    def current(self) -> Mapping[PayType, Settings]:
        """What is in force, by channel. Raises as `loaded` does."""
        return self.loaded().current

    def loaded(self) -> Loaded:
        """Raises ImproperlyConfigured when nothing was ever loaded and the files are bad."""
        if time.monotonic() - self._looked_at >= LOOKED_AT_S:
            with self._lock:
                self._look()
        return self._loaded

    def forget(self) -> None:
        """The next look reads everything again."""
        with self._lock:
            self._loaded, self._stamp = Loaded({}, {}), None
            self.look_again()

    def look_again(self) -> None:
        """The next one who asks looks whether the files have changed."""
        self._looked_at = -LOOKED_AT_S - 1.0

    def _look(self) -> None:
        file = settings.REDPACKET_CHANNELS_FILE
        stamp = self._stamped(file)
        if stamp != self._stamp:
            try:
                self._load(file)
            except ImproperlyConfigured as error:
                if self._stamp is None:
                    raise
                logger.error("channels: the old settings stay in force: %s", error)
                self._stamp = stamp
            else:
                self._stamp = self._stamped(file)
        self._looked_at = time.monotonic()

    def _load(self, file: Path) -> None:
        entries = read(file)
        current, known, files = {}, {}, []
        for pay_type, entry in entries.items():
            sets = entry.sets
            known[pay_type] = tuple(load(each) for each in sets)
            if entry.is_offered:
                current[pay_type] = known[pay_type][0]
            files += [read_file for each in sets for read_file in each.files]
        self._loaded, self._watched = Loaded(current, known), files

    def _stamped(self, file: Path) -> tuple:
        """Changes when a file does, and when one appears in its folder (a new certificate)."""
        files = {file, file.parent, *self._watched}
        return tuple((str(path), *_mark(path)) for path in sorted(files))


def _mark(path: Path) -> tuple:
    try:
        found = path.stat()
    except OSError:
        return (None,)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


kept = Kept()
