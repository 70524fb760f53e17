"""JSON for programs, tests and load: each says what is wanted and lets control.py do it."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from payments.states import CHANNELS, PAY_TYPE_OF
from sandbox import alipay, control, keys, manners, notices, trades, trouble
from sandbox.meant import Unknown, named
from sandbox.models import SandboxNotice, SandboxTrade, TradeState


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
        except Unknown as error:
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
    trade = named(asked, now)
    names = ("pay", "late", "inside", "out_of_order")
    names += ("lag_s", "arrives_s", "notify", "times")
    given = {name: asked.pop(name) for name in names if name in asked}
    if "amount" in asked:
        given["amount_fen"] = alipay.fen(asked.pop("amount"))
    if "forge" in asked:
        given["forge"] = tuple(asked.pop("forge"))
    if asked:
        raise manners.Unfit(f"unknown: {', '.join(sorted(asked))}")
    made = control.pay(trade=trade, wish=control.usual(**given), now=now)
    return {"result": made.result} | _told(made.trade)


@program
def control_close(request: HttpRequest, asked: dict, now: datetime) -> dict:
    return _told(trades.close(trade=named(asked, now), now=now))


@program
def control_trade(request: HttpRequest, asked: dict, now: datetime) -> dict:
    return _told(named(asked, now))


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
