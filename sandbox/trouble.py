"""What goes wrong with a channel's answers, on demand: the next calls of a kind are lost, late,
refused in the channel's own words, or signed wrongly (docs/sandbox.md)."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import F
from django.http import HttpResponse

from kit.moves import move
from payments.states import PayType
from sandbox.manners import Unfit, number, whole
from sandbox.models import SandboxTrouble

CALLS = ("create", "query", "close", "refund", "refund_query", "bill", "any")
# lost: done, and somebody between us answers 502. down: not even heard. late: done, and answered
# after `after_s`. gbk: Alipay's answer in GBK. signtest: WeChat's probe. wrong_key: a stranger's.
KINDS = ("lost", "down", "late", "gbk", "signtest", "wrong_key")
TIMES_MAX = 1000
AFTER_S_MAX = 60  # a web process's thread sleeps so long
CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}( [A-Za-z0-9_.-]{1,64})?")
# The same in each channel's words; where a bill is not ready, Alipay and UnionPay say the same as
# where there is none.
WORDS = {
    "401": {
        PayType.ALIPAY: "40002 isv.invalid-signature",
        PayType.WECHAT: "401 SIGN_ERROR",
        PayType.UNIONPAY: "11",
    },
    "no bill": {
        PayType.ALIPAY: "40004 isp.bill_not_exist",
        PayType.WECHAT: "400 NO_STATEMENT_EXIST",
        PayType.UNIONPAY: "98",
    },
    "not ready": {
        PayType.ALIPAY: "40004 isp.bill_not_exist",
        PayType.WECHAT: "400 STATEMENT_CREATING",
        PayType.UNIONPAY: "98",
    },
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls one call; nothing, when `how` is empty."""

    how: str = ""
    after_s: float = 0.0

    @property
    def code(self) -> list[str]:
        """The channel's own words, first the outer one where there are two; else empty."""
        return [] if self.how in ("", *KINDS) else self.how.split()


def plan(*, pay_type: PayType, call: str, how: str, times: int, after_s: float) -> None:
    """The next `times` calls of this kind go so; what was planned before goes first."""
    whole("times", times, 1, TIMES_MAX)
    number("after_s", after_s, 0, AFTER_S_MAX)
    if call not in CALLS:
        raise Unfit(f"call: one of {', '.join(CALLS)}")
    how = WORDS.get(how, {}).get(pay_type, how)
    if how not in KINDS and not CODE.fullmatch(how):
        raise Unfit(f"how: {', '.join([*KINDS, *WORDS])} or the channel's own code")
    SandboxTrouble.objects.create(
        pay_type=pay_type, call=call, how=how, left=times, after_s=after_s
    )


def waiting() -> list[dict]:
    rows = SandboxTrouble.objects.filter(left__gt=0).order_by("pk")
    return [
        {"pay_type": PayType(row.pay_type).word, "call": row.call, "how": row.how, "left": row.left}
        for row in rows
    ]


def forget() -> None:
    SandboxTrouble.objects.all().delete()


def played(pay_type: PayType, call: str, answer: Callable[[Trouble], HttpResponse]) -> HttpResponse:
    """The answer to one call, with what was planned for it."""
    trouble = _next(pay_type, call)
    if trouble.how == "down":
        return HttpResponse(status=503)
    said = answer(trouble)
    if trouble.how == "late":
        time.sleep(trouble.after_s)
    return HttpResponse(status=502) if trouble.how == "lost" else said


def _next(pay_type: PayType, call: str) -> Trouble:
    """Races: the counter in the WHERE: each is played as often as it was asked for."""
    planned = SandboxTrouble.objects.filter(pay_type=pay_type, call__in=(call, "any"), left__gt=0)
    for row in planned.order_by("pk"):
        if move(SandboxTrouble.objects.filter(pk=row.pk, left=row.left), left=F("left") - 1):
            return Trouble(row.how, row.after_s)
    return Trouble()
