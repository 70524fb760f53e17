"""/sandbox/unionpay/gateway/api/*.do and the file server: UnionPay 5.1.0."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from payments.states import PayType
from sandbox import bills, control, keys, manners, trades, trouble, unionpay
from sandbox.models import SandboxRefund, SandboxTrade, TradeState
from sandbox.trades import from_beijing
from sandbox.unionpay import TIME

USUAL_TIMEOUT = timedelta(minutes=15)


class No(Exception):
    """A response code other than 00."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def endpoint(view: Callable) -> Callable:
    """A `.do`: verify who asks, answer `name=value&...`, signed."""

    @csrf_exempt
    @wraps(view)
    def run(request: HttpRequest) -> HttpResponse:
        asked = request.POST.dict()
        return trouble.played(
            PayType.UNIONPAY, _call(asked), lambda planned: answered(asked, planned)
        )

    def answered(asked: dict, planned: trouble.Trouble) -> HttpResponse:
        try:
            channel = keys.of("unionpay", asked.get("merId", ""))
            try:
                _check_caller(channel, asked)
                if planned.code:
                    raise No(planned.code[-1])
                said = view(asked, timezone.now())
                if isinstance(said, HttpResponse):
                    return said
                code, more = "00", said
            except No as no:
                code, more = no.code, {}
            spoilt = [planned.how] if planned.how == "wrong_key" else []
            body = unionpay.answer(channel, asked, code, spoilt, **more)
        except keys.KeyMissing as missing:
            return HttpResponse(f"The sandbox cannot play UnionPay: {missing}", status=503)
        return HttpResponse(body, content_type="text/html;charset=UTF-8")

    return run


def _call(asked: dict) -> str:
    calls = {"01": "create", "04": "refund", "76": "bill", "00": "query"}
    call = calls.get(asked.get("txnType", ""), "")
    number = asked.get("orderId", "")
    is_refund = call == "query" and SandboxRefund.objects.filter(refund_no=number).exists()
    return "refund_query" if is_refund else call


@endpoint
def app_trans(asked: dict, now: datetime) -> dict:
    """For the app's control: a transaction number (tn)."""
    _expect(asked, "01", "01")
    return {"tn": open_trade(asked, "app", now).handle}


@endpoint
def front_trans(asked: dict, now: datetime) -> HttpResponse:
    """The payer's browser posts the merchant's form and sees the cashier."""
    return HttpResponseRedirect(f"/sandbox/cashier/{open_form(asked, now).handle}")


@endpoint
def back_trans(asked: dict, now: datetime) -> dict:
    kind = asked.get("txnType"), asked.get("txnSubType")
    if kind == ("01", "07"):  # the merchant shows a code, the payer scans it
        trade = open_trade(asked, "native", now)
        return {"qrCode": f"{settings.REDPACKET_PUBLIC_URL}/sandbox/cashier/{trade.handle}"}
    if kind == ("04", "00"):
        return _refund(asked, now)
    raise No("10")


@endpoint
def query_trans(asked: dict, now: datetime) -> dict:
    """What became of a payment or a refund, by its order number and time."""
    _expect(asked, "00", "00")
    order_no, at = asked.get("orderId", ""), asked.get("txnTime", "")
    own = trades.of(PayType.UNIONPAY, asked["merId"])
    trade = own.filter(order_no=order_no).first()
    if trade and trade.asked.get("txnTime") == at:
        return _payment_answer(trades.as_of(trade=trade, now=now), now)
    for refund in SandboxRefund.objects.filter(refund_no=order_no, trade__in=own):
        if refund.asked.get("txnTime") == at:
            facts = unionpay.refund_facts(trades.refund_as_of(refund=refund, now=now))
            return _as_origin(facts)
    raise No("34")


@endpoint
def file_transfer(asked: dict, now: datetime) -> dict:
    """The bill of one settlement day, month and day as UnionPay wants them."""
    _expect(asked, "76", "01")
    day = _day(asked.get("settleDate", ""), now)
    if not bills.rows(PayType.UNIONPAY, day, asked["merId"]):
        raise No("98")
    name, content = bills.unionpay(day, asked["merId"], manners.defaults().bill)
    return {"fileName": name, "fileContent": content}


def open_form(asked: dict, now: datetime) -> SandboxTrade:
    _expect(asked, "01", "01")
    return open_trade(asked, "h5", now)


