"""What finance's nights depend on: keys that are missing, do not fit, or end soon."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from django.core.exceptions import ImproperlyConfigured

from payments.channels import certificates, config
from payments.channels.config import (
    AlipaySettings,
    Entry,
    UnionpaySettings,
    WechatSettings,
)

SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report; `is_broken`: as it is, the channel cannot do its work."""

    says: str
    is_broken: bool = False


def inspect(entry: Entry, now: datetime) -> list[Finding]:
    """All that can be said of a channel without asking it, its merchants of before included. Holds
    no secret."""
    try:
        sets = entry.sets
    except ImproperlyConfigured as error:
        return [Finding(str(error), is_broken=True)]
    found = [] if entry.is_offered else [Finding("not offered, only merchants of before")]
    for each in sets:
        place = f"{each.place}: " if each.place else ""
        found += [replace(one, says=place + one.says) for one in _one(each, now)]
    return found


def _one(entry: Entry, now: datetime) -> list[Finding]:
    try:
        settings = config.load(entry)
    except ImproperlyConfigured as error:
        return [Finding(str(error), is_broken=True)]
    return [Finding(f"gateway {settings.gateway}"), *_INSPECTORS[type(settings)](settings, now)]


def _alipay(settings: AlipaySettings, now: datetime) -> Iterator[Finding]:
    yield Finding(f"app_id {settings.app_id}, seller_id {settings.seller_id}")
    if settings.private_key.public_key() == settings.alipay_key:
        yield Finding(
            "alipay_public_key_file holds our own app's public key, not Alipay's", is_broken=True
        )


def _wechat(settings: WechatSettings, now: datetime) -> Iterator[Finding]:
    yield Finding(f"appid {settings.appid}, mchid {settings.mchid}, mode {settings.mode}")
    if settings.public_key:
        yield Finding(f"public key {settings.public_key_id}")
        if settings.private_key.public_key() == settings.public_key:
            yield Finding(
                "public_key_file holds our own public key, not WeChat Pay's", is_broken=True
            )
    validities = []
    for serial, cert in settings.platform_certs.items():
        if serial != config.serial(cert):
            yield Finding(
                f"platform_cert_serial is {serial}, the certificate's is {config.serial(cert)}",
                is_broken=True,
            )
        validity = _validity(f"platform certificate {serial}", cert, now)
        validities.append((cert.not_valid_after_utc, validity))
    # An old one may end once a newer one is there; without the public key, the last one counts.
    for _, validity in sorted(validities, key=lambda pair: pair[0])[:-1]:
        yield Finding(validity.says)
    for _, validity in sorted(validities, key=lambda pair: pair[0])[-1:]:
        yield Finding(validity.says, validity.is_broken and settings.mode == "cert")


def _unionpay(settings: UnionpaySettings, now: datetime) -> Iterator[Finding]:
    yield Finding(f"mer_id {settings.mer_id}, expects {settings.expected_name}")
    own = str(settings.merchant.certificate.serial_number)
    if settings.cert_id != own:
        yield Finding(
            f"merchant_cert_id is {settings.cert_id}, the certificate's is {own}", is_broken=True
        )
    yield _validity("merchant certificate", settings.merchant.certificate, now)
    yield _validity("root certificate", settings.root, now)
    yield _validity("intermediate certificate", settings.middle, now)
    try:
        certificates.check_authorities(middle=settings.middle, root=settings.root, now=None)
    except certificates.Untrusted as error:
        yield Finding(str(error), is_broken=True)
    else:
        yield Finding("the chain of authorities holds")
    if settings.app_cert:
        yield _validity("certificate of the app's SDK", settings.app_cert, now)


def _validity(name: str, cert: x509.Certificate, now: datetime) -> Finding:
    begins, ends = cert.not_valid_before_utc, cert.not_valid_after_utc
    if now < begins:
        return Finding(f"{name} is not valid before {begins:%Y-%m-%d}", is_broken=True)
    if now > ends:
        return Finding(f"{name} expired on {ends:%Y-%m-%d}", is_broken=True)
    if ends - now <= SOON:
        return Finding(f"{name} expires soon, on {ends:%Y-%m-%d}")
    return Finding(f"{name} valid until {ends:%Y-%m-%d}")


_INSPECTORS: dict[type, Callable[[Any, datetime], Iterator[Finding]]] = {
    AlipaySettings: _alipay,
    WechatSettings: _wechat,
    UnionpaySettings: _unionpay,
}
