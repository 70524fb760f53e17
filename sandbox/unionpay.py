"""UnionPay's side of 5.1.0: sorted fields, SHA-256 twice, its certificate in every message."""

import hashlib
import json
from base64 import b64encode
from datetime import datetime
from urllib.parse import urlencode

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from sandbox import bills, forge, keys
from sandbox.models import RefundState, SandboxNotice, SandboxRefund, SandboxTrade, Says
from sandbox.signing import is_signed, joined, sign
from sandbox.trades import beijing

TIME = "%Y%m%d%H%M%S"
ECHOED = (
    "version",
    "encoding",
    "signMethod",
    "txnType",
    "txnSubType",
    "bizType",
    "accessType",
    "merId",
    "orderId",
    "txnTime",
    "txnAmt",
    "currencyCode",
    "reqReserved",
    "origQryId",
    "origOrderId",
    "origTxnTime",
)
WORDS = {
    "00": "success",
    "03": "交易通讯超时，请发起查询交易",
    "05": "交易已受理，请稍后查询交易结果",
    "10": "报文格式错误",
    "11": "验证签名失败",
    "12": "重复交易",
    "34": "查无此交易",
    "35": "原交易状态不正确",
    "36": "与原交易信息不符",
    "64": "余额不足",
    "98": "文件不存在",
}


def is_signed_by_merchant(channel: keys.Channel, fields: dict[str, str]) -> bool:
    return is_signed(channel.merchant_pfx(), _digest(fields), fields.get("signature", ""))


def signed(channel: keys.Channel, fields: dict[str, str], spoilt: list | tuple = ()) -> dict:
    """The fields with our certificate and signature."""
    key = channel.private(keys.UNIONPAY_PRIVATE)
    if "wrong_key" in spoilt:
        key = forge.foreign_key()
    certificate = channel.certificate(keys.UNIONPAY_CERT).public_bytes(serialization.Encoding.PEM)
    fields = fields | {
        "signMethod": "01",
        "signPubKeyCert": certificate.decode().strip().replace("\n", "\r\n"),
    }
    return fields | ({} if "unsigned" in spoilt else {"signature": sign(key, _digest(fields))})


def answer(
    channel: keys.Channel, asked: dict[str, str], code: str, spoilt: list[str], **more: str
) -> bytes:
    """`name=value&...` without any escaping, as the real gateway writes its answers."""
    fields = {name: asked[name] for name in ECHOED if asked.get(name)}
    fields |= {"respCode": code, "respMsg": f"{WORDS.get(code, 'fail')}[{code}00000]"} | more
    return "&".join(f"{k}={v}" for k, v in sorted(signed(channel, fields, spoilt).items())).encode()


def notification(notice: SandboxNotice, now: datetime) -> tuple[dict[str, str], bytes]:
    channel = keys.of("unionpay", notice.trade.merchant)
    spoilt = notice.forge
    facts = refund_facts(notice.refund) if notice.refund else facts_of(notice.trade, now)
    if notice.says == Says.UNPAID:
        facts |= {"respCode": "05", "respMsg": WORDS["05"]}
    fields = signed(channel, forge.said(facts, spoilt), spoilt)
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return headers, urlencode(forge.sent(fields, spoilt)).encode()


def is_acknowledged(reply: requests.Response) -> bool:
    return reply.status_code == 200  # UnionPay reads the status alone


def result(trade: SandboxTrade, now: datetime) -> str:
    """The app control's `{"sign", "data"}`; SHA-1 twice, as the control still has it. A page gets
    its fields posted to frontUrl instead."""
    if trade.scene != "app":
        return urlencode(returned(trade, now)) if trade.scene == "h5" else ""
    channel = keys.of("unionpay")
    certificate = channel.certificate(keys.UNIONPAY_CERT)
    data = f"pay_result=success&tn={trade.handle}&cert_id={certificate.serial_number}"
    digest = hashlib.sha1(data.encode()).hexdigest().encode()  # noqa: S324
    key = channel.private(keys.UNIONPAY_PRIVATE)
    signature = b64encode(key.sign(digest, PKCS1v15(), hashes.SHA1())).decode()  # noqa: S303
    return json.dumps({"sign": signature, "data": data})


def returned(trade: SandboxTrade, now: datetime) -> dict[str, str]:
    """What the payer's browser posts to frontUrl."""
    return signed(keys.of("unionpay", trade.merchant), facts_of(trade, now))


def facts_of(trade: SandboxTrade, now: datetime) -> dict[str, str]:
    """The payment as a notification tells it."""
    paid_fen = trade.amount_fen if trade.paid_fen is None else trade.paid_fen
    at = trade.paid_at or now
    return {name: trade.asked[name] for name in ECHOED if trade.asked.get(name)} | {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "txnAmt": str(paid_fen),
        "currencyCode": trade.asked.get("currencyCode", "156"),
        "respCode": "00",
        "respMsg": WORDS["00"],
        "queryId": trade.trade_no or f"{beijing(trade.made_at, TIME)}{trade.pk:07d}",
        "settleAmt": str(paid_fen),
        "settleCurrencyCode": "156",
        "settleDate": f"{bills.settle_day(at):%m%d}",
        "traceNo": f"{trade.pk % 10**6:06d}",
        "traceTime": beijing(at, "%m%d%H%M%S"),
        "accNo": "6216***********0018",
        "payCardType": "01",
    }


def refund_facts(refund: SandboxRefund) -> dict[str, str]:
    code = {RefundState.DONE: "00", RefundState.FAILED: "64"}.get(RefundState(refund.state), "05")
    asked = refund.asked
    return {name: asked[name] for name in ECHOED if asked.get(name)} | {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "txnAmt": str(refund.amount_fen),
        "respCode": code,
        "respMsg": WORDS[code],
        "queryId": refund.refund_id,
        "origQryId": refund.trade.trade_no or "",
        "settleAmt": str(refund.amount_fen),
        "settleCurrencyCode": "156",
        "settleDate": f"{bills.settle_day(refund.done_at or refund.made_at):%m%d}",
        "traceNo": f"{refund.pk % 10**6:06d}",
        "traceTime": beijing(refund.made_at, "%m%d%H%M%S"),
    }


def _digest(fields: dict[str, str]) -> bytes:
    return hashlib.sha256(joined(fields, ("signature",))).hexdigest().encode()
