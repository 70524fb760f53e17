"""UnionPay (银联) 5.1.0: RSA over the hex SHA-256 of the sorted fields; whoever signs sends his
certificate along, which must come from UnionPay's own authorities and bear its name.

Requests and notifications are URL-encoded forms; the gateway's answers are `k=v&k=v` as it stands.
An order is named by its number *and* its `txnTime`. There is no close: `payTimeout` ends it.
"""
# Long: one channel in one piece, its signatures, its words and its calls.

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings as project

from kit import clock, money
from payments import sayings
from payments.channels import base, certificates, http, keys, wire
from payments.channels.config import UnionpaySettings
from payments.models import ChannelRefund, PaymentOrder
from payments.states import PayType, Scene

VERSION = "5.1.0"
RSA = "01"  # 11 and 12 are digests with a shared secret, which we have not: nobody may choose them
YUAN = "156"
PURCHASE, REFUND, QUERY, FILE = "01", "04", "00", "76"
# A6 is a success, too: the money has moved, something beside it went wrong.
PAID = ("00", "A6")
IN_THE_WORKS = ("03", "04", "05")
TRY_AGAIN = ("02", "03", "04", "05", "06")  # closed for a moment, timed out, not known yet, busy
# Of a refund: its original payment is not in that state, or not as it says (decision 0028).
REFUSALS = ("35", "36")
DOUBLED = "12"  # this number was sent before
UNKNOWN = "34"
NO_FILE = "98"  # nothing was settled on that day, or the file is not there yet
SUBJECT_MAX = 32
BILL_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class UnionPay(base.Channel):
    settings: UnionpaySettings
    pay_type = PayType.UNIONPAY
    takes_any_scene = False  # a number that was sent before is a double
    WORDS = ("respCode", "respMsg")

    # --- Orders ---------------------------------------------------------------------------------
    def asks_for(self, scene: Scene) -> bool:
        return scene != Scene.H5

    def create(self, order: PaymentOrder, wanted: base.Wanted) -> dict:
        """An app gets a number to start UnionPay's SDK with, a page gets a form to post itself, a
        screen gets a QR code."""
        scene = Scene(wanted.scene)
        fields = {
            "txnType": PURCHASE,
            "txnSubType": "07" if scene == Scene.NATIVE else "01",
            "bizType": "000000" if scene == Scene.NATIVE else "000201",
            "channelType": "08",
            "orderId": order.order_no,
            "txnTime": wire.local(order.add_time, wire.COMPACT),
            "txnAmt": str(money.fen(order.amount)),
            "currencyCode": YUAN,
            "payTimeout": wire.local(order.expire_time, wire.COMPACT),
            "orderDesc": wire.words(wanted.subject, SUBJECT_MAX),
            "backUrl": wanted.notify_url,
        }
        if scene == Scene.H5:
            form = self._signed({**fields, "frontUrl": wanted.return_url})
            return {"url": self._url("frontTransReq"), "fields": form}
        path = "backTransReq" if scene == Scene.NATIVE else "appTransReq"
        # Not repeated by itself: the gateway may call the second one a double.
        answer = self._asked(self._url(path), fields, repeatable=False)
        if answer.get("respCode") in TRY_AGAIN:
            raise base.ChannelDown(self.says(answer))
        if answer.get("respCode") == DOUBLED:
            raise base.Reused(self.says(answer))
        if answer.get("respCode") != "00":
            raise base.Refused(self.says(answer))
        if scene == Scene.NATIVE:
            return {"qr_code": base.text(answer, "qrCode")}
        return {"tn": base.text(answer, "tn")}

    def query(self, order: PaymentOrder) -> base.Answer:
        """A try that failed leaves the order payable until its time-out."""
        answer = self._queried(order.order_no, order.add_time)
        if answer.get("respCode") == UNKNOWN:
            return base.Answer(base.State.UNKNOWN, says=self.says(answer))
        said = base.text(answer, "origRespCode")  # silence is no "unpaid"
        if said in PAID:
            with wire.malformed_is(base.ChannelDown, "the answer makes no sense: "):
                return base.Answer(base.State.PAID, self._payment(answer), said)
        if said not in IN_THE_WORKS and wire.is_timed_out(order):
            return base.Answer(base.State.CLOSED, says=f"{said}, and timed out")
        return base.Answer(base.State.PENDING, says=said)

    def close(self, order: PaymentOrder) -> base.Answer:
        """Nothing to call. Closed is what has timed out there and, asked after that, is unpaid."""
        return wire.closed_by_time(order, self.query)

    def _queried(self, number: str, sent_at: datetime) -> dict[str, str]:
        """The verified answer about an order or a refund: 00 or 34; else ChannelDown."""
        sent = wire.local(sent_at, wire.COMPACT)
        answer = self._asked(
            self._url("queryTrans"),
            {
                "txnType": QUERY,
                "txnSubType": "00",
                "bizType": "000000",
                "orderId": number,
                "txnTime": sent,
            },
            repeatable=True,
        )
        if answer.get("respCode") not in ("00", UNKNOWN):
            raise base.ChannelDown(self.says(answer))
        if answer.get("orderId", number) != number or answer.get("txnTime", sent) != sent:
            raise base.ChannelDown("the answer is about another order")
        return answer

    # --- Messages from there --------------------------------------------------------------------
    def notice(self, notice: base.Notice, now: datetime) -> base.Payment | base.Noted:
        with wire.malformed_is(base.Forged):
            fields = self._verified(wire.form(notice.body), now)
            order_no = wire.number(fields.get("orderId"))
            trade_no = wire.number(fields.get("queryId"))
            said = fields.get("respCode", "")
            if fields.get("txnType") == PURCHASE and said in PAID:
                return self._payment(fields)
            says = f"txnType {fields.get('txnType')}, respCode {said}"
            if fields.get("txnType") == REFUND and fields.get("origQryId"):
                return _told_of_refund(fields, says[:64])
            return base.Noted(order_no, trade_no, says[:64])

    def acknowledge(self, *, accepted: bool) -> base.Acknowledgement:
        return base.Acknowledgement(b"ok") if accepted else base.Acknowledgement(b"fail", 400)

    def result(self, order: PaymentOrder, result: str) -> None:
        """A page returns with a signed form like a notification's. The app's SDK gives the word
        `success`, or JSON that is signed by a key of its own: without that certificate in the
        settings it is hearsay, as the word is."""
        with wire.malformed_is(base.Forged):
            text = result.strip()
            if text.startswith("{"):
                self._check_app_result(order, wire.json_object(text))
            elif text != "success":
                fields = self._verified(wire.form(text.encode()), clock.now())
                if fields.get("respCode") not in PAID or fields.get("txnType") != PURCHASE:
                    raise base.Forged("the result says that nothing was paid")
                base.refuse_another(order, fields.get("orderId"), wire.fen(fields.get("txnAmt")))

    def _check_app_result(self, order: PaymentOrder, result: dict) -> None:
        data, signature = result.get("data"), result.get("sign")
        if not isinstance(data, str) or not isinstance(signature, str):
            raise wire.Malformed("not the SDK's result")
        fields = wire.texts(wire.form(data.encode()))
        if fields.get("pay_result") != "success":
            raise wire.Malformed("the SDK says that nothing was paid")
        if fields.get("tn") != (order.pay_params or {}).get("tn"):
            raise wire.Malformed("the result is another order's")
        if self.settings.app_cert:
            digest = hashlib.sha1(data.encode(), usedforsecurity=False).hexdigest().encode()
            key = cast("RSAPublicKey", self.settings.app_cert.public_key())
            sha1 = hashes.SHA1()  # noqa: S303  # what the SDK in the payer's phone still signs by
            if not wire.is_signed(key, digest, signature, sha1):
                raise wire.Malformed("the SDK's signature does not hold")

    def _payment(self, fields: dict[str, str]) -> base.Payment:
        if fields.get("currencyCode") != YUAN:
            raise wire.Malformed("not in CNY")
        return base.Payment(
            self.pay_type,
            order_no=wire.number(fields.get("orderId")),
            trade_no=wire.number(fields.get("queryId")),
            amount=wire.fen(fields.get("txnAmt")),
            paid_at=_paid_at(fields),
            settle_date=_settle_date(fields),
            merchant=self.merchant,
            begun_at=_begun_at(fields),
        )

    def _verified(self, raw: dict[bytes, bytes], now: datetime) -> dict[str, str]:
        """The fields of a message, once certificate, signature and merchant hold."""
        fields = wire.texts(raw)
        if fields.get("version") != VERSION or fields.get("signMethod") != RSA:
            raise wire.Malformed("not version 5.1.0 signed by RSA")
        if fields.get("encoding", "UTF-8").upper() != "UTF-8":
            raise wire.Malformed("not in UTF-8")
        digest = hashlib.sha256(wire.sorted_pairs(raw, b"signature")).hexdigest()
        try:
            key = certificates.trust(
                keys.certificate(raw.get(b"signPubKeyCert", b"")),
                middle=self.settings.middle,
                root=self.settings.root,
                holder=self.settings.expected_name,
                now=now,
            )
        except (keys.BadKey, certificates.Untrusted) as error:
            raise wire.Malformed(f"signPubKeyCert: {error}") from error
        if not wire.is_signed(key, digest.encode(), fields.get("signature", "")):
            raise wire.Malformed("the signature does not hold")
        if fields.get("merId") != self.settings.mer_id:
            raise wire.Malformed("another merchant's")
        return fields

    # --- Refunds and bills ----------------------------------------------------------------------
    def refund(self, refund: ChannelRefund) -> base.RefundAnswer:
        """Accepted is not done: whether it is, the query says."""
        answer = self._asked(
            self._url("backTransReq"),
            {
                "txnType": REFUND,
                "txnSubType": "00",
                "bizType": "000201",
                "channelType": "08",
                "orderId": refund.refund_no,
                "txnTime": wire.local(_sent_at(refund), wire.COMPACT),
                "origQryId": refund.trade_no,
                "txnAmt": str(money.fen(refund.amount)),
                "currencyCode": YUAN,
                "backUrl": f"{project.REDPACKET_PUBLIC_URL}/api/v1/payments/notify/unionpay",
            },
            repeatable=False,
        )
        said = answer.get("respCode", "")
        if said in (*PAID, *IN_THE_WORKS, DOUBLED):
            return base.RefundAnswer(base.RefundState.PENDING, self.says(answer))
        if said in REFUSALS:
            return base.RefundAnswer(base.RefundState.REFUSED, self.says(answer))
        raise base.ChannelDown(self.says(answer))

    def query_refund(self, refund: ChannelRefund) -> base.RefundAnswer:
        answer = self._queried(refund.refund_no, _sent_at(refund))
        if answer.get("respCode") == UNKNOWN:
            return base.RefundAnswer(base.RefundState.UNKNOWN, self.says(answer))
        said = base.text(answer, "origRespCode")
        says = f"{said} {answer.get('origRespMsg', '')}".strip()
        if said in PAID:
            return base.RefundAnswer(
                base.RefundState.DONE, says, _paid_at(answer), _settle_date(answer)
            )
        if said in TRY_AGAIN:
            return base.RefundAnswer(base.RefundState.PENDING, says)
        return base.RefundAnswer(base.RefundState.FAILED, says)

    def bill(self, day: date) -> bytes:
        """The day's zip file."""
        answer = self._asked(
            f"{self.settings.file_gateway}/",
            {
                "txnType": FILE,
                "txnSubType": "01",
                "bizType": "000000",
                "settleDate": f"{day:%m%d}",
                "txnTime": wire.local(clock.now(), wire.COMPACT),
                "fileType": "00",
            },
            repeatable=True,
            bill=True,
        )
        said = answer.get("respCode", "")
        if said in TRY_AGAIN:
            raise base.ChannelDown(self.says(answer))
        if said == NO_FILE:
            raise base.NoBill(self.says(answer))
        if said != "00":
            raise base.Refused(self.says(answer))
        try:
            packed = base64.b64decode(answer.get("fileContent", ""), validate=True)
            inflate = zlib.decompressobj()
            content = inflate.decompress(packed, BILL_MAX_BYTES)
        except (binascii.Error, ValueError, zlib.error) as error:
            raise base.ChannelDown(sayings.NOT_UNPACKED) from error
        if not content or not inflate.eof:
            raise base.ChannelDown(sayings.CUT_BILL)
        return content

    # --- The wire -------------------------------------------------------------------------------
    def _url(self, name: str) -> str:
        return f"{self.settings.gateway}/gateway/api/{name}.do"

    def _signed(self, fields: dict[str, str]) -> dict[str, str]:
        full = {
            "version": VERSION,
            "encoding": "UTF-8",
            "signMethod": RSA,
            "accessType": "0",
            "merId": self.settings.mer_id,
            "certId": self.settings.cert_id,
            **{name: value for name, value in fields.items() if value},
        }
        raw = {name.encode(): value.encode() for name, value in full.items()}
        digest = hashlib.sha256(wire.sorted_pairs(raw)).hexdigest()
        return {**full, "signature": wire.sign(self.settings.merchant.key, digest.encode())}

    def _asked(
        self, url: str, fields: dict[str, str], *, repeatable: bool, bill: bool = False
    ) -> dict[str, str]:
        """The verified answer. Raises ChannelDown, also when it is not signed as it must be."""
        reply = http.call(
            "POST",
            url,
            by=f"{self.line} bills" if bill else self.line,
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
            body=urlencode(self._signed(fields)).encode(),
            repeatable=repeatable,
            bill=bill,
        )
        with wire.malformed_is(base.ChannelDown, f"HTTP {reply.status}: "):
            return self._verified(plain_pairs(reply.body), clock.now())


