"""Histories in which the channels are the sandbox, met over HTTP by the product's own adapters.

The books are the sandbox's tables, read by SQL; its answers go wrong on demand (trouble.py).
"""

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from django.db import connections
from django.test import override_settings
from django.utils.dateparse import parse_datetime

from payments.channels import config, http
from payments.states import CHANNELS, PayType
from redpacket_site.wsgi import application
from sandbox import control, keys, manners, notices, trades, trouble, wechat
from sandbox.models import SandboxTrade
from testing.serving import serve
from tests.invariants import histories
from tests.invariants.channel_books import Back, Trade
from tests.invariants.histories import OFF, Told
from tests.invariants.oracle import rows
from tests.invariants.steps import Steps
from tests.invariants.world import World

STEPS = 40
NOT_HERE = frozenset({"stranger_pays", "merchant_changes", "channel_goes"})
HOW = ("lost", "down", "signtest", "wrong_key", "401")
CODES = {
    PayType.ALIPAY: ("40003 isv.app-call-limited", "20000 aop.unknow-error", "gbk"),
    PayType.WECHAT: ("403 RULE_LIMIT", "429 FREQUENCY_LIMITED", "500 SYSTEM_ERROR"),
    PayType.UNIONPAY: ("05", "03", "06"),
}
CALLS = ("create", "query", "close", "refund", "refund", "refund_query", "refund_query", "bill")
OPEN, ARRIVING, PAID, CLOSED = range(4)


class SandboxBooks:
    """One channel's books, as the sandbox keeps them."""

    erred: list[str] = []
    is_gone = False

    def __init__(self, pay_type: PayType, world: World):
        self.pay_type, self.world = pay_type, world

    @property
    def trades(self) -> dict[str, Trade]:
        found = {}
        for order_no, asked, until, state, trade_no, paid, paid_at in rows(
            "SELECT order_no, amount_fen, expires_at, state, trade_no, paid_fen, paid_at"
            " FROM sandbox_sandboxtrade WHERE pay_type = %s ORDER BY id",
            int(self.pay_type),
        ):
            until, at = _time(until), _time(paid_at)
            is_open = state == OPEN and (until is None or until > self.world.time)
            word = "open" if is_open else "paid" if state in (ARRIVING, PAID) else "closed"
            found[order_no] = Trade(order_no, asked, until, "", "", word, trade_no or "")
            found[order_no].paid, found[order_no].paid_at = paid or 0, at
        return found

    @property
    def backs(self) -> dict[str, Back]:
        found = {}
        for refund_no, trade_no, amount, state, done_at in rows(
            "SELECT r.refund_no, t.trade_no, r.amount_fen, r.state, r.done_at"
            " FROM sandbox_sandboxrefund r JOIN sandbox_sandboxtrade t ON t.id = r.trade_id"
            " WHERE t.pay_type = %s ORDER BY r.id",
            int(self.pay_type),
        ):
            is_done = state == 1 or (state == 0 and _time(done_at) <= self.world.time)
            word = "done" if is_done else "pending" if state == 0 else "failed"
            found[refund_no] = Back(refund_no, trade_no, amount, word, _time(done_at))
        return found

    def taken(self) -> int:
        return sum(trade.paid for trade in self.trades.values())

    def given_back(self) -> int:
        return sum(back.amount for back in self.backs.values() if back.is_out)

    def says_where(self, refund_no: str, to_payer: bool) -> str:
        """What the channel's own pages show; there, what its payer's bank refused came back."""
        back = self.backs.get(refund_no)
        return back.state if back else ""


