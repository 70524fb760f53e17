"""Pages for people and JSON for programs; both say what is wanted and let control.py do it."""
# Long: a door a page, and nothing behind them.

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from urllib.parse import parse_qsl, urlsplit

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from kit.http.middleware import ContentSecurityPolicy
from payments.states import CHANNELS, PAY_TYPE_OF, PayType
from sandbox import (
    alipay,
    control,
    gateway_alipay,
    gateway_unionpay,
    keys,
    manners,
    notices,
    trades,
    trouble,
    unionpay,
)
from sandbox.models import SandboxNotice, SandboxTrade, TradeState

RECENT = 50
SCHEMES = ("http://", "https://")
RETURN_S = 3


# --- Pages ----------------------------------------------------------------------------------------


def framable(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For people; our own pages may show it in a frame, as an app shows a cashier."""

    @wraps(view)
    def shown(request: HttpRequest, **kwargs: str) -> HttpResponse:
        response = view(request, **kwargs)
        policy = response.headers.get("Content-Security-Policy", ContentSecurityPolicy.POLICY)
        framed = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        response["Content-Security-Policy"] = framed
        response["X-Frame-Options"] = "SAMEORIGIN"
        return response

    return shown


@framable
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The recent trades, the state of the keys, and a box for what an app's SDK would get."""
    now = timezone.now()
    recent = [
        trades.as_of(trade=trade, now=now)
        for trade in SandboxTrade.objects.order_by("-made_at", "-pk")[:RECENT]
    ]
    troubles = {PayType(channel).label: keys.trouble(channel.word) for channel in CHANNELS}
    usual = manners.defaults()
    page = {"trades": recent, "troubles": troubles, "usual": usual}
    return render(request, "sandbox/index.html", page | {"problem": request.GET.get("problem")})


@framable
@require_POST
def open_pasted(request: HttpRequest) -> HttpResponse:
    try:
        trade = _pasted(request.POST.get("pasted", "").strip(), timezone.now())
    except (_Unknown, keys.KeyMissing) as error:
        page = {"problem": str(error), "trades": [], "troubles": {}, "usual": manners.defaults()}
        return render(request, "sandbox/index.html", page, status=400)
    return HttpResponseRedirect(f"/sandbox/cashier/{trade.handle}")


@framable
def cashier(request: HttpRequest, handle: str) -> HttpResponse:
    """Where the payer pays, or does something worse."""
    now = timezone.now()
    trade = _by_handle(handle, now)
    if request.method == "POST":
        problem = _press(request.POST, trade, now)
        if problem is None:
            return HttpResponseRedirect(f"/sandbox/cashier/{handle}/done")
    else:
        trades.see(trade=trade, now=now, return_url=request.GET.get("redirect_url", ""))
        problem = ""
    page = _about(trade) | {"problem": problem, "usual": manners.defaults()}
    return render(request, "sandbox/cashier.html", page, status=409 if problem else 200)


@framable
@require_GET
def done(request: HttpRequest, handle: str) -> HttpResponse:
    """What the payer sees afterwards: the signed result for an app, the way back for a page."""
    now = timezone.now()
    trade = _by_handle(handle, now)
    page = _about(trade) | {"notices": trade.notices.order_by("pk")[:RECENT]}
    is_paid = trade.state in (TradeState.PAID, TradeState.ARRIVING)
    if is_paid and not page["trouble"]:
        page["result"] = notices.PLAYS[PayType(trade.pay_type)].result(trade, now)
        if trade.pay_type == PayType.ALIPAY and trade.scene == "app":
            page["sdk_result"] = alipay.sdk_result(trade, now)
        if trade.scene == "h5" and trade.return_url.startswith(SCHEMES):
            page |= _way_back(trade, now)
    response = render(request, "sandbox/done.html", page)
    if page.get("return_form"):
        origin = _origin(trade.return_url)
        response["Content-Security-Policy"] = ContentSecurityPolicy.POLICY.replace(
            "form-action 'self'", f"form-action 'self' {origin}"
        )
    elif page.get("return_to"):
        response["Refresh"] = f"{RETURN_S}; url={page['return_to']}"
    return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _press(form, trade: SandboxTrade, now: datetime) -> str | None:
    """One of the cashier's buttons; what went wrong, or None."""
    usual = manners.defaults()
    button = form.get("do", "")
    try:
        if button == "close":
            trades.close(trade=trade, now=now)
        elif button == "fail":
            trades.fail(trade=trade, why="64", now=now)
        else:
            control.pay(trade=trade, wish=_wish_of(button, form, usual), now=now)
    except trades.NotPayable:
        return _("This order cannot be paid or closed any more.")
    except manners.Unfit as error:
        return str(error)
    except ValueError:
        return _("An amount such as 12.34 is wanted.")
    except keys.KeyMissing as missing:
        return _("The sandbox cannot sign: %(why)s") % {"why": missing}
    return None


def _wish_of(button: str, form, usual: manners.Defaults) -> control.Wish:
    base = {
        "lag_s": usual.lag_s,
        "arrives_s": usual.arrives_s,
        "notify": usual.notify,
        "times": usual.times,
    }
    more: dict[str, Callable[[], dict]] = {
        "pay": dict,
        "other": lambda: {"amount_fen": alipay.fen(form.get("amount", "").strip())},
        "silent": lambda: {"notify": False},
        "lag": lambda: {"notify": True, "lag_s": _number(form.get("lag_s"))},
        "forged": lambda: {"pay": False, "notify": True, "lag_s": 0.0, "forge": ("wrong_key",)},
        "many": lambda: {"notify": True, "times": int(_number(form.get("times")))},
        "disorder": lambda: {"notify": True, "out_of_order": True},
        "late": lambda: {"late": True},
    }
    if button not in more:
        raise manners.Unfit(_("There is no such button."))
    return control.Wish(**base | more[button]())


def _about(trade: SandboxTrade) -> dict:
    channel = PayType(trade.pay_type)
    return {
        "trade": trade,
        "channel": channel.word,
        "channel_name": channel.label,
        "amount": alipay.yuan(trade.amount_fen if trade.paid_fen is None else trade.paid_fen),
        "is_open": trade.state == TradeState.OPEN,
        "is_closed": trade.state == TradeState.CLOSED,
        "is_paid": trade.state in (TradeState.PAID, TradeState.ARRIVING),
        "trouble": keys.trouble(channel.word),
    }


def _way_back(trade: SandboxTrade, now: datetime) -> dict:
    if trade.pay_type == PayType.UNIONPAY:
        return {"return_form": unionpay.returned(trade, now), "return_to": trade.return_url}
    glue = "&" if urlsplit(trade.return_url).query else "?"
    more = alipay.result(trade, now) if trade.pay_type == PayType.ALIPAY else ""
    return {"return_to": f"{trade.return_url}{glue}{more}" if more else trade.return_url}


# --- JSON -----------------------------------------------------------------------------------------


class _Unknown(Exception):
    """There is no such trade; says how one comes to be."""


def program(view: Callable) -> Callable:
    """A POST of a JSON object (or a GET of query fields) to an answer in JSON."""

    @csrf_exempt
    @wraps(view)
    def run(request: HttpRequest) -> JsonResponse:
        try:
            asked = json.loads(request.body or b"{}") if request.method == "POST" else {}
            if not isinstance(asked, dict):
                raise manners.Unfit("a JSON object is wanted")
            said = view(request, {**request.GET.dict(), **asked}, timezone.now())
        except _Unknown as error:
            return JsonResponse({"error": str(error)}, status=404)
        except trades.NotPayable:
            return JsonResponse({"error": "paid or closed already"}, status=409)
        except keys.KeyMissing as missing:
            return JsonResponse({"error": f"cannot sign: {missing}"}, status=503)
        except (manners.Unfit, ValueError, TypeError) as error:
            return JsonResponse({"error": str(error)}, status=400)
        return JsonResponse(said)

    return run


@program
def control_pay(request: HttpRequest, asked: dict, now: datetime) -> dict:
    trade = _named(asked, now)
    usual = manners.defaults()
    names = ("pay", "late", "inside", "out_of_order")
    names += ("lag_s", "arrives_s", "notify", "times")
    given = {name: asked.pop(name) for name in names if name in asked}
    if "amount" in asked:
        given["amount_fen"] = alipay.fen(asked.pop("amount"))
    if "forge" in asked:
        given["forge"] = tuple(asked.pop("forge"))
    if asked:
        raise manners.Unfit(f"unknown: {', '.join(sorted(asked))}")
    base = {name: getattr(usual, name) for name in ("lag_s", "arrives_s", "notify", "times")}
    made = control.pay(trade=trade, wish=control.Wish(**base | given), now=now)
    return {"result": made.result} | _told(made.trade)


@program
def control_close(request: HttpRequest, asked: dict, now: datetime) -> dict:
    return _told(trades.close(trade=_named(asked, now), now=now))


@program
def control_trade(request: HttpRequest, asked: dict, now: datetime) -> dict:
    return _told(_named(asked, now))


@program
def control_deliver(request: HttpRequest, asked: dict, now: datetime) -> dict:
    """Everything that waits, at once, whenever it would be due (or what is due: `all` false)."""
    waiting = SandboxNotice.objects.filter(next_at__isnull=False)
    ids = list(waiting.values_list("pk", flat=True)) if asked.get("all", True) else None
    return {"acknowledged": notices.deliver_due(now=now, only=ids)}


@program
def control_settings(request: HttpRequest, asked: dict, now: datetime) -> dict:
    usual = manners.change_defaults(asked) if request.method == "POST" else manners.defaults()
    return {name: getattr(usual, name) for name in usual.__slots__}


@program
def control_trouble(request: HttpRequest, asked: dict, now: datetime) -> dict:
    """What the next calls will suffer; `{"forget": true}` lets them be."""
    if request.method == "POST" and asked.pop("forget", False):
        trouble.forget()
    elif request.method == "POST":
        pay_type = PAY_TYPE_OF.get(str(asked.pop("pay_type", "")))
        if pay_type not in CHANNELS:
            raise manners.Unfit("pay_type: alipay, wechat or unionpay")
        plan = {"call": "any", "times": 1, "after_s": 10.0} | asked
        if set(plan) != {"call", "how", "times", "after_s"}:
            raise manners.Unfit("call, how, times, after_s")
        trouble.plan(pay_type=pay_type, **plan)
    return {"waiting": trouble.waiting()}


def _told(trade: SandboxTrade) -> dict:
    return {
        "trade_no": trade.trade_no or "",
        "order_no": trade.order_no,
        "state": TradeState(trade.state).name.lower(),
        "cashier": f"/sandbox/cashier/{trade.handle}",
        "notices": [
            {
                "id": notice.pk,
                "says": notice.says,
                "tries": notice.tries,
                "acknowledged": notice.acknowledged_at is not None,
                "waiting": notice.next_at is not None,
                "answer": notice.answer,
            }
            for notice in trade.notices.order_by("pk")
        ],
    }


def _named(asked: dict, now: datetime) -> SandboxTrade:
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
        raise _Unknown(f"{word} knows no order {order_no}{hint}")
    return trades.as_of(trade=found, now=now)


def _by_params(params: dict, now: datetime) -> SandboxTrade:
    """Any of api.md's `pay_params`, as the payer's side would use it."""
    if isinstance(params.get("fields"), dict):
        fields = {str(name): str(value) for name, value in params["fields"].items()}
        try:
            gateway_unionpay.check_form(fields)
            return gateway_unionpay.open_form(fields, now)
        except gateway_unionpay.No as no:
            raise _Unknown(f"UnionPay refuses the form: {no.code}") from no
    for name in ("order_string", "url", "qr_code", "prepayid", "h5_url", "code_url", "tn"):
        if params.get(name):
            return _pasted(str(params[name]), now)
    raise _Unknown("these are no pay_params")


def _pasted(text: str, now: datetime) -> SandboxTrade:
    """By what an SDK, a browser or a camera would get: order string, page, prepay id, tn, code."""
    if text.startswith("{"):  # first: Alipay's pay_params hold an order string
        return _by_params(_object(text), now)
    if "biz_content=" in text:
        try:
            return gateway_alipay.open_order_string(text, now)
        except gateway_alipay.No as no:
            raise _Unknown(f"{no.node['sub_code']}: {no.node['sub_msg']}") from no
    handle = urlsplit(text).path.rpartition("/")[2] if text.startswith(SCHEMES) else text
    query = dict(parse_qsl(text)) if "=" in text else {}
    trade = SandboxTrade.objects.filter(handle=query.get("prepay_id", handle)[:64]).first()
    if trade is None:
        raise _Unknown(_("The sandbox knows nothing of that kind."))
    trades.see(trade=trade, now=now)
    return trades.as_of(trade=trade, now=now)


def _object(text: str) -> dict:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise _Unknown(str(error)) from error
    inner = parsed.get("pay_params", parsed) if isinstance(parsed, dict) else None
    if not isinstance(inner, dict):
        raise _Unknown("a JSON object is wanted")
    return inner


def _by_handle(handle: str, now: datetime) -> SandboxTrade:
    trade = SandboxTrade.objects.filter(handle=handle[:64]).first()
    if trade is None:
        raise Http404
    return trades.as_of(trade=trade, now=now)


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise manners.Unfit(_("A number is wanted.")) from error
