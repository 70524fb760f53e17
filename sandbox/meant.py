"""Which trade is meant: by number, page, or what an app, a browser or a camera would get."""

import json
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from django.http import Http404
from django.utils.translation import gettext as _

from payments.states import CHANNELS, PAY_TYPE_OF
from sandbox import gateway_alipay, gateway_unionpay, manners, trades
from sandbox.models import SandboxTrade

SCHEMES = ("http://", "https://")


class Unknown(Exception):
    """There is no such trade; says how one comes to be."""


def named(asked: dict, now: datetime) -> SandboxTrade:
    """The trade that is meant: by its number, or by what the app got (`pay_params`)."""
    word, order_no = str(asked.pop("pay_type", "")), asked.pop("order_no", None)
    params = asked.pop("pay_params", None)
    pay_type = PAY_TYPE_OF.get(word)
    if pay_type not in CHANNELS:
        raise manners.Unfit("pay_type: alipay, wechat or unionpay")
    if isinstance(params, dict):
        return _by_params(params, now)
    found = SandboxTrade.objects.filter(pay_type=pay_type, order_no=str(order_no)[:64]).first()
    if found is None:
        hint = "; an order string or page is known once it is opened: give pay_params"
        raise Unknown(f"{word} knows no order {order_no}{hint}")
    return trades.as_of(trade=found, now=now)


def _by_params(params: dict, now: datetime) -> SandboxTrade:
    """Any of api.md's `pay_params`, as the payer's side would use it."""
    if isinstance(params.get("fields"), dict):
        fields = {str(name): str(value) for name, value in params["fields"].items()}
        try:
            gateway_unionpay.check_form(fields)
            return gateway_unionpay.open_form(fields, now)
        except gateway_unionpay.No as no:
            raise Unknown(f"UnionPay refuses the form: {no.code}") from no
    for name in ("order_string", "url", "qr_code", "prepayid", "h5_url", "code_url", "tn"):
        if params.get(name):
            return pasted(str(params[name]), now)
    raise Unknown("these are no pay_params")


def pasted(text: str, now: datetime) -> SandboxTrade:
    """By what an SDK, a browser or a camera would get: order string, page, prepay id, tn, code."""
    if text.startswith("{"):  # first: Alipay's pay_params hold an order string
        return _by_params(_object(text), now)
    if "biz_content=" in text:
        try:
            return gateway_alipay.open_order_string(text, now)
        except gateway_alipay.No as no:
            raise Unknown(f"{no.node['sub_code']}: {no.node['sub_msg']}") from no
    handle = urlsplit(text).path.rpartition("/")[2] if text.startswith(SCHEMES) else text
    query = dict(parse_qsl(text)) if "=" in text else {}
    trade = SandboxTrade.objects.filter(handle=query.get("prepay_id", handle)[:64]).first()
    if trade is None:
        raise Unknown(_("The sandbox knows nothing of that kind."))
    trades.see(trade=trade, now=now)
    return trades.as_of(trade=trade, now=now)


def _object(text: str) -> dict:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise Unknown(str(error)) from error
    inner = parsed.get("pay_params", parsed) if isinstance(parsed, dict) else None
    if not isinstance(inner, dict):
        raise Unknown("a JSON object is wanted")
    return inner


def by_handle(handle: str, now: datetime) -> SandboxTrade:
    trade = SandboxTrade.objects.filter(handle=handle[:64]).first()
    if trade is None:
        raise Http404
    return trades.as_of(trade=trade, now=now)