def plain_pairs(body: bytes) -> dict[bytes, bytes]:
    """The gateway's answers are not URL-encoded; values in braces or brackets may hold `&`.

    >>> plain_pairs(b"a=x+y=&b={c=1&d=2}&e=")
    {b'a': b'x+y=', b'b': b'{c=1&d=2}', b'e': b''}
    """
    pairs = []
    for part in _parts(body.strip()):
        name, equals, value = part.partition(b"=")
        if not name or not equals:
            raise wire.Malformed("not k=v&k=v")
        pairs.append((name, value))
    if len(pairs) > wire.FIELDS_MAX:
        raise wire.Malformed("too many fields")
    return wire.once(pairs)


def _parts(body: bytes) -> list[bytes]:
    parts: list[bytes] = []
    closing = b""
    for piece in body.split(b"&"):
        if closing:
            parts[-1] += b"&" + piece
        else:
            parts.append(piece)
            value = piece.partition(b"=")[2]
            closing = {b"{": b"}", b"[": b"]"}.get(value[:1], b"")
        if closing and piece.endswith(closing):
            closing = b""
    return parts


def _told_of_refund(fields: dict[str, str], says: str) -> base.Returned:
    """Its own order number is the refund's."""
    is_done = fields.get("respCode") in PAID
    state = base.RefundState.DONE if is_done else base.RefundState.PENDING
    return base.Returned(
        order_no=wire.number(fields.get("orderId")),
        trade_no=wire.number(fields.get("origQryId")),
        says=says,
        refund_no=wire.number(fields.get("orderId")),
        answer=base.RefundAnswer(state, says, _paid_at(fields), _settle_date(fields)),
        amount=wire.fen(fields.get("txnAmt")),
    )


