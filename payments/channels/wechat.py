"""WeChat Pay (微信支付), API v3: every message signed over time, nonce and raw body; notifications
sealed with AES-256-GCM.

WeChat Pay signs by its platform certificate or by its "WeChat Pay public key", and says which in
`Wechatpay-Serial`. While a merchant moves from the one to the other, notifications come by either,
in shares that WeChat Pay decides; so whatever is configured is believed, each under its own serial
alone. `mode` is what our requests ask the answers to be signed by.
"""
# Long: one channel in one piece, its signatures, its words and its calls.

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit import clock, money
from payments import sayings
from payments.channels import base, certificates, config, http, keys, wire
from payments.channels.config import WechatSettings
from payments.models import ChannelRefund, PaymentOrder
from payments.states import PayType, Scene

SCHEMA = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"  # a wrong signature on purpose: do we look at all?
ALGORITHM = "AEAD_AES_256_GCM"
WINDOW_S = 300  # how far a message's time may be from ours
CURRENCY = "CNY"
DESCRIPTION_MAX = 127
REASON_MAX = 80
ENDED = ("CLOSED", "REVOKED")
GIVEN_BACK = "REFUND"  # paid once; given back since, whole or in part
REFUND_STATES = {
    "SUCCESS": base.RefundState.DONE,
    "PROCESSING": base.RefundState.PENDING,
    "CLOSED": base.RefundState.FAILED,
    "ABNORMAL": base.RefundState.PARKED,  # the card is gone: WeChat holds what it took from us
}
# "The application for this refund has failed", and why cannot be anything but it (decision 0028).
REFUSALS = ("NOT_ENOUGH", "USER_ACCOUNT_ABNORMAL")
# Answers below 500 that say nothing for good.
TRY_AGAIN = ("FREQUENCY_LIMITED", "FREQUENCY_LIMIT", "RATELIMIT_EXCEEDED", "SYSTEM_ERROR")
NO_BILL = ("NO_STATEMENT_EXIST", "BILL_NOT_EXIST")  # nothing on that day
# Of a number that was seen before: made with other words, ended, or whatever does not fit it now.
REUSED = ("OUT_TRADE_NO_USED", "ORDER_CLOSED", "INVALID_REQUEST")
UNKNOWN = ("ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS")