def check_form(asked: dict) -> None:
    """For those who hand in a form's fields otherwise than by a browser. Raises No."""
    _check_caller(keys.of("unionpay", asked.get("merId", "")), asked)


def open_trade(asked: dict, scene: str, now: datetime) -> SandboxTrade:
    try:
        amount_fen = int(asked["txnAmt"])
        made_at = from_beijing(asked["txnTime"], TIME)
        ends = from_beijing(asked["payTimeout"], TIME) if asked.get("payTimeout") else None
        order_no = asked["orderId"]
    except (KeyError, ValueError) as error:
        raise No("10") from error
    is_fit = amount_fen > 0 and asked.get("currencyCode") == "156" and order_no.isalnum()
    if not is_fit or not 8 <= len(order_no) <= 40 or not asked.get("backUrl"):
        raise No("10")
    order = SandboxTrade(
        pay_type=PayType.UNIONPAY,
        order_no=order_no,
        amount_fen=amount_fen,
        scene=scene,
        subject=asked.get("orderDesc", ""),
        asked={k: v for k, v in asked.items() if k not in ("signature", "signPubKeyCert")},
        notify_url=asked["backUrl"],
        return_url=asked.get("frontUrl", ""),
        expires_at=ends or made_at + USUAL_TIMEOUT,
        merchant=asked["merId"],
    )
    try:
        trade = trades.open_trade(order=order, now=now)
    except trades.Differs as error:
        raise No("12") from error
    if trade.state != TradeState.OPEN:
        raise No("12")
    return trade


def _refund(asked: dict, now: datetime) -> dict:
    found = trades.of(PayType.UNIONPAY, asked["merId"])
    if asked.get("origQryId"):
        found = found.filter(trade_no=asked["origQryId"])
    else:
        found = found.filter(order_no=asked.get("origOrderId", ""))
    try:
        trade = found.get()
        amount_fen, refund_no = int(asked["txnAmt"]), asked["orderId"]
        from_beijing(asked["txnTime"], TIME)
    except SandboxTrade.DoesNotExist as error:
        raise No("34") from error
    except (KeyError, ValueError) as error:
        raise No("10") from error
    if amount_fen < 1:
        raise No("10")
    keep = {k: v for k, v in asked.items() if k not in ("signature", "signPubKeyCert")}
    try:
        refund, _ = control.refund(
            trade=trade, refund_no=refund_no, amount_fen=amount_fen, asked=keep, now=now
        )
    except trades.NotPaid as error:
        raise No("35") from error
    except trades.TooMuch as error:
        raise No("36") from error
    except trades.Differs as error:
        raise No("12") from error
    except trades.NoFunds as error:
        raise No("35") from error
    return {"queryId": refund.refund_id, "origQryId": trade.trade_no or ""}


def _payment_answer(trade: SandboxTrade, now: datetime) -> dict:
    if trade.state == TradeState.PAID:
        return _as_origin(unionpay.facts_of(trade, now))
    if trade.state == TradeState.ARRIVING:
        return {"origRespCode": "05", "origRespMsg": unionpay.WORDS["05"]}
    if trade.failure:
        return {"origRespCode": trade.failure, "origRespMsg": unionpay.WORDS[trade.failure]}
    raise No("34")  # a tn that nobody paid is no transaction


def _as_origin(facts: dict) -> dict:
    """What a message says of itself, as a query says it of the original."""
    facts = {k: v for k, v in facts.items() if k not in ("txnType", "txnSubType", "bizType")}
    code, words = facts.pop("respCode"), facts.pop("respMsg")
    return facts | {"origRespCode": code, "origRespMsg": words}


def _check_caller(channel: keys.Channel, asked: dict) -> None:
    if asked.get("version") != "5.1.0" or asked.get("signMethod") != "01":
        raise No("10")
    if asked.get("merId") != channel["mer_id"]:
        raise No("10")
    if asked.get("certId") != channel["merchant_cert_id"]:
        raise No("11")
    if not unionpay.is_signed_by_merchant(channel, asked):
        raise No("11")


def _expect(asked: dict, kind: str, sub: str) -> None:
    if (asked.get("txnType"), asked.get("txnSubType")) != (kind, sub):
        raise No("10")


def _day(text: str, now: datetime):
    """MMDD of the last twelve months."""
    try:
        today = now.astimezone(trades.BEIJING).date()
        day = from_beijing(f"{today.year}{text}", "%Y%m%d").date()
    except ValueError as error:
        raise No("10") from error
    return day if day <= today else day.replace(year=day.year - 1)
