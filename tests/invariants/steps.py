"""What people, channels and machines do in a history: one method a step, drawn by weight.

A refusal (Problem) is an answer like any other; any other exception is a finding.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.db import OperationalError, connection

from kit.http.caller import Caller
from kit.plumbing import redis
from kit.refusals import Problem
from kit.retry import is_conflict
from packets import close, finish, freeze, grab, members, pay, refund, send, settle
from packets import tasks as packet_tasks
from packets.models import RedPacket
from packets.states import Kind, Outcome
from packets.tickets import queue as tickets
from payments import chase, notify, order, topup
from payments import tasks as payment_tasks
from payments.states import CHANNELS, PayType, Scene
from tests.invariants.channel_books import GOOD
from tests.invariants.finance import Finance
from tests.invariants.world import Crashed, Nothing, World
from wallets import freeze as wallet_freeze
from wallets.credit import credit

USERS = ("ann", "bob", "cat", "Bob")
PUT_IN = Decimal("60.00")
KILLS, DEAF, SKEWED = 0.06, 0.03, 0.08
# What a history is mostly about, beside everything else.
THEMES: dict[str, tuple[str, ...]] = {
    "all": (),
    "packets": ("send", "pay_by_channel", "payer_pays", "report", "notice", "grab", "sweep"),
    "topups": ("topup", "payer_pays", "notice", "propose_by_order", "approve_refund"),
    "seconds": ("pay_by_channel", "payer_pays", "notice", "approve_refund", "propose_by_case"),
    "refunds": ("topup", "payer_pays", "approve_refund", "send_refund", "time", "sweep", "task"),
}
# What is likeliest to be in the way of what.
RIVALS: dict[str, tuple[str, ...]] = {
    "refund": ("send_refund", "sweep", "task", "send_refund"),
    "query_refund": ("send_refund", "sweep", "task"),
    "query": ("notice", "payer_pays", "report", "chase", "sweep", "pay_by_balance"),
    "close": ("notice", "payer_pays", "report", "chase", "sweep", "pay_by_channel"),
    "create": ("pay_by_channel", "topup", "payer_pays", "report", "sweep"),
}
STATEMENTS_MAX = 30
TRIES = 5

SWEEPS: tuple[tuple[str, Callable[[], object]], ...] = (
    ("settle_due", packet_tasks.settle_due),
    ("settle_missed", packet_tasks.settle_missed),
    ("refund_expired", packet_tasks.refund_expired),
    ("finish_taken", packet_tasks.finish_taken),
    ("close_drafts", packet_tasks.close_drafts),
    ("forget_old", packet_tasks.forget_old),
    ("chase_due", payment_tasks.chase_due),
    ("send_refunds", payment_tasks.send_refunds),
)


class Steps(Finance):
    """The steps of one history."""

    is_about_the_newest = False
    GENUINE: str | None = GOOD  # what the channel gave the payer's app

    WEIGHTS = {
        "send": 8,
        "pay_by_balance": 4,
        "pay_by_channel": 9,
        "topup": 4,
        "payer_pays": 9,
        "payer_pays_oddly": 2,
        "report": 7,
        "notice": 9,
        "forged_notice": 1,
        "stranger_pays": 1,
        "grab": 10,
        "everybody_grabs": 3,
        "task": 6,
        "sweep": 8,
        "chase": 3,
        "end_draft": 1,
        "refund_packet": 1,
        "freeze_packet": 2,
        "unfreeze_packet": 2,
        "freeze_wallet": 1,
        "unfreeze_wallet": 2,
        "change_group": 1,
        "redis_is_emptied": 1,
        "redis_is_ahead": 1,
        "time": 8,
        "channel_goes": 1,
        "merchant_changes": 1,
        **Finance.WEIGHTS,
    }

    def __init__(self, world: World, theme: str = ""):
        self.world, self.luck, self.met = world, world.luck, world.met
        make = get_user_model().objects.create_user
        self.staff = [make(name, is_staff=True).pk for name in ("mia", "max", "tom")]
        members.replace(group_id="g", user_ids=USERS)
        for user in USERS[:3]:
            credit(user_id=user, amount=PUT_IN, reason="test", now=world.now())
        names = [name for name in self.WEIGHTS if name not in world.off]
        self.theme = theme or self.luck.choice(sorted(THEMES))
        self.met[f"theme {self.theme}"] += 1
        more = THEMES[self.theme]
        self.names = names
        self.weights = [self.WEIGHTS[name] * (4 if name in more else 1) for name in names]

    def prelude(self) -> None:
        """What the theme needs to begin with: money that came through the channels."""
        chains = {
            "topups": ("topup", "payer_pays", "notice") * 2,
            "refunds": ("topup", "payer_pays", "notice", "propose_by_order", "approve_refund") * 3,
            "seconds": ("send", "pay_by_channel", "payer_pays", "pay_by_channel", "payer_pays"),
        }
        for name in chains.get(self.theme, ()):
            self.do_this(name)

    def do_this(self, name: str) -> None:
        """A step that is set, and goes as it should on our side."""
        self.noted(name)
        self.do(name)

    # --- one step, and what may go wrong in it

    def step(self) -> None:
        name = self.luck.choices(self.names, self.weights)[0]
        wrong, draw = "", self.luck.random()
        if draw < KILLS:
            wrong = "killed"
        elif draw < KILLS + DEAF:
            wrong = "deaf"
        elif draw < KILLS + DEAF + SKEWED:
            wrong = "clock"
        self.world.steps.append(f"{name} {wrong}".strip())
        match wrong:
            case "killed":
                nth = self.luck.randint(1, STATEMENTS_MAX)
                if self.world.killed(lambda: self.do(name), nth):
                    self.noted(f"    killed before statement {nth}")
                    self.met["killed"] += 1
            case "deaf":
                nth = self.luck.randint(1, 3)
                if self.world.acknowledgement_lost(lambda: self.do(name), nth):
                    self.met["deaf"] += 1
            case "clock":
                with self.clock_off(name):
                    self.do(name)
            case _:
                self.do(name)

    def clock_off(self, name: str):
        """A worker whose clock is off by a minute does nothing; a web machine's may be."""
        most = (-40, -3, 3, 40) if name == "chase" else (-3600, -40, -3, 3, 40, 3600)
        off = timedelta(seconds=self.luck.choice(most))
        self.noted(f"    by a clock that is {off.total_seconds():.0f} s off")
        return self.world.clock_off(off)

    def other(self, where: str) -> None:
        """What somebody else does meanwhile."""
        rivals = [name for name in RIVALS.get(where.split()[-1], ()) if name in self.names]
        name = self.luck.choices(self.names, self.weights)[0]
        if rivals and self.luck.random() < 0.6:
            name = self.luck.choice(rivals)
        if name in ("time", "channel_goes", "merchant_changes"):
            name = "sweep"
        self.noted(f"    meanwhile ({where}): {name}")
        if self.luck.random() < SKEWED:
            with self.clock_off(name):
                self.do(name)
        else:
            self.do(name)

    def do(self, name: str) -> None:
        """Do it, or, when there is nothing to do it with, something else."""
        for _ in range(TRIES):
            try:
                return self.do_it(name)
            except Nothing:
                name = self.luck.choices(self.names, self.weights)[0]
                self.noted(f"    rather {name}")
        return None

    def do_it(self, name: str) -> None:
        try:
            getattr(self, name)()
        except Problem as problem:
            self.met[f"{name}: {problem.code}"] += 1
            self.noted(f"      {problem.code}")
        except OperationalError as error:
            if not is_conflict(error):
                raise
            self.met["conflict"] += 1
        else:
            self.met[name] += 1

    def noted(self, text: str) -> None:
        self.world.steps.append(text)

    def tried(self, verb, **kwargs):
        """Outside a step: a refusal is an answer."""
        try:
            return verb(**kwargs)
        except Problem as problem:
            self.met[f"{verb.__name__}: {problem.code}"] += 1
            self.noted(f"  {verb.__name__} {kwargs}: {problem.code} {problem.errors}")
            return None

    # --- who and what it is about

    @property
    def now(self):
        return self.world.now()

    def rows(self, sql: str, *values) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def user(self) -> str:
        return self.luck.choice(USERS)

    def one_of(self, found: list[tuple]) -> tuple:
        """One of them, newest first; the newest is the likeliest. The history says which."""
        if not found:
            raise Nothing
        at = min(self.luck.randrange(len(found)), self.luck.randrange(len(found)))
        if self.is_about_the_newest and self.luck.random() < 0.9:
            at = 0
        self.noted(f"        {found[at]}")
        return found[at]

    def packet(self, where: str = "1 = 1") -> tuple[str, str]:
        """(public id, sender) of one of the newest packets."""
        return self.one_of(
            self.rows(
                f"SELECT public_id, user_id FROM red_packet WHERE {where} ORDER BY id DESC LIMIT 5"
            )
        )

    def issued(self) -> tuple[str, str]:
        """Mostly one that can be grabbed."""
        return self.packet("pay_status > 0" if self.luck.random() < 0.9 else "1 = 1")

    def draft(self) -> tuple[str, str]:
        """Mostly one that can be paid."""
        return self.packet("pay_status <> 1" if self.luck.random() < 0.8 else "1 = 1")

    def an_order(self, where: str = "1 = 1") -> tuple:
        """(id, order_no, pay_type, user) of one of the newest orders."""
        return self.one_of(
            self.rows(
                "SELECT id, order_no, pay_type, user_id FROM payments_paymentorder"
                f" WHERE {where} ORDER BY id DESC LIMIT 6"
            )
        )

    def an_open_order(self) -> tuple:
        """Mostly one that its channel would still let be paid."""
        if self.luck.random() < 0.15:
            return self.an_order()
        found = self.rows(
            "SELECT id, order_no, pay_type, user_id FROM payments_paymentorder"
            " ORDER BY id DESC LIMIT 40"
        )
        there = [self.world.books[PayType(row[2])].trades.get(row[1]) for row in found]
        pairs = zip(found, there, strict=True)
        return self.one_of([row for row, trade in pairs if trade and trade.state == "open"][:6])

    # --- senders and takers

    def send(self) -> None:
        kind = self.luck.choice((Kind.LUCKY, Kind.LUCKY, Kind.EQUAL, Kind.PERSONAL, Kind.EXCLUSIVE))
        sender, number = self.user(), self.luck.randint(1, 3)
        money = Decimal(self.luck.randint(3, 900)).scaleb(-2)
        personal = kind is Kind.PERSONAL
        others = [user for user in USERS if user != sender]
        named = self.luck.sample(others, number) if kind is Kind.EXCLUSIVE else []
        wish = send.Wish(
            kind=kind,
            for_id=self.user() if personal else "g",
            number=1 if personal else number,
            for_users=named,
            **{"total_money" if kind is Kind.LUCKY else "single_money": money},
        )
        send.send(caller=Caller(sender), wish=wish, now=self.now)

    def pay_by_balance(self) -> None:
        found = self.draft()
        pay.by_balance(public_id=found[0], caller=Caller(found[1]), now=self.now)

    def pay_by_channel(self) -> None:
        found = self.draft()
        pay.by_channel(
            public_id=found[0],
            caller=Caller(found[1]),
            pay_type=self.luck.choice(CHANNELS),
            scene=self.luck.choice((Scene.APP, Scene.APP, Scene.NATIVE, Scene.H5)),
            payer_ip="",
            now=self.now,
        )

    def topup(self) -> None:
        topup.topup(
            caller=Caller(self.user()),
            amount=Decimal(self.luck.randint(1, 5000)).scaleb(-2),
            pay_type=self.luck.choice(CHANNELS),
            scene=Scene.APP,
            key=f"k{self.luck.randrange(1000)}",
            payer_ip="",
            now=self.now,
        )

    def report(self) -> None:
        found = self.an_order()
        result = self.luck.choice((None, None, self.GENUINE, "forged"))
        order.report(order_no=found[1], caller=Caller(found[3]), result=result, now=self.now)

    def grab(self, user: str = "", packet: str = "") -> None:
        found = (packet, "") if packet else self.issued()
        user = user or self.user()
        got = grab.grab(public_id=found[0], caller=Caller(user), now=self.now)
        self.met[f"grab: {got.outcome.value}"] += 1
        if got.outcome in (Outcome.GRABBED, Outcome.ALREADY_GRABBED):
            said = self.world.promised.setdefault((found[0], user), got.share.money)
            if said != got.share.money:
                raise Crashed(f"{user} was promised {said}, now {got.share.money}")

    def everybody_grabs(self) -> None:
        found = self.issued()
        for user in USERS:
            try:
                self.grab(user, found[0])
            except Problem as problem:
                self.met[f"grab: {problem.code}"] += 1

    def change_group(self) -> None:
        verb = self.luck.choice((members.remove, members.add))
        verb(group_id="g", user_id=self.user())

    # --- the channels

    def payer_pays(self, amount: int | None = None, *, even_closed: bool = False) -> None:
        """In his own app, whatever we think of the order; the channel notifies, or does not."""
        found = self.an_open_order()
        books = self.world.books[PayType(found[2])]
        try:
            notices = self.pay_there(books.pay_type, found[1], amount, even_closed)
        except LookupError:
            self.met["payer cannot pay"] += 1
            return
        self.met["paid at a channel"] += 1
        if amount is not None:
            self.met["paid another amount"] += 1
        self.met["a notice that is lost"] += not notices

    def pay_there(self, word: PayType, order_no: str, amount: int | None, even_closed: bool) -> int:
        """How many notices are on their way then."""
        books = self.world.books[word]
        trade = books.pay(order_no, amount=amount, even_closed=even_closed)
        number = self.luck.choice((0, 0, 1, 1, 2))
        self.world.notices += [(word, books.notice_of(trade))] * number
        if books.says("notice", ("wrong amount",)):
            amount = trade.asked + self.luck.choice((-1, 1, 70, 500))
            self.world.notices.append((word, books.wrong_notice_of(trade, amount or 2)))
        return number

    def payer_pays_oddly(self) -> None:
        amount = self.luck.choice((None, self.luck.randint(1, 3000)))
        self.payer_pays(amount, even_closed=self.luck.random() < 0.3)

    def stranger_pays(self) -> None:
        books = self.world.books[self.luck.choice(CHANNELS)]
        number = f"hb{'x' * 20}{len(books.trades):06d}"
        trade = books.stranger(number, self.luck.randint(1, 2000))
        self.world.notices.append((books.pay_type, books.notice_of(trade)))

    def notice(self) -> None:
        """One of those on their way arrives; often it comes again."""
        word, notice, is_kept = self.world.one_under_way(self.world.notices, self.luck, 0.3)
        if not self.receive(word, notice) and not is_kept:
            self.world.notices.append((word, notice))  # it knocks again

    def receive(self, word: PayType, notice) -> bool:
        """Whether we say that it need not come again."""
        said = notify.receive(pay_type=word, notice=notice, now=self.now)
        return said.body == b"success"

    def all_arrives(self) -> None:
        """Every notice that still travels, and again, as channels do."""
        for _ in range(3):
            for word, notice in list(self.world.notices):
                self.receive(word, notice)
        self.world.notices.clear()

    def truth_is_told(self) -> bool:
        """Of what a notice has said wrongly, by another notice; what was on its way back is looked
        for before. Whether there was any."""
        wrong = [
            (word, books.trades[number])
            for word, books in self.world.books.items()
            for number in sorted(getattr(books, "misnamed", ()))
        ]
        if wrong:
            self.finance_looks()
        for word, trade in wrong:
            self.receive(word, self.world.books[word].notice_of(trade))
        return bool(wrong)

    def forged_notice(self) -> None:
        found = self.an_order()
        books = self.world.books[PayType(found[2])]
        if trade := books.trades.get(found[1]):
            says = self.luck.choice(("paid", "waiting"))
            notice = books.notice_of(trade, sign="bad" if says == "paid" else GOOD, says=says)
            notify.receive(pay_type=books.pay_type, notice=notice, now=self.now)

    def channel_goes(self) -> None:
        """No answer to anything for a while."""
        books = self.world.books[self.luck.choice(CHANNELS)]
        books.is_gone = not books.is_gone

    def merchant_changes(self) -> None:
        """New keys, a new name; what was begun goes on with those of before."""
        books = self.world.books[self.luck.choice(CHANNELS)]
        books.merchants.append(f"m{len(books.merchants)}")

    # --- machines

    def task(self) -> None:
        """A worker takes one; some are lost with their broker, some come twice."""
        word, args, _ = self.world.one_under_way(self.world.tasks, self.luck, 0.1)
        if self.luck.random() < 0.9:
            self.world.run_task(word, args)

    def sweep(self) -> None:
        name, run = self.luck.choice(SWEEPS)
        self.met[f"sweep {name}"] += bool(run())

    def chase(self) -> None:
        found = self.an_order()
        chase.chase(order_id=found[0], now=self.now, at_once=self.luck.random() < 0.7)

    def end_draft(self) -> None:
        found = self.packet()
        close.close(packet=RedPacket.objects.get(public_id=found[0]), now=self.now)

    def refund_packet(self) -> None:
        found = self.packet()
        packet = RedPacket.objects.get(public_id=found[0])
        verb = self.luck.choice((refund.refund_expired, settle.settle_packet, None))
        if verb:
            verb(rp_id=packet.pk, now=self.now)
        else:
            finish.finish(rp_id=packet.pk)

    def redis_is_emptied(self) -> None:
        if not redis.is_configured():
            raise Nothing
        redis.call(lambda r: r.flushdb())

    def redis_is_ahead(self) -> None:
        """The database fell back to before a confirmation that Redis was told of."""
        found = self.packet("pay_status = 2")
        if not redis.is_configured():
            raise Nothing
        tickets.paid(RedPacket.objects.get(public_id=found[0]))

    def time(self) -> None:
        self.world.later(seconds=self.luck.choice((1, 6, 31, 61, 301, 901, 1801, 7200, 90_000)))

    def an_hour(self) -> None:
        self.world.later(hours=1)

    def a_day(self) -> None:
        self.world.later(hours=24)

    # --- support

    def freeze_packet(self) -> None:
        found = self.packet()
        freeze.freeze(public_id=found[0], reason="test", now=self.now)

    def unfreeze_packet(self) -> None:
        found = self.packet()
        freeze.unfreeze(public_id=found[0], reason="test", now=self.now)

    def freeze_wallet(self) -> None:
        wallet_freeze.freeze(user_id=self.user(), reason="test", now=self.now)

    def unfreeze_wallet(self) -> None:
        wallet_freeze.unfreeze(user_id=self.user(), reason="test", now=self.now)