@dataclass(frozen=True)
class WeChat(base.Channel):
    settings: WechatSettings
    pay_type = PayType.WECHAT
    WORDS = ("code", "message")
    takes_any_scene = False  # another trade type under one number is OUT_TRADE_NO_USED

    # --- Orders ---------------------------------------------------------------------------------
    def asks_for(self, scene: Scene) -> bool:
        return True

    def create(self, order: PaymentOrder, wanted: base.Wanted) -> dict:
        """Whatever but the payer's address differs from an earlier request of this number, WeChat
        Pay refuses; with the same words it gives a fresh prepay id, page or code."""
        scene = Scene(wanted.scene)
        content = {
            "appid": self.settings.appid,
            "mchid": self.settings.mchid,
            "description": wire.words(wanted.subject, DESCRIPTION_MAX),
            "out_trade_no": order.order_no,
            "time_expire": order.expire_time.astimezone(wire.SHANGHAI).isoformat("T", "seconds"),
            "notify_url": wanted.notify_url,
            "amount": {"total": money.fen(order.amount), "currency": CURRENCY},
        }
        if scene == Scene.H5:
            content["scene_info"] = {
                "payer_client_ip": wanted.payer_ip,
                "h5_info": {"type": "Wap"},
            }
        status, answer = self._asked("POST", f"/v3/pay/transactions/{scene.value}", content)
        if status >= 400:
            is_reused = answer.get("code") in REUSED
            raise (base.Reused if is_reused else base.Refused)(self.says(answer))
        if scene == Scene.APP:
            return self._app_params(base.text(answer, "prepay_id"))
        if scene == Scene.NATIVE:
            return {"code_url": base.text(answer, "code_url")}
        url = base.text(answer, "h5_url")
        if wanted.return_url:
            url += f"&redirect_url={quote(wanted.return_url, safe='')}"
        return {"h5_url": url}

    def _app_params(self, prepay_id: str) -> dict[str, str]:
        timestamp = str(int(clock.now().timestamp()))
        nonce = secrets.token_hex(16)
        signed = _lines(self.settings.appid, timestamp, nonce, prepay_id)
        return {
            "appid": self.settings.appid,
            "partnerid": self.settings.mchid,
            "prepayid": prepay_id,
            "package": "Sign=WXPay",
            "noncestr": nonce,
            "timestamp": timestamp,
            "sign": wire.sign(self.settings.private_key, signed),
        }

    def ends_early(self, scene: Scene) -> bool:
        return scene == Scene.H5  # an h5_url is good for five minutes

    def query(self, order: PaymentOrder) -> base.Answer:
        status, answer = self._asked("GET", self._order_path(order, mchid=self.settings.mchid))
        if status == 404 and answer.get("code") in UNKNOWN:
            return base.Answer(base.State.UNKNOWN, says=self.says(answer))
        if status >= 400:
            raise base.ChannelDown(self.says(answer))
        state = base.text(answer, "trade_state")
        if state in ("SUCCESS", GIVEN_BACK):
            with wire.malformed_is(base.ChannelDown, "the answer makes no sense: "):
                payment = self._payment(answer)
            if payment.order_no != order.order_no:
                raise base.ChannelDown("the answer is about another order")
            if state == GIVEN_BACK:
                return base.Answer(base.State.REFUNDED, says=state, was_paid=payment)
            return base.Answer(base.State.PAID, payment, state)
        return base.Answer(base.State.CLOSED if state in ENDED else base.State.PENDING, says=state)

    def close(self, order: PaymentOrder) -> base.Answer:
        status, _ = self._asked(
            "POST", f"{self._order_path(order)}/close", {"mchid": self.settings.mchid}
        )
        if status < 400:
            return base.Answer(base.State.CLOSED, says="closed")
        return wire.closed_by_time(order, self.query)

    def _order_path(self, order: PaymentOrder, **query: str) -> str:
        path = f"/v3/pay/transactions/out-trade-no/{quote(order.order_no, safe='')}"
        return f"{path}?{urlencode(query)}" if query else path

    # --- Messages from there --------------------------------------------------------------------
    def notice(self, notice: base.Notice, now: datetime) -> base.Payment | base.Noted:
        with wire.malformed_is(base.Forged):
            self._check_signature(notice.headers, notice.body, now)
            message = wire.json_object(notice.body)
            event = message.get("event_type")
            resource = message.get("resource")
            if not isinstance(event, str) or not isinstance(resource, dict):
                raise wire.Malformed("no event or no resource")
            said = wire.json_object(self._opened(resource))
            if said.get("mchid") != self.settings.mchid:
                raise wire.Malformed("another merchant's")
            if event == "TRANSACTION.SUCCESS":
                return self._told_of_payment(said)
            noted = base.Noted(
                order_no=wire.number(said.get("out_trade_no")),
                trade_no=wire.number(said.get("transaction_id")),
                says=event[:64],
            )
            return _told_of_refund(said, noted) if event.startswith("REFUND.") else noted

    def _told_of_payment(self, said: dict[str, Any]) -> base.Payment | base.Noted:
        state = said.get("trade_state")
        if state == "SUCCESS":
            return self._payment(said)
        # What is not paid need not have a transaction's number yet.
        trade_no = wire.number(said["transaction_id"]) if said.get("transaction_id") else ""
        return base.Noted(
            wire.number(said.get("out_trade_no")), trade_no, f"trade_state {state}"[:64]
        )

    def acknowledge(self, *, accepted: bool) -> base.Acknowledgement:
        if accepted:
            return base.Acknowledgement(b"", 204)
        answer = json.dumps({"code": "FAIL", "message": "失败"}, ensure_ascii=False)
        return base.Acknowledgement(answer.encode(), 400, "application/json; charset=utf-8")

    def result(self, order: PaymentOrder, result: str) -> None:
        """WeChat's SDK returns an error code and signs nothing: there is nothing to verify."""

    def _check_signature(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Of a notification or an answer: fresh, by a key that we know under its serial."""
        if headers.get("wechatpay-signature-type", SCHEMA) != SCHEMA:
            raise wire.Malformed("another signature scheme")
        timestamp = headers.get("wechatpay-timestamp", "")
        nonce = headers.get("wechatpay-nonce", "")
        signature = headers.get("wechatpay-signature", "")
        if not timestamp or not nonce or not signature:
            raise wire.Malformed("not signed")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise wire.Malformed("the time is no time")
        if abs(now.timestamp() - int(timestamp)) > WINDOW_S:
            raise wire.Malformed("more than five minutes off")
        if _is_probe(headers):
            raise wire.Malformed("a probe by WeChat Pay")
        key = self._key(headers.get("wechatpay-serial", ""), now)
        signed = b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)
        if not wire.is_signed(key, signed, signature):
            raise wire.Malformed("the signature does not hold")

    def _key(self, serial: str, now: datetime) -> RSAPublicKey:
        if self.settings.public_key and serial == self.settings.public_key_id:
            return self.settings.public_key
        cert = self.settings.platform_certs.get(config.serial(serial))
        if cert is None:
            raise wire.Malformed("an unknown serial number")
        if not certificates.is_valid(cert, now):
            raise wire.Malformed("the platform certificate is not valid now")
        return cast("RSAPublicKey", cert.public_key())  # keys.certificate takes no other

    def _opened(self, resource: dict[str, Any]) -> bytes:
        """What AES-256-GCM under the merchant's APIv3 key has sealed."""
        if resource.get("algorithm") != ALGORITHM:
            raise wire.Malformed("another algorithm")
        nonce: Any = resource.get("nonce")
        sealed: Any = resource.get("ciphertext")
        extra: Any = resource.get("associated_data") or ""
        if not all(isinstance(part, str) for part in (nonce, sealed, extra)):
            raise wire.Malformed("no resource")
        try:
            return AESGCM(self.settings.apiv3_key).decrypt(
                nonce.encode(), base64.b64decode(sealed, validate=True), extra.encode()
            )
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise wire.Malformed("the resource cannot be opened") from error

    def _payment(self, said: dict[str, Any]) -> base.Payment:
        if said.get("mchid") != self.settings.mchid or said.get("appid") != self.settings.appid:
            raise wire.Malformed("another merchant's or another app's")
        amount = said.get("amount")
        if not isinstance(amount, dict) or amount.get("currency") != CURRENCY:
            raise wire.Malformed("no amount in CNY")
        if not isinstance(amount.get("total"), int):
            raise wire.Malformed("no amount in fen")
        return base.Payment(
            self.pay_type,
            order_no=wire.number(said.get("out_trade_no")),
            trade_no=wire.number(said.get("transaction_id")),
            amount=wire.fen(amount["total"]),
            paid_at=wire.instant(said.get("success_time")),
            merchant=self.merchant,
        )

    # --- Refunds and bills ----------------------------------------------------------------------
    def refund(self, refund: ChannelRefund) -> base.RefundAnswer:
        status, answer = self._asked(
            "POST",
            "/v3/refund/domestic/refunds",
            {
                "transaction_id": refund.trade_no,
                "out_refund_no": refund.refund_no,
                "reason": wire.words(refund.reason, REASON_MAX),
                "amount": {
                    "refund": money.fen(refund.amount),
                    "total": money.fen(refund.paid),
                    "currency": CURRENCY,
                },
            },
            repeatable=False,
        )
        if status >= 400 and answer.get("code") in REFUSALS:
            return base.RefundAnswer(base.RefundState.REFUSED, self.says(answer))
        if status >= 400:
            raise base.ChannelDown(self.says(answer))
        return self._refund_answer(refund, answer)

    def query_refund(self, refund: ChannelRefund) -> base.RefundAnswer:
        number = quote(refund.refund_no, safe="")
        status, answer = self._asked("GET", f"/v3/refund/domestic/refunds/{number}")
        if status == 404 and answer.get("code") in UNKNOWN:
            return base.RefundAnswer(base.RefundState.UNKNOWN, self.says(answer))
        if status >= 400:
            raise base.ChannelDown(self.says(answer))
        return self._refund_answer(refund, answer)

    def _refund_answer(self, refund: ChannelRefund, answer: dict[str, Any]) -> base.RefundAnswer:
        if answer.get("out_refund_no") != refund.refund_no:
            raise base.ChannelDown("the answer is about another refund")
        return _refund_state(answer, base.text(answer, "status"))

    def bill(self, day: date) -> bytes:
        """Plain text. The file itself is not signed: the signed answer holds its digest."""
        query = urlencode({"bill_date": day.isoformat(), "bill_type": "ALL"})
        status, answer = self._asked("GET", f"/v3/bill/tradebill?{query}")
        if status >= 400:
            if answer.get("code") == "STATEMENT_CREATING":
                raise base.ChannelDown(self.says(answer))
            if answer.get("code") in NO_BILL:
                raise base.NoBill(self.says(answer))
            raise base.Refused(self.says(answer))
        url = base.text(answer, "download_url")
        ours, theirs = urlsplit(self.settings.gateway), urlsplit(url)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise base.ChannelDown(sayings.OFFERED_ELSEWHERE)
        reply = self._call("GET", url, b"", bill=True)
        digest = hashlib.sha1(reply.body, usedforsecurity=False).hexdigest()
        if reply.status != 200 or answer.get("hash_type") != "SHA1":
            raise base.ChannelDown(f"HTTP {reply.status} for the bill")
        if not hmac.compare_digest(digest, base.text(answer, "hash_value").lower()):
            raise base.ChannelDown(sayings.OTHER_DIGEST)
        return reply.body

    # --- Certificates ---------------------------------------------------------------------------
    def refresh_certificates(self, now: datetime) -> list[str]:
        """Fetch the platform's certificates and keep those that are new, beside the one that is
        named in the settings. The old one is never touched: it counts until its own end.

        Repeats: a certificate that is known is passed over.
        Raises:  ChannelDown.
        """
        file = self.settings.platform_cert_file
        if not self.settings.platform_certs or file is None:
            return []  # this merchant goes by the public key, which has no end
        status, answer = self._asked("GET", "/v3/certificates")
        offered = answer.get("data")
        if status >= 400 or not isinstance(offered, list):
            raise base.ChannelDown(self.says(answer))
        try:
            found = [self._certificate(entry, now) for entry in offered]
        except (wire.Malformed, keys.BadKey) as error:
            raise base.ChannelDown(f"a certificate {error}") from error
        new = {
            config.serial(cert): text
            for cert, text in found
            if config.serial(cert) not in self.settings.platform_certs
        }
        for serial, text in new.items():
            _keep(config.beside(file, serial), text)
        return sorted(new)

    def _certificate(self, entry: object, now: datetime) -> tuple[x509.Certificate, bytes]:
        if not isinstance(entry, dict) or not isinstance(entry.get("encrypt_certificate"), dict):
            raise wire.Malformed("is not there")
        text = self._opened(entry["encrypt_certificate"])
        cert = keys.certificate(text)
        if config.serial(cert) != config.serial(str(entry.get("serial_no", ""))):
            raise wire.Malformed("has another serial number than said")
        if now > cert.not_valid_after_utc:
            raise wire.Malformed("has expired")
        return cert, text

    # --- The wire -------------------------------------------------------------------------------
    def _asked(
        self,
        method: str,
        path: str,
        content: dict[str, Any] | None = None,
        *,
        repeatable: bool = True,
    ) -> tuple[int, dict[str, Any]]:
        """Status and verified answer; every request carries our number and may be repeated.

        Raises: ChannelDown, also when the answer is not signed: then anybody may have given it.
        """
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode()
        reply = self._call(method, f"{self.settings.gateway}{path}", body, repeatable=repeatable)
        with wire.malformed_is(base.ChannelDown, f"HTTP {reply.status}: "):
            self._check_signature(reply.headers, reply.body, clock.now())
            answer = wire.json_object(reply.body) if reply.body else {}
        if reply.status == 429 or (reply.status >= 400 and answer.get("code") in TRY_AGAIN):
            raise base.ChannelDown(self.says(answer))
        return reply.status, answer

    def _call(
        self, method: str, url: str, body: bytes, *, bill: bool = False, repeatable: bool = True
    ) -> http.Reply:
        headers = {
            "Accept": "application/json",
            "Authorization": self._authorization(method, url, body),
            "Content-Type": "application/json",
            "User-Agent": "hongbao",  # WeChat Pay refuses requests without one
        }
        if self.settings.mode == "pubkey":
            headers["Wechatpay-Serial"] = self.settings.public_key_id
        return http.call(
            method,
            url,
            by=self.line,
            headers=headers,
            body=body,
            repeatable=repeatable,
            bill=bill,
            is_none=lambda reply: _is_probe(reply.headers),  # the next one is signed well
        )

    def _authorization(self, method: str, url: str, body: bytes) -> str:
        """Signed are the method, the path with its query exactly as sent, time, nonce, body."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        timestamp = str(int(clock.now().timestamp()))
        nonce = secrets.token_hex(16)
        signed = _lines(method, target, timestamp, nonce, body.decode())
        values = {
            "mchid": self.settings.mchid,
            "nonce_str": nonce,
            "timestamp": timestamp,
            "serial_no": self.settings.merchant_serial,
            "signature": wire.sign(self.settings.private_key, signed),
        }
        return f"{SCHEMA} " + ",".join(f'{name}="{value}"' for name, value in values.items())


def refresh_certificates(now: datetime) -> list[str]:
    """Serial numbers of the platform certificates that are new; for beat. Nothing when WeChat Pay
    is not offered or goes by the public key. A merchant of before still needs them, and does not
    keep the present one from his.

    Raises: ChannelDown, after all were asked.
    """
    new, failed = [], None
    for settings in config.kept.loaded().known.get(PayType.WECHAT, ()):
        try:
            new += WeChat(cast("WechatSettings", settings)).refresh_certificates(now)
        except base.ChannelDown as error:
            failed = failed or error
    if failed:
        raise failed
    return new


def _refund_state(said: dict[str, Any], status: str) -> base.RefundAnswer:
    at = wire.instant(said.get("success_time"))
    return base.RefundAnswer(REFUND_STATES.get(status, base.RefundState.PENDING), status, at)


def _told_of_refund(said: dict[str, Any], noted: base.Noted) -> base.Returned:
    amount = said.get("amount")
    return base.Returned(
        noted.order_no,
        noted.trade_no,
        noted.says,
        refund_no=wire.number(said.get("out_refund_no")),
        answer=_refund_state(said, str(said.get("refund_status"))),
        amount=wire.fen(amount.get("refund")) if isinstance(amount, dict) else None,
    )


def _is_probe(headers: Mapping[str, str]) -> bool:
    return headers.get("wechatpay-signature", "").startswith(PROBE)


def _keep(file: Path, text: bytes) -> None:
    """In one step: a reader sees the whole file or none."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as written:
        written.write(text)
    Path(name).chmod(0o644)  # a certificate is public
    Path(name).replace(file)


def _lines(*parts: str) -> bytes:
    return "".join(f"{part}\n" for part in parts).encode()