def _sent_at(refund: ChannelRefund) -> datetime:
    """The refund's `txnTime`, part of its name there: fixed, and never before it was approved."""
    return refund.decided_at or refund.proposed_at


def _begun_at(fields: dict[str, str]) -> datetime:
    """`txnTime`, with the number the order's name: a payment without it is nobody's."""
    begun = wire.moment(fields.get("txnTime"), wire.COMPACT)
    if begun is None:
        raise wire.Malformed("no txnTime")
    return begun


def _paid_at(fields: dict[str, str]) -> datetime | None:
    """`traceTime` (MMDDhhmmss) has no year: it is the one that brings it nearest to the order's own
    time, by whichever clock is ahead."""
    begun = _begun_at(fields)
    years = (begun.year - 1, begun.year, begun.year + 1)
    found = (wire.moment(f"{year}{fields.get('traceTime', '')}", wire.COMPACT) for year in years)
    return min(filter(None, found), key=lambda paid: abs(paid - begun), default=None)


def _settle_date(fields: dict[str, str]) -> date | None:
    """`settleDate` (MMDD) is the day in whose bill it stands: today or, from 23:00 on, tomorrow."""
    begun = wire.moment(fields.get("txnTime"), wire.COMPACT)
    if begun is None:
        return None
    for year in (begun.year, begun.year + 1):
        found = wire.moment(f"{year}{fields.get('settleDate', '')}", "%Y%m%d")
        if found and begun - timedelta(days=1) <= found <= begun + timedelta(days=7):
            return found.date()
    return None
