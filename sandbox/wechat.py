"""WeChat Pay's side of API v3: RSA-SHA256 over time, nonce and raw body; AES-GCM resources."""

import json
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

import requests
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox import forge, keys
from sandbox.models import RefundState, SandboxNotice, SandboxRefund, SandboxTrade, Says
from sandbox.models import TradeState as State
from sandbox.signing import is_signed, sign
from sandbox.trades import BEIJING

SCHEMA = "WECHATPAY2-SHA256-RSA2048"
WINDOW_S = 300
_PART = re.compile(r'(\w+)="([^"]*)"')
TRADE_TYPE = {"app": "APP", "h5": "MWEB", "native": "NATIVE"}
STATE_WORDS = {
    "SUCCESS": "支付成功",
    "NOTPAY": "订单未支付",
    "CLOSED": "订单已关闭",
    "REFUND": "订单发生退款",
    "USERPAYING": "用户支付中",
}


class BadSignature(Exception):
    """Says what does not hold; the merchant gets to read it."""


def check_request(channel: keys.Channel, method: str, paths: list[str], header: str, body: bytes):
    """The merchant's Authorization. `paths`: the path as the merchant may name it; a base URL with
    a path of its own is part of it or not, depending on how he joins the two."""
    schema, _, rest = header.partition(" ")
    parts = dict(_PART.findall(rest))
    if schema != SCHEMA or not {"mchid", "nonce_str", "signature", "timestamp"} <= set(parts):
        raise BadSignature("Http头Authorization认证类型不正确")
    if parts["mchid"] != channel["mchid"]:
        raise BadSignature("商户号mchid与证书不匹配")
    if parts.get("serial_no", "").upper() != channel["merchant_cert_serial"].upper():
        raise BadSignature("商户证书序列号有误")
    if not parts["timestamp"].isdigit() or abs(int(parts["timestamp"]) - time.time()) > WINDOW_S:
        raise BadSignature("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
    key = channel.private("merchant_private_key_file")
    for path in paths:
        message = f"{method}\n{path}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode()
        if is_signed(key, message + body + b"\n", parts["signature"]):
            return
    raise BadSignature("签名错误")


def caller(header: str) -> str:
    """Which merchant an Authorization names, before it is looked at."""
    return dict(_PART.findall(header)).get("mchid", "")


def signed_headers(channel: keys.Channel, body: bytes, spoilt: tuple | list = ()) -> dict[str, str]:
    is_cert = channel.settings.get("mode") == "cert"
    serial = channel["platform_cert_serial" if is_cert else "public_key_id"]
    key = channel.private(keys.WECHAT_CERT_PRIVATE if is_cert else keys.WECHAT_PRIVATE)
    if "wrong_key" in spoilt:
        key = forge.foreign_key()
    stamp = str(int(time.time()) - (3600 if "stale" in spoilt else 0))
    nonce = secrets.token_hex(16)
    message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
    signature = sign(key, message)
    if "signtest" in spoilt:  # WeChat's own probe of whether the merchant verifies at all
        signature = f"WECHATPAY/SIGNTEST/{secrets.token_hex(96)}"
    headers = {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": secrets.token_hex(20).upper() if "wrong_serial" in spoilt else serial,
        "Wechatpay-Signature": signature,
        "Wechatpay-Signature-Type": SCHEMA,
    }
    if "unsigned" in spoilt:
        del headers["Wechatpay-Signature"]
    return headers


def encrypt(
    channel: keys.Channel, what: str, plain: bytes, is_wrong: bool = False
) -> dict[str, str]:
    key = secrets.token_bytes(32) if is_wrong else channel["apiv3_key"].encode()
    nonce = secrets.token_hex(6)
    cipher = AESGCM(key).encrypt(nonce.encode(), plain, what.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": b64encode(cipher).decode(),
        "nonce": nonce,
        "associated_data": what,
    }


def notification(notice: SandboxNotice, now: datetime) -> tuple[dict[str, str], bytes]:
    channel = keys.of("wechat", notice.trade.merchant)
    spoilt = notice.forge
    resource = forge.said(_resource(channel, notice, now), spoilt)
    body = _envelope(channel, notice, resource, spoilt, ())
    headers = signed_headers(channel, body, spoilt)
    later = [word for word in spoilt if word.partition(":")[0] in ("set", "drop", "double")]
    if later:
        outer = [word for word in later if word.partition(":")[2].startswith("body.")]
        inner = [word for word in later if word not in outer]
        resource = forge.changed(resource, inner)
        body = _envelope(channel, notice, resource, spoilt, forge.doubled(inner))
        names = [word.replace(":body.", ":", 1) for word in outer]
        parsed = forge.changed(json.loads(body), names)
        body = _json(parsed, forge.doubled(names))
    return headers | {"Content-Type": "application/json; charset=utf-8"}, body


def is_acknowledged(reply: requests.Response) -> bool:
    if reply.status_code == 204:
        return True
    try:
        said = reply.json() if reply.content else {}
    except ValueError:
        return reply.status_code == 200
    is_fail = isinstance(said, dict) and said.get("code") not in (None, "SUCCESS")
    return reply.status_code == 200 and not is_fail


def result(trade: SandboxTrade, now: datetime) -> str:
    return ""  # WeChat's SDK gives the app no signed word


def transaction(channel: keys.Channel, trade: SandboxTrade) -> dict:
    """The order as a query or a notification tells it."""
    state = {State.PAID: "SUCCESS", State.CLOSED: "CLOSED"}.get(State(trade.state), "NOTPAY")
    if state == "SUCCESS" and trade.refunded_fen:
        state = "REFUND"
    fields = {
        "appid": channel["appid"],
        "mchid": channel["mchid"],
        "out_trade_no": trade.order_no,
        "trade_state": state,
        "trade_state_desc": STATE_WORDS[state],
        "attach": trade.asked.get("attach", ""),
    }
    amount: dict = {"total": trade.amount_fen, "currency": "CNY"}
    if trade.state == State.PAID:
        paid_fen = trade.paid_fen or 0
        amount = {"total": paid_fen, "payer_total": paid_fen}
        amount |= {"currency": "CNY", "payer_currency": "CNY"}
        fields |= {
            "transaction_id": trade.trade_no,
            "trade_type": TRADE_TYPE[trade.scene],
            "bank_type": "OTHERS",
            "success_time": rfc3339(trade.paid_at),
            "payer": {"openid": "oSandbox0Payer0000000000000"},
        }
    return fields | {"amount": amount}


def refund_fields(refund: SandboxRefund) -> dict:
    trade = refund.trade
    words = {
        RefundState.DONE: "SUCCESS",
        RefundState.PENDING: "PROCESSING",
        RefundState.FAILED: "ABNORMAL",
        RefundState.CLOSED: "CLOSED",
    }
    fields = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.refund_no,
        "transaction_id": trade.trade_no,
        "out_trade_no": trade.order_no,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": rfc3339(refund.made_at),
        "status": words[RefundState(refund.state)],
        "funds_account": "AVAILABLE",
        "amount": {
            "total": trade.paid_fen,
            "refund": refund.amount_fen,
            "payer_total": trade.paid_fen,
            "payer_refund": refund.amount_fen,
            "settlement_refund": refund.amount_fen,
            "settlement_total": trade.paid_fen,
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    if refund.state == RefundState.DONE:
        fields["success_time"] = rfc3339(refund.done_at)
    return fields


def rfc3339(at: datetime) -> str:
    return at.astimezone(BEIJING).isoformat(timespec="seconds")


def _resource(channel: keys.Channel, notice: SandboxNotice, now: datetime) -> dict:
    if notice.refund:
        fields = refund_fields(notice.refund)
        fields["refund_status"] = fields.pop("status")
        amount = {name: fields["amount"][name] for name in ("total", "refund", "payer_total")}
        amount["payer_refund"] = notice.refund.amount_fen
        return {"mchid": channel["mchid"]} | fields | {"amount": amount}
    trade = notice.trade
    if notice.says == Says.UNPAID:
        trade.state = State.OPEN
    elif trade.state != State.PAID:  # a forged one may tell of a payment that never was
        trade.paid_fen = trade.amount_fen if trade.paid_fen is None else trade.paid_fen
        trade.state, trade.paid_at = State.PAID, trade.paid_at or now
        trade.trade_no = trade.trade_no or f"4200{secrets.randbelow(10**24):024d}"
    said = transaction(channel, trade)
    if said["trade_state"] == "REFUND":  # the payment was notified as such, whatever came after
        said |= {"trade_state": "SUCCESS", "trade_state_desc": STATE_WORDS["SUCCESS"]}
    return said


def _envelope(channel, notice, resource: dict, spoilt: list, doubled: list | tuple) -> bytes:
    if notice.refund:
        state = resource.get("refund_status", "SUCCESS")
        event, summary, what = f"REFUND.{state}", "退款通知", "refund"
    else:
        event, summary, what = "TRANSACTION.SUCCESS", "支付成功", "transaction"
    plain = _json(resource, doubled)
    sealed = encrypt(channel, what, plain, "wrong_aes" in spoilt) | {"original_type": what}
    return _json(
        {
            "id": notice.notice_id,
            "create_time": rfc3339(notice.due_at),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": summary,
            "resource": sealed,
        }
    )


def _json(fields: Mapping, doubled: list | tuple = ()) -> bytes:
    parts = [(name, fields[name]) for name in [*fields, *[d for d in doubled if d in fields]]]
    inner = ",".join(
        f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
        for name, value in parts
    )
    return f"{{{inner}}}".encode()
