"""Alipay's side of its protocol: RSA2 over sorted fields, answers signed over their raw node."""

import json
from base64 import b64decode, b64encode
from datetime import datetime
from urllib.parse import urlencode

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox import forge, keys
from sandbox.manners import defaults
from sandbox.models import SandboxNotice, SandboxTrade, Says, TradeState
from sandbox.trades import beijing

TIME = "%Y-%m-%d %H:%M:%S"
BUYER = {"buyer_id": "2088102123456789", "buyer_logon_id": "hon***@sandbox.example"}


def yuan(amount_fen: int) -> str:
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


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
    public = channel.private("app_private_key_file").public_key()
    try:
        signature = b64decode(fields.get("sign", ""), validate=True)
        public.verify(signature, _joined(fields, ("sign",)), PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


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
    sign = _raw_sign(key, raw.encode(charset, "replace"))
    return f'{{"{name}":{raw},"sign":"{sign}"}}'.encode(charset, "replace")


def notification(notice: SandboxNotice, now: datetime) -> tuple[dict[str, str], bytes]:
    channel = keys.of("alipay", notice.trade.merchant)
    spoilt = notice.forge
    charset = defaults().charset
    fields = forge.said(_facts(channel, notice, now) | {"charset": charset}, spoilt)
    key = forge.foreign_key() if "wrong_key" in spoilt else channel.private(keys.ALIPAY_PRIVATE)
    signature = _raw_sign(key, _joined(fields, ("sign", "sign_type"), charset))
    fields |= {"sign_type": "RSA2", "sign": signature}
    if "unsigned" in spoilt:
        del fields["sign"]
    fields = forge.changed(fields, spoilt)
    pairs = list(fields.items())
    pairs += [(name, fields[name]) for name in forge.doubled(spoilt) if name in fields]
    headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
    return headers, urlencode(pairs, encoding=charset, errors="replace").encode()


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
    signature = _sign(channel, _joined(fields, ()))
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
        "trade_no": trade.trade_no or f"{beijing(trade.made_at, '%Y%m%d')}22001{trade.pk:015d}",
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


def _joined(fields: dict[str, str], without: tuple[str, ...], charset: str = "utf-8") -> bytes:
    used = sorted((k, v) for k, v in fields.items() if k not in without and v not in ("", None))
    return "&".join(f"{key}={value}" for key, value in used).encode(charset, "replace")


def _sign(channel: keys.Channel, text: bytes) -> str:
    return _raw_sign(channel.private(keys.ALIPAY_PRIVATE), text)


def _raw_sign(key, text: bytes) -> str:
    return b64encode(key.sign(text, PKCS1v15(), hashes.SHA256())).decode()