class HttpWorld(World):
    def make_books(self) -> dict:
        return {one: SandboxBooks(one, self) for one in CHANNELS}

    def sides(self) -> tuple:
        return (
            (http, "PAUSE_S", 0.0),
            (notices, "deliver_soon", lambda ids: None),  # the history says when
            (wechat, "time", SimpleNamespace(time=lambda: self.time.timestamp())),
        )

    def becomes_honest(self) -> None:
        self.honest = True
        trouble.forget()
        manners.change_defaults({"refund": "done"})

    @contextmanager
    def running(self):
        with super().running(), served():
            yield

    def met_troubles(self) -> None:
        """Which troubles befell a call."""
        for call, how in rows("SELECT `call`, how FROM sandbox_sandboxtrouble WHERE `left` = 0"):
            self.met[f"trouble: {call}: {how}"] += 1

    def meanwhile(self, where: str, p: float | None = None) -> None:
        """Threads of the web server are nobody's opportunity."""
        if threading.current_thread() is threading.main_thread():
            super().meanwhile(where, p)


class HttpSteps(Steps):
    WEIGHTS = {
        **{name: weight for name, weight in Steps.WEIGHTS.items() if name not in NOT_HERE},
        "trouble": 12,
        "refunds_go": 3,
    }
    GENUINE = None  # an app without the signed result

    def trouble(self) -> None:
        word = self.luck.choice(CHANNELS)
        how = self.luck.choice((*HOW, *CODES[word]))
        call = self.luck.choice(CALLS)
        trouble.plan(
            pay_type=word, call=call, how=how, times=self.luck.choice((1, 1, 2)), after_s=0
        )
        self.noted(f"    {word.word}: the next {call}: {how}")

    def refunds_go(self) -> None:
        how = self.luck.choice(manners.REFUNDS)
        manners.change_defaults({"refund": how, "refund_s": 1200})
        self.met[f"refunds go: {how}"] += 1

    def pay_there(self, word: PayType, order_no: str, amount: int | None, even_closed: bool) -> int:
        trade = SandboxTrade.objects.filter(pay_type=word, order_no=order_no).first()
        if trade is None:
            raise LookupError(order_no)
        wish = control.Wish(amount_fen=amount, late=even_closed, notify=self.luck.random() < 0.6)
        try:
            done = control.pay(trade=trade, wish=wish, now=self.world.time)
        except trades.NotPayable:
            raise LookupError(order_no) from None
        self.world.notices += [(word, pk) for pk in done.notices]
        return len(done.notices)

    def receive(self, word: PayType, notice: int) -> bool:
        """The sandbox posts it to us, and hears what we say."""
        return bool(notices.deliver_due(now=self.world.time, only=[notice]))

    def forged_notice(self) -> None:
        found = self.an_order()
        trade = SandboxTrade.objects.filter(order_no=found[1], trade_no__isnull=False).first()
        if trade:
            wish = control.Wish(
                pay=False, forge=(self.luck.choice(("wrong_key", "unsigned", "stale")),)
            )
            for pk in control.pay(trade=trade, wish=wish, now=self.world.time).notices:
                self.receive(PayType(trade.pay_type), pk)


def live(
    seed: int, met: Counter, *, off: frozenset[str] = OFF, steps: int = STEPS, theme: str = ""
) -> Told:
    """One history over HTTP, and what the oracle says of it."""
    there = {"world_of": HttpWorld, "people_of": HttpSteps}
    return histories.live(seed, met, off=off | NOT_HERE, steps=steps, theme=theme, **there)


@contextmanager
def served() -> Iterator[str]:
    """Product and sandbox behind one real socket, with keys of their own."""
    with ExitStack() as until_the_end:
        until_the_end.callback(connections["default"].ensure_connection)
        until_the_end.callback(config.kept.forget)
        url = until_the_end.enter_context(serve(lambda _django: application))
        changed = {
            "REDPACKET_CHANNELS_FILE": _keys(),
            "REDPACKET_PUBLIC_URL": url,
            "REDPACKET_RETURN_URL": f"{url}/",
        }
        with override_settings(**changed):
            config.kept.forget()
            yield url


@cache
def _keys() -> Path:
    file = Path(tempfile.mkdtemp(prefix="hongbao-keys-")) / "channels.json"
    keys.make(file)
    return file


def _time(value) -> datetime | None:
    at = parse_datetime(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
