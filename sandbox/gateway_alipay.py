"""POST or GET /sandbox/alipay/gateway.do: Alipay's one door."""
# Long: the other side of one channel, call by call.

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from payments.states import PayType
from sandbox import alipay, bills, control, forge, keys, manners, trades, trouble
from sandbox.alipay import TIME, yuan
from sandbox.models import RefundState, SandboxRefund, SandboxTrade, TradeState
from sandbox.trades import beijing, from_beijing

SCENES = {
    "alipay.trade.app.pay": "app",
    "alipay.trade.wap.pay": "h5",
    "alipay.trade.page.pay": "h5",
    "alipay.trade.precreate": "native",
}
OK = {"code": "10000", "msg": "Success"}
TIMEOUT_UNITS = {"m": 60, "h": 3600, "d": 86_400}
BILL_S = 30  # how long a bill's address is good


class No(Exception):
    """An answer that is no success, in Alipay's words."""

    def __init__(
        self, sub_code: str, sub_msg: str, code: str = "40004", msg: str = "Business Failed"
    ):
        super().__init__(sub_code)
        self.node = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


def _invalid(sub_code: str, sub_msg: str) -> No:
    return No(sub_code, sub_msg, "40002", "Invalid Arguments")


@csrf_exempt
def gateway(request: HttpRequest) -> HttpResponse:
    fields = {**request.GET.dict(), **request.POST.dict()}
    method = fields.get("method", "")
    call = METHODS[method][0] if method in METHODS else "create" if method in SCENES else ""
    return trouble.played(PayType.ALIPAY, call, lambda planned: _answered(fields, planned))


def _answered(fields: dict, planned: trouble.Trouble) -> HttpResponse:
    now = timezone.now()
    method = fields.get("method", "")
    try:
        channel = keys.of("alipay", fields.get("app_id", ""))
        try:
            biz = _checked(channel, fields)
            if planned.code:
                raise _planned(*planned.code)
            if method in SCENES and SCENES[method] != "native":
                trade = _open(fields, biz, SCENES[method], now)
                return HttpResponseRedirect(f"/sandbox/cashier/{trade.handle}")
            if method not in METHODS:
                raise _invalid("isv.invalid-method", "不存在的方法名")
            node = OK | METHODS[method][1](fields, biz, now)
        except No as no:
            if method in SCENES and SCENES[method] != "native":
                return HttpResponse(f"{no.node['sub_code']}: {no.node['sub_msg']}", status=400)
            node = no.node
        charset = "gbk" if planned.how == "gbk" else manners.defaults().charset
        key = forge.foreign_key() if planned.how == "wrong_key" else None
        body = alipay.answer(channel, method, node, charset, key)
    except keys.KeyMissing as missing:
        return HttpResponse(f"The sandbox cannot play Alipay: {missing}", status=503)
    return HttpResponse(body, content_type=f"text/html;charset={charset}")


def _planned(*code: str) -> No:
    """In Alipay's words: the outer code may be left out, as the inner one's kind tells it."""
    outer = {"isv": "40002", "isp": "20000", "aop": "20000"}.get(
        code[-1].partition(".")[0], "40004"
    )
    return No(code[-1], "沙箱按要求应答", code[0] if len(code) > 1 else outer, "Business Failed")


@csrf_exempt
def bill_file(request: HttpRequest, token: str) -> HttpResponse:
    try:
        text, app_id = signing.loads(token, max_age=BILL_S)
    except signing.BadSignature:
        return HttpResponse("The address of the bill is no longer good.", status=403)
    day, seller_id = date.fromisoformat(text), keys.of("alipay", app_id)["seller_id"]
    content = bills.alipay(day, app_id, seller_id, manners.defaults().bill)
    response = HttpResponse(content, content_type="application/zip")
    name = f"{seller_id}_{day:%Y%m%d}.csv.zip"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def open_order_string(text: str, now: datetime) -> SandboxTrade:
    """What the app's SDK does with an order string (or the browser with a page's address): verify
    it and open the trade. Raises No."""
    query = urlsplit(text).query if text.startswith("http") else text
    fields = dict(parse_qsl(query.strip(), keep_blank_values=True))
    biz = _checked(keys.of("alipay", fields.get("app_id", "")), fields)
    method = fields.get("method", "")
    if SCENES.get(method) not in ("app", "h5"):
        raise _invalid("isv.invalid-method", "不存在的方法名")
    return _open(fields, biz, SCENES[method], now)


