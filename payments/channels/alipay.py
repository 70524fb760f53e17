"""Alipay (支付宝), RSA2: SHA256withRSA over sorted parameters on the way out, over the raw text of
the answer's node on the way back, over the sorted raw parameters of a notification.

We speak UTF-8, and hear GBK, too: an app's settings at Alipay, and its gateway's own errors, decide
that. Signatures are over the bytes as they came, so they are checked before anything is decoded.

`gateway` is the base URL; requests go to {gateway}/gateway.do.
"""
# Long: one channel in one piece, its signatures, its words and its calls.

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from kit import clock
from payments.channels import base, http, wire
from payments.channels.config import AlipaySettings
from payments.models import ChannelRefund, PaymentOrder
from payments.states import PayType, Scene

SIGN_TYPE = "RSA2"
OK, BUSINESS_FAILED = "10000", "40004"
PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")  # finished: can no longer be refunded, paid all the same
CLOSED = "TRADE_CLOSED"
NO_BILL = "isp.bill_not_exist"  # nothing on that day, or not written yet
REUSED = ("ACQ.CONTEXT_INCONSISTENT", "ACQ.TRADE_HAS_CLOSE")
UNKNOWN_TRADE = "ACQ.TRADE_NOT_EXIST"
# Their side is down, or does not know yet; everything else is a no.
TRY_AGAIN = ("20000", "ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "isp.unknow-error")
# Under 40004, "business failed": what can only mean that this refund was not accepted (decision
# 0028).
REFUSALS = (
    "ACQ.SELLER_BALANCE_NOT_ENOUGH",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
    "ACQ.TRADE_HAS_FINISHED",
)
PRODUCTS = {
    Scene.APP: ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    Scene.H5: ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    Scene.NATIVE: ("alipay.trade.precreate", "FACE_TO_FACE_PAYMENT"),
}
SUBJECT_MAX = 256
# By the names under which Alipay may send them; the last one holds the two before it.
CHARSETS = {"utf-8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}
TRADE_NOTICE = "trade_status_sync"  # others tell of contracts, funds, deposits: no payment
APP_RESPONSE = "alipay_trade_app_pay_response"
# 9000 paid; 8000 and 6004: under way, the outcome not known yet.
APP_STATUSES = ("9000", "8000", "6004")


@dataclass(frozen=True)
class Alipay(base.Channel):
    settings: AlipaySettings
    pay_type = PayType.ALIPAY
    takes_any_scene = True  # one number, however it is paid
    WORDS = ("code", "sub_code", "sub_msg")

    # --- Orders ---------------------------------------------------------------------------------
    def asks_for(self, scene: Scene) -> bool:
        return scene == Scene.NATIVE

    def create(self, order: PaymentOrder, wanted: base.Wanted) -> dict:
        """App and h5 orders are made by the payer's own device, out of what is signed here; a QR
        code is asked for."""
        method, product = PRODUCTS[Scene(wanted.scene)]
        content = {
            "out_trade_no": order.order_no,
            "total_amount": str(order.amount),
            "subject": wire.words(wanted.subject, SUBJECT_MAX),
            "product_code": product,
            "time_expire": wire.local(order.expire_time, wire.DASHED),
        }
        urls = {"notify_url": wanted.notify_url}
        if wanted.scene == Scene.H5:
            urls["return_url"] = wanted.return_url
        signed = self._signed(method, content, **urls)
        if wanted.scene == Scene.APP:
            return {"order_string": urlencode(signed)}
        if wanted.scene == Scene.H5:
            return {"url": f"{self._url}?{urlencode(signed)}"}
        answer = self._sent(method, signed)
        if answer.get("code") != OK:
            is_reused = answer.get("sub_code") in REUSED
            raise (base.Reused if is_reused else base.Refused)(self.says(answer))
        return {"qr_code": base.text(answer, "qr_code")}

    def query(self, order: PaymentOrder) -> base.Answer:
        answer = self._asked("alipay.trade.query", {"out_trade_no": order.order_no})
        if answer.get("sub_code") == UNKNOWN_TRADE:
            return base.Answer(base.State.UNKNOWN, says=UNKNOWN_TRADE)
        if answer.get("code") != OK:
            raise base.ChannelDown(self.says(answer))
        if answer.get("out_trade_no") != order.order_no:
            raise base.ChannelDown("the answer is about another order")
        status = base.text(answer, "trade_status")
        # Closed: timed out, closed, or wholly refunded; what was paid has a time of that.
        was_paid = status == CLOSED and answer.get("send_pay_date")
        if status in PAID or was_paid:
            with wire.malformed_is(base.ChannelDown, "the answer makes no sense: "):
                payment = self._payment(answer, "send_pay_date")
            if was_paid:
                return base.Answer(base.State.REFUNDED, says=status, was_paid=payment)
            return base.Answer(base.State.PAID, payment, status)
        if status == CLOSED:
            return base.Answer(base.State.CLOSED, says=status)
        return base.Answer(base.State.PENDING, says=status)

    def close(self, order: PaymentOrder) -> base.Answer:
        """An order that no device has begun is unknown there, and could still be begun until the
        time-out that is signed into it."""
        answer = self._asked("alipay.trade.close", {"out_trade_no": order.order_no})
        if answer.get("code") == OK:
            return base.Answer(base.State.CLOSED, says="closed")
        return wire.closed_by_time(order, self.query)

    # --- Messages from there --------------------------------------------------------------------
    def notice(self, notice: base.Notice, now: datetime) -> base.Payment | base.Noted:
        """A payment is a trade's news, has TRADE_SUCCESS or TRADE_FINISHED and tells of no refund:
        a partial refund is announced as TRADE_SUCCESS, too, with its own time, number and
        amount."""
        with wire.malformed_is(base.Forged):
            fields = self._form(notice.body)
            kind = fields.get("notify_type", "")
            if kind != TRADE_NOTICE and fields.get("app_id") == self.settings.app_id:
                return base.Noted("", "", f"notify_type {kind}"[:64])
            self._check_identity(fields)
            order_no = wire.number(fields.get("out_trade_no"))
            trade_no = wire.number(fields.get("trade_no"))
            status = fields.get("trade_status", "")
            if _tells_of_refund(fields):
                says = f"{status}, refund {fields.get('refund_fee')}"[:64]
                return _told_of_refund(fields, base.Noted(order_no, trade_no, says))
            if status not in PAID:
                return base.Noted(order_no, trade_no, status[:64])
            return self._payment(fields, "gmt_payment")

    def acknowledge(self, *, accepted: bool) -> base.Acknowledgement:
        return base.Acknowledgement(b"success" if accepted else b"failure")

    def result(self, order: PaymentOrder, result: str) -> None:
        """The app's SDK returns `{resultStatus, result, memo}` (or its `result` alone); a mobile
        page returns with signed parameters in the URL."""
        with wire.malformed_is(base.Forged):
            if result.lstrip().startswith("{"):
                said = self._app_result(result)
            else:
                said = self._form(result.partition("?")[2].encode() or result.encode())
                if not said.get("method", "").endswith(".return"):
                    raise base.Forged("not a return from the cashier")  # a notice is no result
            self._check_identity(said)
            amount = wire.yuan(said.get("total_amount"))
            base.refuse_another(order, said.get("out_trade_no"), amount)

    def _app_result(self, text: str) -> dict[str, Any]:
        outer = wire.json_object(text)
        if "resultStatus" in outer:
            if str(outer["resultStatus"]) not in APP_STATUSES:
                raise base.Forged("the app's SDK says that nothing was paid")
            inner = outer.get("result")
            if not isinstance(inner, str):
                raise base.Forged("the result is no text")
            text = inner
        said = self._verified(text, APP_RESPONSE)
        if said.get("code") != OK:
            raise base.Forged(f"the result says {str(said.get('code'))[:16]}")
        return said

    def _form(self, body: bytes) -> dict[str, str]:
        """The fields of a notification or a return URL, once their signature holds.

        A title may have been cut within a character; numbers and amounts are ASCII, and strict.
        """
        raw = wire.form(body)
        if raw.get(b"sign_type") != SIGN_TYPE.encode():
            raise wire.Malformed("sign_type is not RSA2")
        content = wire.sorted_pairs(raw, b"sign", b"sign_type")
        signature = raw.get(b"sign", b"").decode("ascii", "replace")
        if not wire.is_signed(self.settings.alipay_key, content, signature):
            raise wire.Malformed("the signature does not hold")
        charset = CHARSETS.get(raw.get(b"charset", b"utf-8").decode("ascii", "replace").lower())
        if charset is None:
            raise wire.Malformed("in a charset of its own")
        return {
            name.decode(charset, "replace"): value.decode(charset, "replace")
            for name, value in raw.items()
        }

    def _check_identity(self, fields: dict[str, Any]) -> None:
        if fields.get("app_id") != self.settings.app_id:
            raise wire.Malformed("another app's")
        if fields.get("seller_id") != self.settings.seller_id:
            raise wire.Malformed("another seller's")

    def _payment(self, fields: dict[str, Any], paid_at: str) -> base.Payment:
        return base.Payment(
            self.pay_type,
            order_no=wire.number(fields.get("out_trade_no")),
            trade_no=wire.number(fields.get("trade_no")),
            amount=wire.yuan(fields.get("total_amount")),
            paid_at=wire.moment(fields.get(paid_at), wire.DASHED),
            merchant=self.merchant,
        )

    # --- Refunds and bills ----------------------------------------------------------------------
    def refund(self, refund: ChannelRefund) -> base.RefundAnswer:
        answer = self._asked(
            "alipay.trade.refund",
            {
                "trade_no": refund.trade_no,
                "out_request_no": refund.refund_no,
                "refund_amount": str(refund.amount),
                "refund_reason": wire.words(refund.reason, SUBJECT_MAX),
            },
            repeatable=False,
        )
        if answer.get("code") == BUSINESS_FAILED and answer.get("sub_code") in REFUSALS:
            return base.RefundAnswer(base.RefundState.REFUSED, self.says(answer))
        if answer.get("code") != OK:
            raise base.ChannelDown(self.says(answer))
        if answer.get("fund_change") == "Y":
            return base.RefundAnswer(base.RefundState.DONE)
        # "N": nothing moved by this request. Either an earlier one did it, or it is under way.
        return self.query_refund(refund)

    def query_refund(self, refund: ChannelRefund) -> base.RefundAnswer:
        answer = self._asked(
            "alipay.trade.fastpay.refund.query",
            {"trade_no": refund.trade_no, "out_request_no": refund.refund_no},
        )
        if answer.get("sub_code") == UNKNOWN_TRADE:
            return base.RefundAnswer(base.RefundState.UNKNOWN, UNKNOWN_TRADE)
        if answer.get("code") != OK:
            raise base.ChannelDown(self.says(answer))
        if not answer.get("out_request_no"):
            return base.RefundAnswer(base.RefundState.UNKNOWN)
        if answer["out_request_no"] != refund.refund_no:
            raise base.ChannelDown("the answer is about another refund")
        status = str(answer.get("refund_status") or "")
        if status == "REFUND_SUCCESS":
            at = wire.moment(answer.get("gmt_refund_pay"), wire.DASHED)
            return base.RefundAnswer(base.RefundState.DONE, at=at)
        if not status:  # "not received, or failed": to be sent again under the same number
            return base.RefundAnswer(base.RefundState.UNKNOWN, "no refund_status")
        return base.RefundAnswer(base.RefundState.PENDING, status)

    def bill(self, day: date) -> bytes:
        answer = self._asked(
            "alipay.data.dataservice.bill.downloadurl.query",
            {"bill_type": "trade", "bill_date": day.isoformat()},
        )
        if answer.get("sub_code") == NO_BILL:
            raise base.NoBill(self.says(answer))
        if answer.get("code") != OK:
            raise base.Refused(self.says(answer))
        url = base.text(answer, "bill_download_url")
        if urlsplit(url).scheme not in ("https", urlsplit(self._url).scheme):
            raise base.ChannelDown("the bill is not offered over https")
        reply = http.call(
            "GET", url, by=f"{self.line} bills", headers={}, repeatable=True, bill=True
        )
        if reply.status != 200 or not reply.body:
            raise base.ChannelDown(f"HTTP {reply.status} for the bill")
        return reply.body

    # --- The wire -------------------------------------------------------------------------------
    @property
    def _url(self) -> str:
        return f"{self.settings.gateway}/gateway.do"

    def _signed(self, method: str, content: dict[str, str], **urls: str) -> dict[str, str]:
        parameters = {
            "app_id": self.settings.app_id,
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            "charset": "utf-8",
            "format": "JSON",
            "method": method,
            "sign_type": SIGN_TYPE,
            "timestamp": wire.local(clock.now(), wire.DASHED),
            "version": "1.0",
            **{name: url for name, url in urls.items() if url},
        }
        message = wire.sorted_pairs(
            {name.encode(): value.encode() for name, value in parameters.items()}
        )
        return {**parameters, "sign": wire.sign(self.settings.private_key, message)}

    def _asked(
        self, method: str, content: dict[str, str], *, repeatable: bool = True
    ) -> dict[str, Any]:
        return self._sent(method, self._signed(method, content), repeatable=repeatable)

    def _sent(
        self, method: str, parameters: dict[str, str], *, repeatable: bool = True
    ) -> dict[str, Any]:
        """The verified answer, good or bad. Every request carries our number: it may be repeated.

        Raises: ChannelDown, also when the answer is not signed: then anybody may have given it.
        """
        reply = http.call(
            "POST",
            self._url,
            by=self.line,
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"},
            body=urlencode(parameters).encode(),
            repeatable=repeatable,
        )
        with wire.malformed_is(base.ChannelDown, f"HTTP {reply.status}: "):
            text, charset = _decoded(reply.body)
            answer = self._verified(text, f"{method.replace('.', '_')}_response", charset)
        if answer.get("code") in TRY_AGAIN or answer.get("sub_code") in TRY_AGAIN:
            raise base.ChannelDown(self.says(answer))
        return answer

    def _verified(self, text: str, name: str, charset: str = "utf-8") -> dict[str, Any]:
        """The named node of `{name: {...}, "sign": ...}`, signed over its text as it stands."""
        members = wire.json_members(text)
        if name not in members and "error_response" in members:
            name = "error_response"
        if name not in members or "sign" not in members:
            raise wire.Malformed("no signed answer")
        if json.loads(members.get("sign_type", '"RSA2"')) != SIGN_TYPE:
            raise wire.Malformed("sign_type is not RSA2")
        signature = json.loads(members["sign"])
        if not isinstance(signature, str) or not wire.is_signed(
            self.settings.alipay_key, members[name].encode(charset), signature
        ):
            raise wire.Malformed("the answer's signature does not hold")
        return wire.json_object(members[name])


def _decoded(body: bytes) -> tuple[str, str]:
    """The text of an answer and its charset: what GBK says must be read before it can be cut, and
    written again to the same bytes before its signature can be checked."""
    for charset in ("utf-8", "gb18030"):
        try:
            text = body.decode(charset)
            if text.encode(charset) == body:
                return text, charset
        except UnicodeError:
            continue
    raise wire.Malformed("neither UTF-8 nor GBK")


def _tells_of_refund(fields: dict[str, str]) -> bool:
    refunded = fields.get("refund_fee", "")
    return bool(
        fields.get("gmt_refund")
        or fields.get("out_biz_no")
        or (refunded and refunded.strip("0.") != "")
    )


def _told_of_refund(fields: dict[str, str], noted: base.Noted) -> base.Noted:
    """Alipay tells of a refund when it is done, by the number that it was asked for under; only the
    sum of all refunds stands beside it."""
    refund_no = fields.get("out_biz_no", "")
    if not refund_no:
        return noted
    at = wire.moment(fields.get("gmt_refund", "")[:19], wire.DASHED)
    return base.Returned(
        noted.order_no,
        noted.trade_no,
        noted.says,
        refund_no=refund_no,
        answer=base.RefundAnswer(base.RefundState.DONE, noted.says, at),
    )
