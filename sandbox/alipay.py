"""Alipay's side of its protocol: RSA2 over sorted fields, answers signed over their raw node."""

import json
from datetime import datetime
from urllib.parse import urlencode

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from kit.money import told as yuan
from sandbox import forge, keys
from sandbox.manners import defaults
from sandbox.models import SandboxNotice, SandboxTrade, Says, TradeState
from sandbox.signing import is_signed, joined, sign
from sandbox.trades import beijing

TIME = "%Y-%m-%d %H:%M:%S"
BUYER = {"buyer_id": "2088102123456789", "buyer_logon_id": "hon***@sandbox.example"}


def fen(text: object) -> int:
    """Yuan with at most two places to fen; ValueError otherwise."""
    whole, _, cents = str(text).partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 9 and len(cents) <= 2):
        raise ValueError("not an amount")
    if cents and not (cents.isascii() and cents.isdigit()):
        raise ValueError("not an amount")
    return int(whole) * 100 + int(cents.ljust(2, "0") or 0)


def is_signed_by_merchant(channel: keys.Channel, fields: dict[str, str]) -> bool:
    """All fields but `sign`, sorted; `sign_type` belongs to what a merchant signs."""
    key = channel.private("app_private_key_file")
    return is_signed(key, joined(fields, ("sign",)), fields.get("sign", ""))


def answer(
    channel: keys.Channel,
    method: str,
    node: dict,
    charset: str = "utf-8",
    key: RSAPrivateKey | None = None,
) -> bytes:
    """`{"..._response": node, "sign": ...}`; slashes escaped, as Alipay's own JSON writer does."""
    key = key or channel.private(keys.ALIPAY_PRIVATE)
    raw = json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    name = f"{method.replace('.', '_')}_response" if method else "error_response"
    signature = sign(key, raw.encode(charset, "replace"))
    return f'{{"{name}":{raw},"sign":"{signature}"}}'.encode(charset, "replace")


def notification(notice: SandboxNotice, now: datetime) -> tuple[dict[str, str], bytes]:
    channel = keys.of("alipay", notice.trade.merchant)
    spoilt = notice.forge
    charset = defaults().charset
    fields = forge.said(_facts(channel, notice, now) | {"charset": charset}, spoilt)
    key = forge.foreign_key() if "wrong_key" in spoilt else channel.private(keys.ALIPAY_PRIVATE)
    signature = sign(key, joined(fields, ("sign", "sign_type"), charset))
    fields |= {"sign_type": "RSA2", "sign": signature}
    if "unsigned" in spoilt:
        del fields["sign"]
    headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    return headers, urlencode(
        forge.sent(fields, spoilt), encoding=charset, errors="replace"
    ).encode()


def is_acknowledged(reply: requests.Response) -> bool:
    return reply.status_code == 200 and reply.content.strip() == b"success"


def result(trade: SandboxTrade, now: datetime) -> str:
    """The app SDK's `result`, or what a mobile page gets in its return URL; none for a QR code."""
    if trade.scene == "app":
        return _app_result(trade, now)
    return urlencode(returned(trade, now)) if trade.scene == "h5" else ""


def sdk_result(trade: SandboxTrade, now: datetime) -> str:
    """All that the app's SDK hands over: status, memo and the signed result."""
    inner = _app_result(trade, now)
    return json.dumps({"memo": "", "result": inner, "resultStatus": "9000"}, ensure_ascii=False)


def returned(trade: SandboxTrade, now: datetime) -> dict[str, str]:
    channel = keys.of("alipay", trade.merchant)
    fields = {
        "charset": "utf-8",
        "out_trade_no": trade.order_no,
        "method": "alipay.trade.wap.pay.return",
        "total_amount": yuan(trade.paid_fen or 0),
        "trade_no": trade.trade_no or "",
        "auth_app_id": channel["app_id"],
        "version": "1.0",
        "app_id": channel["app_id"],
        "seller_id": channel["seller_id"],
        "timestamp": beijing(now, TIME),
    }
    signature = sign(channel.private(keys.ALIPAY_PRIVATE), joined(fields, ()))
    return fields | {"sign_type": "RSA2", "sign": signature}


def status(trade: SandboxTrade) -> str:
    if trade.state == TradeState.PAID:
        is_gone = trade.refunded_fen and trade.refunded_fen >= (trade.paid_fen or 0)
        return "TRADE_CLOSED" if is_gone else "TRADE_SUCCESS"
    return "TRADE_CLOSED" if trade.state == TradeState.CLOSED else "WAIT_BUYER_PAY"


def _app_result(trade: SandboxTrade, now: datetime) -> str:
    channel = keys.of("alipay", trade.merchant)
    node = {
        "code": "10000",
        "msg": "Success",
        "app_id": channel["app_id"],
        "auth_app_id": channel["app_id"],
        "charset": "utf-8",
        "timestamp": beijing(now, TIME),
        "out_trade_no": trade.order_no,
        "total_amount": yuan(trade.paid_fen or 0),
        "trade_no": trade.trade_no,
        "seller_id": channel["seller_id"],
    }
    signed = answer(channel, "alipay.trade.app.pay", node).decode()
    return f'{signed[:-1]},"sign_type":"RSA2"}}'


def _facts(channel: keys.Channel, notice: SandboxNotice, now: datetime) -> dict[str, str]:
    trade, refund = notice.trade, notice.refund
    paid_fen = trade.amount_fen if trade.paid_fen is None else trade.paid_fen
    says = {Says.UNPAID: "WAIT_BUYER_PAY", Says.REFUNDED: status(trade)}.get(
        notice.says, "TRADE_SUCCESS"
    )
    fields = {
        "gmt_create": beijing(trade.made_at, TIME),
        "charset": "utf-8",
        "seller_email": "merchant@sandbox.example",
        "subject": trade.subject,
        "buyer_id": BUYER["buyer_id"],
        "buyer_logon_id": BUYER["buyer_logon_id"],
        "notify_id": notice.notice_id,
        "notify_type": "trade_status_sync",
        "notify_time": beijing(now, TIME),
        "trade_status": says,
        "app_id": channel["app_id"],
        "auth_app_id": channel["app_id"],
        "seller_id": channel["seller_id"],
        "out_trade_no": trade.order_no,
        "trade_no": number(trade),
        "total_amount": yuan(paid_fen),
        "version": "1.0",
    }
    if says != "WAIT_BUYER_PAY":
        fields |= {
            "gmt_payment": beijing(trade.paid_at or now, TIME),
            "receipt_amount": yuan(paid_fen),
            "invoice_amount": yuan(paid_fen),
            "buyer_pay_amount": yuan(paid_fen),
            "point_amount": "0.00",
            "fund_bill_list": json.dumps(
                [{"amount": yuan(paid_fen), "fundChannel": "ALIPAYACCOUNT"}], separators=(",", ":")
            ),
        }
    if refund:
        fields |= {
            "gmt_refund": beijing(refund.done_at or now, TIME) + ".000",
            "refund_fee": yuan(trade.refunded_fen),
            "out_biz_no": refund.refund_no,
        }
    if passed := trade.asked.get("passback_params"):
        fields["passback_params"] = passed
    return fields


def number(trade: SandboxTrade) -> str:
    """Theirs, before it is paid, too."""
    return trade.trade_no or f"{beijing(trade.made_at, '%Y%m%d')}22001{trade.pk:015d}"
