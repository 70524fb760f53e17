"""Pages for people: each says what is wanted and lets control.py do it."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from kit.http.middleware import ContentSecurityPolicy
from payments.states import CHANNELS, PayType
from sandbox import alipay, control, keys, manners, notices, trades, unionpay
from sandbox.meant import SCHEMES, Unknown, by_handle, pasted
from sandbox.models import SandboxTrade, TradeState

RECENT = 50
RETURN_S = 3


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
        trade = pasted(request.POST.get("pasted", "").strip(), timezone.now())
    except (Unknown, keys.KeyMissing) as error:
        page = {"problem": str(error), "trades": [], "troubles": {}, "usual": manners.defaults()}
        return render(request, "sandbox/index.html", page, status=400)
    return HttpResponseRedirect(f"/sandbox/cashier/{trade.handle}")


@framable
def cashier(request: HttpRequest, handle: str) -> HttpResponse:
    """Where the payer pays, or does something worse."""
    now = timezone.now()
    trade = by_handle(handle, now)
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
    trade = by_handle(handle, now)
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
    button = form.get("do", "")
    try:
        if button == "close":
            trades.close(trade=trade, now=now)
        elif button == "fail":
            trades.fail(trade=trade, why="64", now=now)
        else:
            control.pay(trade=trade, wish=_wish_of(button, form), now=now)
    except trades.NotPayable:
        return _("This order cannot be paid or closed any more.")
    except manners.Unfit as error:
        return str(error)
    except ValueError:
        return _("An amount such as 12.34 is wanted.")
    except keys.KeyMissing as missing:
        return _("The sandbox cannot sign: %(why)s") % {"why": missing}
    return None


def _wish_of(button: str, form) -> control.Wish:
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
    return control.usual(**more[button]())


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


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise manners.Unfit(_("A number is wanted.")) from error