def _checked(channel: keys.Channel, fields: dict[str, str]) -> dict:
    """The request's business part, once who sent it holds."""
    for name in ("app_id", "method", "charset", "sign_type", "sign", "timestamp", "version"):
        if not fields.get(name):
            raise No(f"isv.missing-{name.replace('_', '-')}", f"缺少{name}参数", "40001", "Missing")
    if fields["app_id"] != channel["app_id"]:
        raise _invalid("isv.invalid-app-id", "无效的AppID参数")
    if fields["sign_type"] != "RSA2":
        raise _invalid("isv.invalid-signature-type", "无效的签名类型")
    if fields["charset"].lower() != "utf-8":
        raise _invalid("isv.invalid-charset", "字符集错误")
    if not alipay.is_signed_by_merchant(channel, fields):
        raise _invalid(
            "isv.invalid-signature",
            "验签出错，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的字符集编码",
        )
    try:
        from_beijing(fields["timestamp"], TIME)
        biz = json.loads(fields.get("biz_content", "{}"))
    except ValueError as error:
        raise _invalid("isv.invalid-parameter", "参数无效") from error
    if not isinstance(biz, dict):
        raise _invalid("isv.invalid-parameter", "参数无效")
    return biz


def _open(fields: dict, biz: dict, scene: str, now: datetime) -> SandboxTrade:
    try:
        amount_fen = alipay.fen(biz["total_amount"])
        order_no, subject = str(biz["out_trade_no"]), str(biz["subject"])
    except (KeyError, ValueError) as error:
        raise No("ACQ.INVALID_PARAMETER", "参数无效") from error
    if not amount_fen or not 0 < len(order_no) <= 64:
        raise No("ACQ.INVALID_PARAMETER", "参数无效")
    order = SandboxTrade(
        pay_type=PayType.ALIPAY,
        order_no=order_no,
        amount_fen=amount_fen,
        scene=scene,
        subject=subject,
        asked={k: v for k, v in biz.items() if isinstance(v, str)},
        notify_url=fields.get("notify_url", ""),
        return_url=fields.get("return_url", ""),
        expires_at=_expiry(biz, fields, now),
        merchant=fields["app_id"],
    )
    try:
        trade = trades.open_trade(order=order, now=now)
    except trades.Differs as error:
        raise No("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改") from error
    if scene != "native":
        trades.see(trade=trade, now=now)
    elif trade.state in (TradeState.PAID, TradeState.ARRIVING):
        raise No("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
    elif trade.state == TradeState.CLOSED:
        raise No("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    return trade


def _expiry(biz: dict, fields: dict, now: datetime) -> datetime:
    if text := biz.get("time_expire"):
        for form in (TIME, "%Y-%m-%d %H:%M"):
            try:
                return from_beijing(str(text), form)
            except ValueError:
                continue
        raise No("ACQ.INVALID_PARAMETER", "time_expire 参数无效")
    text = str(biz.get("timeout_express") or biz.get("qr_code_timeout_express") or "15d")
    if text[:-1].isdigit() and text[-1] in TIMEOUT_UNITS:
        began = from_beijing(fields["timestamp"], TIME)  # an order string runs from its signing
        return began + timedelta(seconds=int(text[:-1]) * TIMEOUT_UNITS[text[-1]])
    raise No("ACQ.INVALID_PARAMETER", "timeout_express 参数无效")


def _precreate(fields: dict, biz: dict, now: datetime) -> dict:
    trade = _open(fields, biz, "native", now)
    qr_code = f"{settings.REDPACKET_PUBLIC_URL}/sandbox/cashier/{trade.handle}"
    return {"out_trade_no": trade.order_no, "qr_code": qr_code}


def _query(fields: dict, biz: dict, now: datetime) -> dict:
    trade = _known(fields, biz, now)
    status = alipay.status(trade)
    node = {
        "buyer_logon_id": alipay.BUYER["buyer_logon_id"],
        "buyer_user_id": alipay.BUYER["buyer_id"],
        "out_trade_no": trade.order_no,
        "total_amount": yuan(trade.amount_fen if trade.paid_fen is None else trade.paid_fen),
        "trade_no": alipay.number(trade),
        "trade_status": status,
        "invoice_amount": "0.00",
        "point_amount": "0.00",
        "receipt_amount": "0.00",
        "buyer_pay_amount": "0.00",
    }
    if trade.state == TradeState.PAID:
        paid = yuan(trade.paid_fen or 0)
        node |= {
            "send_pay_date": beijing(trade.paid_at, TIME),
            "receipt_amount": paid,
            "buyer_pay_amount": paid,
            "invoice_amount": paid,
            "fund_bill_list": [{"amount": paid, "fund_channel": "ALIPAYACCOUNT"}],
        }
    return node


def _close(fields: dict, biz: dict, now: datetime) -> dict:
    trade = _known(fields, biz, now)
    try:
        trades.close(trade=trade, now=now)
    except trades.NotPayable as error:
        raise No("ACQ.TRADE_STATUS_ERROR", "交易状态不合法") from error
    return {"out_trade_no": trade.order_no, "trade_no": alipay.number(trade)}


def _refund(fields: dict, biz: dict, now: datetime) -> dict:
    trade = _known(fields, biz, now)
    try:
        amount_fen = alipay.fen(biz["refund_amount"])
    except (KeyError, ValueError) as error:
        raise No("ACQ.INVALID_PARAMETER", "参数无效") from error
    refund_no = str(biz.get("out_request_no") or trade.order_no)[:64]
    if not amount_fen or (not biz.get("out_request_no") and amount_fen != trade.paid_fen):
        raise No("ACQ.INVALID_PARAMETER", "部分退款必须传入out_request_no")
    asked = {k: v for k, v in biz.items() if isinstance(v, str)}
    try:
        refund, is_new = control.refund(
            trade=trade, refund_no=refund_no, amount_fen=amount_fen, asked=asked, now=now
        )
    except trades.NotPaid as error:
        raise No("ACQ.TRADE_STATUS_ERROR", "交易状态不合法") from error
    except trades.TooMuch as error:
        raise No("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限") from error
    except trades.Differs as error:
        raise No("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求") from error
    except trades.NoFunds as error:
        raise No("ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户的支付宝账户中无足够的资金") from error
    trade.refresh_from_db()
    return {
        "buyer_logon_id": alipay.BUYER["buyer_logon_id"],
        "buyer_user_id": alipay.BUYER["buyer_id"],
        "fund_change": "Y" if is_new and refund.state == RefundState.DONE else "N",
        "gmt_refund_pay": beijing(refund.made_at, TIME),
        "out_trade_no": trade.order_no,
        "refund_fee": yuan(trade.refunded_fen),
        "send_back_fee": yuan(refund.amount_fen),
        "trade_no": trade.trade_no or "",
    }


def _refund_query(fields: dict, biz: dict, now: datetime) -> dict:
    trade = _known(fields, biz, now)
    refund_no = str(biz.get("out_request_no") or trade.order_no)
    refund = SandboxRefund.objects.filter(trade=trade, refund_no=refund_no).first()
    if refund is None:
        return {}  # success without any field is how Alipay says: no such refund
    trades.refund_as_of(refund=refund, now=now)
    node = {
        "out_request_no": refund.refund_no,
        "out_trade_no": trade.order_no,
        "refund_amount": yuan(refund.amount_fen),
        "total_amount": yuan(trade.paid_fen or 0),
        "trade_no": trade.trade_no or "",
    }
    if refund.state == RefundState.DONE:
        node |= {"refund_status": "REFUND_SUCCESS", "gmt_refund_pay": beijing(refund.done_at, TIME)}
    return node


def _bill(fields: dict, biz: dict, now: datetime) -> dict:
    try:
        day = datetime.fromisoformat(str(biz["bill_date"])).date()
    except (KeyError, ValueError) as error:
        raise No("isv.invalid-arguments", "参数无效") from error
    if biz.get("bill_type") != "trade":
        raise No("isv.invalid-arguments", "bill_type 参数无效")
    if not bills.rows(PayType.ALIPAY, day, fields["app_id"]):
        raise No("isp.bill_not_exist", "账单不存在")
    token = signing.dumps([day.isoformat(), fields["app_id"]])
    url = f"{settings.REDPACKET_PUBLIC_URL}/sandbox/alipay/bill/{token}"
    return {"bill_download_url": url}


def _known(fields: dict, biz: dict, now: datetime) -> SandboxTrade:
    found = trades.of(PayType.ALIPAY, fields["app_id"])
    if biz.get("trade_no"):
        found = found.filter(trade_no=str(biz["trade_no"])[:64])
    elif biz.get("out_trade_no"):
        found = found.filter(order_no=str(biz["out_trade_no"])[:64])
    else:
        raise No("ACQ.INVALID_PARAMETER", "参数无效")
    trade = found.first()
    # Alipay makes the trade when the buyer opens it, not when the merchant asks for a code.
    if trade is None or trade.seen_at is None:
        raise No("ACQ.TRADE_NOT_EXIST", "交易不存在")
    return trades.as_of(trade=trade, now=now)


# Of each method the kind of call that it is (trouble.py), and what answers it.
METHODS: dict[str, tuple[str, Callable[[dict, dict, datetime], dict]]] = {
    "alipay.trade.precreate": ("create", _precreate),
    "alipay.trade.query": ("query", _query),
    "alipay.trade.close": ("close", _close),
    "alipay.trade.refund": ("refund", _refund),
    "alipay.trade.fastpay.refund.query": ("refund_query", _refund_query),
    "alipay.data.dataservice.bill.downloadurl.query": ("bill", _bill),
}
