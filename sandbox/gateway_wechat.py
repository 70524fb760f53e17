"""/sandbox/wechat/v3/...: WeChat Pay's API v3."""

import gzip
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from payments.states import PayType
from sandbox import bills, control, keys, manners, trades, trouble, wechat
from sandbox.models import SandboxRefund, SandboxTrade, TradeState

PREFIX = "/sandbox/wechat"
STATUS = {
    "SIGN_ERROR": 401,
    "RULE_LIMIT": 403,
    "REQUEST_BLOCKED": 403,
    "NO_AUTH": 403,
    "NOT_ENOUGH": 403,
    "OUT_TRADE_NO_USED": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
}
BILL_S = 300


class No(Exception):
    def __init__(self, status: int, code: str, message: str):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def endpoint(method: str) -> Callable:
    """A view of API v3: verify who asks, answer in JSON, sign the answer."""

    def wrap(view: Callable) -> Callable:
        @csrf_exempt
        @wraps(view)
        def run(request: HttpRequest, **parts: str) -> HttpResponse:
            return trouble.played(
                PayType.WECHAT, view.__name__, lambda planned: answered(request, planned, **parts)
            )

        def answered(request: HttpRequest, planned: trouble.Trouble, **parts: str) -> HttpResponse:
            try:
                channel = keys.of("wechat", wechat.caller(request.headers.get("Authorization", "")))
                try:
                    if request.method != method:
                        raise No(405, "PARAM_ERROR", "请使用正确的HTTP方法")
                    _check_caller(channel, request)
                    if planned.code:
                        raise _planned(*planned.code)
                    status, said = view(request, channel=channel, now=timezone.now(), **parts)
                except No as no:
                    status, said = no.status, {"code": no.code, "message": no.message}
                if isinstance(said, HttpResponse):
                    return said  # a file; WeChat does not sign those
                body = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
                headers = wechat.signed_headers(channel, body, [planned.how])
            except keys.KeyMissing as missing:
                words = {"code": "SYSTEM_ERROR", "message": f"The sandbox cannot play: {missing}"}
                return HttpResponse(json.dumps(words), status=503, content_type="application/json")
            return HttpResponse(
                body, status=status, headers=headers, content_type="application/json; charset=utf-8"
            )

        return run

    return wrap


def _planned(*code: str) -> No:
    """In WeChat's words: the status may be left out where it follows from the code."""
    word = code[-1]
    status = int(code[0]) if len(code) > 1 and code[0].isdigit() else STATUS.get(word, 400)
    return No(status, word, "沙箱按要求应答")


@endpoint("POST")
def create(request, *, channel, now, scene):
    asked = _json(request)
    try:
        amount = asked["amount"]
        order_no, amount_fen = asked["out_trade_no"], amount["total"]
        is_ours = (asked["appid"], asked["mchid"]) == (channel["appid"], channel["mchid"])
        subject, notify_url = asked["description"], asked["notify_url"]
        if scene == "h5":
            info = asked["scene_info"]
            h5_ip, h5_type = info["payer_client_ip"], info["h5_info"]["type"]
            if not (h5_ip and h5_type):
                raise KeyError("scene_info")
    except (KeyError, TypeError) as error:
        raise No(400, "PARAM_ERROR", f"输入源必填字段缺失: {error}") from error
    if not is_ours:
        raise No(400, "APPID_MCHID_NOT_MATCH", "AppID和mch_id不匹配")
    if type(amount_fen) is not int or amount_fen < 1 or amount.get("currency", "CNY") != "CNY":
        raise No(400, "PARAM_ERROR", "amount 不符合规则")
    if not (isinstance(order_no, str) and 6 <= len(order_no) <= 32 and order_no.isascii()):
        raise No(400, "PARAM_ERROR", "out_trade_no 不符合规则")
    order = SandboxTrade(
        pay_type=PayType.WECHAT,
        order_no=order_no,
        amount_fen=amount_fen,
        scene=scene,
        subject=str(subject),
        asked={name: str(asked.get(name, "")) for name in ("attach", "time_expire")},
        notify_url=str(notify_url),
        return_url="",
        expires_at=_expiry(asked, now),
        merchant=channel["mchid"],
    )
    try:
        trade = trades.open_trade(order=order, now=now)
    except trades.Differs as error:
        raise No(403, "OUT_TRADE_NO_USED", "201 商户订单号重复") from error
    if trade.state in (TradeState.PAID, TradeState.ARRIVING):
        raise No(400, "ORDERPAID", "该订单已支付")
    if trade.state == TradeState.CLOSED:
        raise No(400, "ORDER_CLOSED", "订单已关闭，请重新下单")
    url = f"{settings.REDPACKET_PUBLIC_URL}/sandbox/cashier/{trade.handle}"
    if scene == "h5":  # with a query, to which merchants add `&redirect_url=...`
        return 200, {"h5_url": f"{url}?prepay_id={trade.handle}&package=sandbox"}
    return 200, {"prepay_id": trade.handle} if scene == "app" else {"code_url": url}


@endpoint("GET")
def query(request, *, channel, now, order_no="", trade_no=""):
    return 200, wechat.transaction(channel, _known(request, channel, now, order_no, trade_no))


@endpoint("POST")
def close(request, *, channel, now, order_no):
    if _json(request).get("mchid") != channel["mchid"]:
        raise No(400, "PARAM_ERROR", "mchid 有误")
    trade = _trade(channel, now, order_no=order_no)
    if trade.state == TradeState.CLOSED:
        return 204, None  # closing twice is no mistake
    try:
        trades.close(trade=trade, now=now)
    except trades.NotPayable as error:
        raise No(400, "ORDERPAID", "该订单已支付") from error
    return 204, None


@endpoint("POST")
def refund(request, *, channel, now):
    asked = _json(request)
    try:
        refund_no, amount = asked["out_refund_no"], asked["amount"]
        amount_fen, total_fen = amount["refund"], amount["total"]
        numbers = {"order_no": asked.get("out_trade_no"), "trade_no": asked.get("transaction_id")}
    except (KeyError, TypeError) as error:
        raise No(400, "PARAM_ERROR", f"输入源必填字段缺失: {error}") from error
    if type(amount_fen) is not int or amount_fen < 1 or not 0 < len(str(refund_no)) <= 64:
        raise No(400, "PARAM_ERROR", "参数错误")
    trade = _trade(
        channel, now, **{name: str(value)[:64] for name, value in numbers.items() if value}
    )
    if trade.state == TradeState.PAID and total_fen != trade.paid_fen:
        raise No(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
    keep = {"notify_url": str(asked.get("notify_url", "")), "reason": str(asked.get("reason", ""))}
    try:
        made, _ = control.refund(
            trade=trade, refund_no=str(refund_no), amount_fen=amount_fen, asked=keep, now=now
        )
    except trades.NotPaid as error:
        raise No(400, "INVALID_REQUEST", "订单未支付，不可以退款") from error
    except trades.TooMuch as error:
        raise No(400, "INVALID_REQUEST", "退款金额大于可退金额") from error
    except trades.Differs as error:
        raise No(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致") from error
    except trades.NoFunds as error:
        raise No(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起") from error
    return 200, wechat.refund_fields(made)


@endpoint("GET")
def refund_query(request, *, channel, now, refund_no):
    own = trades.of(PayType.WECHAT, channel["mchid"])
    found = SandboxRefund.objects.select_related("trade").filter(refund_no=refund_no, trade__in=own)
    if not (refund := found.first()):
        raise No(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
    return 200, wechat.refund_fields(trades.refund_as_of(refund=refund, now=now))


@endpoint("GET")
def bill(request, *, channel, now):
    try:
        day = datetime.fromisoformat(request.GET["bill_date"]).date()
    except (KeyError, ValueError) as error:
        raise No(400, "PARAM_ERROR", "bill_date 不符合规则") from error
    if request.GET.get("bill_type", "ALL") != "ALL":
        raise No(400, "PARAM_ERROR", "沙箱只出 ALL 账单")
    if not bills.rows(PayType.WECHAT, day, channel["mchid"]):
        raise No(400, "NO_STATEMENT_EXIST", "账单文件不存在")
    tar = request.GET.get("tar_type", "")
    token = signing.dumps([day.isoformat(), tar])
    content = _bill_content(channel, day)
    file = f"{settings.REDPACKET_PUBLIC_URL}{PREFIX}/v3/billdownload/file"
    return 200, {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(content).hexdigest(),  # noqa: S324 - WeChat's own choice
        "download_url": f"{file}?token={token}",
    }


@endpoint("GET")
def bill_file(request, *, channel, now):
    try:
        day, tar = signing.loads(request.GET.get("token", ""), max_age=BILL_S)
    except signing.BadSignature as error:
        raise No(400, "PARAM_ERROR", "token 无效") from error
    content = _bill_content(channel, datetime.fromisoformat(day).date())
    packed = gzip.compress(content) if tar == "GZIP" else content
    return 200, HttpResponse(packed, content_type="application/octet-stream")


@endpoint("GET")
def certificates(request, *, channel, now):
    certificate = channel.certificate("platform_cert_file")
    pem = channel.path("platform_cert_file").read_bytes()
    about = {
        "serial_no": channel["platform_cert_serial"],
        "effective_time": wechat.rfc3339(certificate.not_valid_before_utc),
        "expire_time": wechat.rfc3339(certificate.not_valid_after_utc),
        "encrypt_certificate": wechat.encrypt(channel, "certificate", pem),
    }
    return 200, {"data": [about]}


def _check_caller(channel: keys.Channel, request: HttpRequest) -> None:
    full = request.get_full_path()
    try:
        wechat.check_request(
            channel,
            request.method or "",
            [full.removeprefix(PREFIX), full],
            request.headers.get("Authorization", ""),
            request.body,
        )
    except wechat.BadSignature as bad:
        raise No(401, "SIGN_ERROR", str(bad)) from bad


def _json(request: HttpRequest) -> dict:
    try:
        asked = json.loads(request.body)
    except ValueError as error:
        raise No(400, "PARAM_ERROR", "请求内容不是JSON") from error
    if not isinstance(asked, dict):
        raise No(400, "PARAM_ERROR", "请求内容不是JSON对象")
    return asked


def _expiry(asked: dict, now: datetime) -> datetime:
    if not (text := asked.get("time_expire")):
        return now + timedelta(hours=2)
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise No(400, "PARAM_ERROR", "time_expire 不符合规则") from error
    if at.tzinfo is None or at <= now:
        raise No(400, "PARAM_ERROR", "time_expire 不符合规则")
    return at


def _known(request, channel, now, order_no: str, trade_no: str) -> SandboxTrade:
    if request.GET.get("mchid") != channel["mchid"]:
        raise No(400, "PARAM_ERROR", "mchid 有误")
    return _trade(channel, now, **({"order_no": order_no} if order_no else {"trade_no": trade_no}))


def _trade(channel: keys.Channel, now: datetime, **numbers: str) -> SandboxTrade:
    if not numbers:
        raise No(400, "PARAM_ERROR", "缺少订单号")
    found = trades.of(PayType.WECHAT, channel["mchid"]).filter(**numbers).first()
    if found is None:
        raise No(404, "ORDER_NOT_EXIST", "订单不存在")
    return trades.as_of(trade=found, now=now)


def _bill_content(channel: keys.Channel, day) -> bytes:
    return bills.wechat(day, channel["appid"], channel["mchid"], manners.defaults().bill)
