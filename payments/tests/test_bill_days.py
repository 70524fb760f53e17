"""Days and their bills: which row belongs to which day, and which bills are still to come."""

import gzip
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone

from payments import (
    bill_days,
    bills,
    channel_refund,
    confirm,
    reconcile,
    sayings,
    send_refund,
    tasks,
)
from payments.channels.base import ChannelDown, NoBill, Payment, RefundState, Refused
from payments.models import Bill, Case, ChannelRefund, PaymentOrder
from payments.states import BillState, CaseKind, PayType, RefundStatus
from payments.tests import test_reconcile as tr
from payments.tests.conftest import offer
from testing.make import make_topup
from wallets.audit import audit

DAY, NOON = tr.DAY, tr.NOON
NEXT = DAY + timedelta(days=1)
FILES = Path(__file__).parent / "bills"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=bills.ZONE)


def ordered(pay_type: PayType, amount: str, when: datetime, key: str = "k") -> PaymentOrder:
    """A top-up of bob's that waits for its money."""
    return make_topup(amount, pay_type=pay_type, key=key, now=when)


def paid(
    pay_type: PayType, trade_no: str, amount: str, when: datetime, settled=None
) -> PaymentOrder:
    order = ordered(pay_type, amount, when, key=trade_no)
    money = Decimal(amount)
    payment = Payment(pay_type, order.order_no, trade_no, money, when, settled)
    confirm.confirm(payment=payment, now=when)
    order.refresh_from_db()
    return order


def refunded(order: PaymentOrder, amount: str, now: datetime) -> ChannelRefund:
    """Proposed, approved and told to the channel."""
    User = get_user_model()
    maker, checker = (User.objects.get_or_create(username=name)[0] for name in ("m", "c"))
    refund = channel_refund.propose(
        order_no=order.order_no, amount=Decimal(amount), reason="x", maker_id=maker.pk, now=now
    )
    channel_refund.approve(refund_no=refund.refund_no, checker_id=checker.pk, now=now)
    send_refund.send(refund_id=refund.pk, now=now)
    refund.refresh_from_db()
    return refund


def row(order: PaymentOrder, when: datetime | None = None) -> tr.Row:
    return tr.Row(order.order_no, order.trade_no, str(order.amount), when or order.paid_at)


def back(refund: ChannelRefund, when: datetime) -> tr.Row:
    local = when.astimezone(bills.ZONE)
    number = refund.refund_no
    return tr.Row(refund.order_no, refund.trade_no, str(refund.amount), local, refund_no=number)


def compare(pay_type: PayType, day: date, *rows: tr.Row, content: bytes | None = b"") -> Bill:
    if content == b"":
        content = tr.WRITERS[pay_type](
            [
                tr.Row(r.order_no, r.trade_no, r.amount, r.at.astimezone(bills.ZONE), r.refund_no)
                for r in rows
            ]
        )
    reconcile.reconcile(pay_type=pay_type, day=day, content=content, now=bills.usual(day))
    return Bill.objects.get(pay_type=pay_type, day=day)


def cases() -> list[tuple[str, str]]:
    """Kind, and what it is about."""
    found = Case.objects.order_by("pk").values_list("kind", "reference")
    return [(kind, reference.split(":", 2)[-1]) for kind, reference in found]


@pytest.fixture
def wechat(monkeypatch):
    return offer(monkeypatch, PayType.WECHAT)[PayType.WECHAT]


@pytest.fixture
def unionpay(monkeypatch):
    return offer(monkeypatch, PayType.UNIONPAY)[PayType.UNIONPAY]


# --- rows of strangers


def test_strangers_rows_are_cases_whatever_their_numbers(alipay):
    day = date(2026, 11, 20)
    paid(PayType.ALIPAY, "2026112022001400000000000000", "3.00", at("2026-11-20 10:00:00"))
    content = (FILES / "alipay_other_shops_rows.zip").read_bytes()

    bill = compare(PayType.ALIPAY, day, content=content)

    assert (bill.rows, bill.matched, bill.differences) == (3, 1, 2)
    chinese, long = Case.objects.order_by("pk")
    assert [case.kind for case in (chinese, long)] == [CaseKind.BILL_SURPLUS] * 2
    assert chinese.says.endswith("业务明细.csv, line 7, not in our books, 订单1")
    assert long.says.endswith("x" * 80)
    assert chinese.order_no.startswith("\\u8ba2\\u53551~")
    assert (len(long.order_no), long.order_no[:55]) == (64, "x" * 55)


@pytest.mark.parametrize("number", ["订" * 300, "x" * 5000, "a\x00b", "🧧", "'; DROP TABLE", " "])
def test_a_number_of_any_alphabet_and_length(wechat, number):
    content = tr.wechat(
        [tr.Row("ORDER", "TRADE", "1.00"), tr.Row("o", "T2", "2.00", refund_no="R")]
    )
    text = gzip.decompress(content).decode()
    for word in ("ORDER", "TRADE", "`R,"):
        text = text.replace(word, word.replace(word.strip("`,"), number))

    bill = compare(PayType.WECHAT, DAY, content=text.encode())

    assert bill.rows == 2
    assert bill.differences == Case.objects.count() == 2


def test_an_odd_row_is_a_case_and_spoils_no_day(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    content = tr.wechat([row(order), tr.Row("o", "T2", "1e5")])

    bill = compare(PayType.WECHAT, DAY, content=content)

    assert (bill.state, bill.rows, bill.matched, bill.differences) == (BillState.COMPARED, 2, 1, 1)
    case = Case.objects.get()
    assert case.kind == CaseKind.BILL_ODD
    assert case.says.startswith("line 3, '1e5' is no amount: `2026-03-01 12:00:00,`wx1")


def test_a_total_that_does_not_fit_is_a_case(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    text = gzip.decompress(tr.wechat([row(order)])).decode().replace("`1,`0.00", "`2,`0.00")

    bill = compare(PayType.WECHAT, DAY, content=text.encode())

    assert (bill.matched, bill.differences) == (1, 1)
    case = Case.objects.get()
    assert (case.kind, case.says) == (
        CaseKind.BILL_TOTAL,
        "line 4, 总交易单数 2, the file has 1",
    )


# --- UnionPay's day ends at 23:00


def test_half_past_eleven_in_the_evening_is_tomorrow_at_unionpay(unionpay):
    day = date(2026, 11, 20)
    for trade_no, amount, when in (
        ("202611192330000000001", "7.00", "2026-11-19 23:30:00"),
        ("202611201000000000000", "3.00", "2026-11-20 10:00:00"),
    ):
        paid(PayType.UNIONPAY, trade_no, amount, at(when))
    content = (FILES / "unionpay_2330_in_next_day.zip").read_bytes()

    before = compare(PayType.UNIONPAY, day - timedelta(days=1))
    bill = compare(PayType.UNIONPAY, day, content=content)
    after = compare(PayType.UNIONPAY, day + timedelta(days=1))

    assert (bill.rows, bill.matched) == (2, 2)
    assert [b.differences for b in (before, bill, after)] == [0, 0, 0]
    assert cases() == []


def test_the_channels_own_settlement_day_beats_the_clock(unionpay):
    """Cut a minute early: paid at 22:58, settled with the next day."""
    order = paid(PayType.UNIONPAY, "2" * 21, "7.00", at("2026-03-01 22:58:00"), settled=NEXT)

    compare(PayType.UNIONPAY, DAY)
    assert cases() == []

    compare(PayType.UNIONPAY, NEXT)
    assert cases() == [(CaseKind.BILL_SHORTFALL, order.trade_no)]


# --- refunds, and midnight


def test_a_refund_row_under_way_matches_and_done_later_is_not_missing(wechat):
    wechat.refunds = RefundState.PENDING
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    refund = refunded(order, "10.00", NOON)
    assert refund.status == RefundStatus.SENT

    first = compare(PayType.WECHAT, DAY, row(order), back(refund, NOON))
    wechat.refunds = RefundState.DONE
    send_refund.send(refund_id=refund.pk, now=NOON + timedelta(days=1))
    rest = [compare(PayType.WECHAT, DAY + timedelta(days=n)) for n in (1, 2)]

    assert (first.matched, first.differences) == (2, 0)
    assert [bill.differences for bill in rest] == [0, 0]
    assert cases() == []


def test_a_refund_named_under_way_may_be_named_again_when_it_is_done(wechat):
    wechat.refunds = RefundState.PENDING
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    refund = refunded(order, "10.00", NOON)
    compare(PayType.WECHAT, DAY, row(order), back(refund, NOON))
    wechat.refunds = RefundState.DONE
    send_refund.send(refund_id=refund.pk, now=NOON + timedelta(days=1))

    compare(PayType.WECHAT, NEXT, back(refund, NOON + timedelta(days=1)))
    assert cases() == []

    compare(PayType.WECHAT, NEXT + timedelta(days=1), back(refund, NOON + timedelta(days=2)))
    assert cases() == [(CaseKind.BILL_REPEATED, refund.refund_no)]


def test_a_refund_done_just_before_midnight_is_missing_nowhere(wechat):
    """The channel gives back at 23:59:58; we hear of it half a minute later, on the next day."""
    evening = at("2026-03-01 23:59:58")
    wechat.refunds = RefundState.PENDING
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    refund = refunded(order, "4.00", evening)
    wechat.refunds = RefundState.DONE
    send_refund.send(refund_id=refund.pk, now=refund.chase_at)
    refund.refresh_from_db()
    assert bills.day_of(PayType.WECHAT, refund.done_at) == NEXT

    for day, rows in (
        (DAY, [row(order), back(refund, evening)]),
        (NEXT, []),
        (NEXT + timedelta(1), []),
    ):
        compare(PayType.WECHAT, day, *rows)

    assert cases() == []


@pytest.mark.parametrize("day_of_row", [DAY, NEXT])
def test_a_payment_at_midnight_stands_in_either_bill(wechat, day_of_row):
    order = paid(PayType.WECHAT, "T1", "10.00", at("2026-03-01 23:59:59"))

    for day in (DAY, NEXT, NEXT + timedelta(days=1)):
        compare(PayType.WECHAT, day, *([row(order)] if day == day_of_row else []))

    assert cases() == []


def test_a_payment_at_midnight_that_no_bill_names_is_missing(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", at("2026-03-01 23:59:59"))

    first = compare(PayType.WECHAT, DAY)
    assert (first.differences, cases()) == (0, [])

    compare(PayType.WECHAT, NEXT)
    first.refresh_from_db()
    assert (first.differences, first.missing) == (1, 1)
    assert cases() == [(CaseKind.BILL_SHORTFALL, order.trade_no)]


def test_a_payment_in_two_days_bills(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)

    compare(PayType.WECHAT, DAY, row(order))
    compare(PayType.WECHAT, NEXT, row(order, NOON + timedelta(days=1)))

    assert cases() == [(CaseKind.BILL_REPEATED, "T1")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (RefundStatus.DONE, None),
        (RefundStatus.SENT, None),
        (RefundStatus.FAILED, CaseKind.BILL_SHORTFALL),
    ],
)
def test_a_refund_is_known_in_any_state(wechat, status, kind):
    states = {
        RefundStatus.DONE: "DONE",
        RefundStatus.SENT: "PENDING",
        RefundStatus.FAILED: "FAILED",
    }
    wechat.refunds = RefundState[states[status]]
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    refund = refunded(order, "4.00", NOON)

    compare(PayType.WECHAT, DAY, row(order), back(refund, NOON))

    of_bill = Case.objects.filter(kind__in=reconcile.BILL_KINDS)
    assert [case.kind for case in of_bill] == ([kind] if kind else [])
    if status == RefundStatus.SENT:  # nothing is left under way
        wechat.refunds = RefundState.DONE
        refund.refresh_from_db()
        send_refund.send(refund_id=refund.pk, now=refund.chase_at)


def test_a_refund_that_is_not_ours_is_money_that_is_missing(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    theirs = tr.Row(order.order_no, "T1", "4.00", NOON, refund_no="from the portal")

    compare(PayType.WECHAT, DAY, row(order), theirs)

    assert cases() == [(CaseKind.BILL_SHORTFALL, "from the portal")]


# --- no bill is a state


def test_no_transactions_is_an_empty_bill_and_is_compared(wechat):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)

    def none(day):
        raise NoBill("NO_STATEMENT_EXIST")

    wechat.bill = none
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", "wechat", str(DAY), stdout=out)

    assert ended.value.code == 1
    assert out.getvalue().startswith("bill_shortfall T1 ")
    bill = Bill.objects.get()
    assert (bill.state, bill.rows, bill.differences) == (BillState.EMPTY, 0, 1)
    assert cases() == [(CaseKind.BILL_SHORTFALL, order.trade_no)]


@pytest.mark.parametrize(
    "error", [ChannelDown("STATEMENT_CREATING"), Refused("NO_AUTH"), NoBill("NO_STATEMENT_EXIST")]
)
def test_a_bill_that_is_late_is_tried_again_until_it_comes(wechat, error):
    early = bills.usual(DAY) - timedelta(minutes=5)
    paid(PayType.WECHAT, "T1", "10.00", NOON)
    asked = []

    def late(day):
        asked.append(day)
        raise error

    wechat.bill = late
    assert bill_days.walk(pay_type=PayType.WECHAT, now=early) == 0
    bill = Bill.objects.get()
    assert (bill.state, bill.tries, bill.due_at) == (BillState.WAITING, 1, early + bill_days.PAUSE)
    assert bill.says

    wechat.bill = lambda day: asked.append(day) or tr.wechat([tr.Row("x", "T1", "10.00")])
    assert not bill_days.is_due(PayType.WECHAT, bill.due_at - timedelta(seconds=1))
    assert bill_days.is_due(PayType.WECHAT, bill.due_at)
    assert bill_days.walk(pay_type=PayType.WECHAT, now=bill.due_at) == 1

    assert asked == [DAY, DAY]
    bill.refresh_from_db()
    assert (bill.state, bill.matched, bill.due_at) == (BillState.COMPARED, 1, None)
    assert bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY)) == 0
    assert asked == [DAY, DAY], "each day once"


def test_a_worker_that_was_away_for_a_week_loses_no_day(wechat):
    asked = []
    wechat.bill = lambda day: asked.append(day) or tr.wechat([])
    compare(PayType.WECHAT, DAY)

    bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY + timedelta(days=7)))

    assert asked == [DAY + timedelta(days=n) for n in range(1, 8)], "each once, in order"
    assert set(Bill.objects.values_list("state", flat=True)) == {BillState.COMPARED}


def test_the_days_begin_with_the_first_order_that_we_never_saw_paid(wechat):
    """Its notification was lost, and nobody worked for days: its bill alone knows of it."""
    mine = ordered(PayType.WECHAT, "5.00", at("2026-11-21 12:00:00"))
    now = at("2026-11-24 11:00:00")

    bill_days.plan(pay_type=PayType.WECHAT, now=now)

    days = Bill.objects.order_by("day").values_list("day", flat=True)
    assert [f"{day}" for day in days] == ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert bill_days.late(PayType.WECHAT, now) == list(days)
    assert mine.paid_at is None


def test_a_day_that_does_not_come_holds_up_no_other(wechat):
    compare(PayType.WECHAT, DAY)

    def bill(day):
        if day == NEXT:
            raise ChannelDown("STATEMENT_CREATING")
        return tr.wechat([])

    wechat.bill = bill
    now = bills.usual(DAY + timedelta(days=3))
    bill_days.walk(pay_type=PayType.WECHAT, now=now)

    waiting = Bill.objects.get(state=BillState.WAITING)
    assert waiting.day == NEXT
    assert bill_days.late(PayType.WECHAT, now) == [NEXT]


def test_a_day_that_nobody_can_compare_holds_up_no_other(wechat, monkeypatch):
    """By a fault of ours, say; it is asked for again."""
    compare(PayType.WECHAT, DAY)
    wechat.bill = lambda day: tr.wechat([])
    one_day = reconcile.reconcile

    def failing(*, day, **given):
        if day == NEXT:
            raise AssertionError
        return one_day(day=day, **given)

    monkeypatch.setattr(reconcile, "reconcile", failing)
    now = bills.usual(DAY + timedelta(days=3))

    assert bill_days.walk(pay_type=PayType.WECHAT, now=now) == 2

    waiting = Bill.objects.get(state=BillState.WAITING)
    assert (waiting.day, waiting.tries, waiting.says) == (NEXT, 1, sayings.FAILED_HERE)
    assert waiting.due_at > now


def test_a_file_that_breaks_after_a_page_is_asked_for_again(wechat):
    """What the first page marked is taken for nothing until the day is compared whole."""
    order = paid(PayType.WECHAT, "T0", "10.00", NOON)
    whole = tr.wechat([row(order), *(tr.Row("x", f"T{n}", "1.00") for n in range(1, 5000))])
    compare(PayType.WECHAT, DAY, content=whole)
    assert Bill.objects.get().rows == 5000

    with pytest.raises(bills.Unreadable):
        compare(PayType.WECHAT, DAY, content=whole[:-20])
    assert reconcile.is_begun(Bill.objects.get(), bills.usual(DAY))
    wechat.bill = lambda day: whole[:-20]
    assert bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY)) == 0
    wechat.bill = lambda day: whole
    assert bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY)) == 1

    bill = Bill.objects.get()
    assert (bill.rows, bill.matched, bill.differences, bill.due_at) == (5000, 1, 4999, None)


def test_a_file_that_cannot_be_read_is_asked_for_again(wechat):
    wechat.bill = lambda day: b"<html>busy</html>"
    compare(PayType.WECHAT, DAY - timedelta(days=1))

    assert bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY)) == 0

    bill = Bill.objects.get(day=DAY)
    assert (bill.state, bill.says) == (
        BillState.WAITING,
        "line 1: has no column '交易时间'",
    )


def test_a_bill_that_never_comes_is_a_case_in_the_end(wechat):
    compare(PayType.WECHAT, DAY - timedelta(days=1))
    now = bills.usual(DAY)

    def down(day):
        raise ChannelDown("timed out")

    wechat.bill = down
    bill_days.walk(pay_type=PayType.WECHAT, now=now)
    wechat.bill = lambda day: down(day) if day == DAY else tr.wechat([])
    tries = 0
    while Bill.objects.get(day=DAY).state == BillState.WAITING:
        now = Bill.objects.get(day=DAY).due_at
        bill_days.walk(pay_type=PayType.WECHAT, now=now)
        tries += 1

    assert now - bills.usual(DAY) > timedelta(days=bill_days.BACK)
    assert tries < 300
    assert Bill.objects.get(day=DAY).state == BillState.FAILED
    assert [(case.kind, case.says) for case in Case.objects.all()] == [
        (CaseKind.BILL_MISSING, "timed out")
    ]


def test_days_too_far_back_are_one_case(wechat):
    compare(PayType.WECHAT, DAY)
    wechat.bill = lambda day: tr.wechat([])

    for later in (40, 41, 60):
        bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY + timedelta(days=later)))

    case = Case.objects.get()
    assert (case.kind, case.reference) == (CaseKind.BILL_MISSING, f"wechat:{NEXT}")
    assert case.says == "nothing was compared from 2026-03-02 to 2026-03-11"
    assert Bill.objects.count() == 1 + 30 + 1 + 19


def test_a_day_compared_before_its_bill_is_usually_there_is_compared_once_more(wechat):
    wechat.bill = lambda day: tr.wechat([tr.Row("x", "T1", "1.00")])
    early = bills.usual(DAY) - timedelta(hours=12)
    reconcile.reconcile(pay_type=PayType.WECHAT, day=DAY, content=tr.wechat([]), now=early)
    assert Bill.objects.get().due_at == bills.usual(DAY)

    assert bill_days.walk(pay_type=PayType.WECHAT, now=bills.usual(DAY)) == 1

    bill = Bill.objects.get()
    assert (bill.rows, bill.due_at) == (1, None)


def test_the_sweep_hands_out_what_is_due(wechat, monkeypatch):
    sent = []
    monkeypatch.setattr("payments.tasks.later.run", lambda task, *args: sent.append((task, *args)))
    days_ago = bill_days.yesterday(timezone.now()) - timedelta(days=2)
    Bill.objects.create(pay_type=PayType.WECHAT, day=days_ago, due_at=bills.usual(days_ago))

    assert tasks.reconcile_due() == 1
    assert tasks.reconcile_due() == 1
    assert sent == [("payments.reconcile_channel", "wechat")] * 2

    wechat.bill = lambda day: tr.wechat([])
    tasks.reconcile_channel("wechat")
    assert tasks.reconcile_due() == 0
    assert Bill.objects.filter(state=BillState.COMPARED).count() == 3


@pytest.mark.parametrize("off", [timedelta(days=5000), -timedelta(days=5000), timedelta(days=2)])
def test_a_payment_whose_time_cannot_be_is_missed_on_the_day_that_we_heard_of_it(wechat, off):
    order = ordered(PayType.WECHAT, "5.00", NOON)
    payment = Payment(PayType.WECHAT, order.order_no, "T1", order.amount, NOON + off)
    confirm.confirm(payment=payment, now=NOON)

    bill = compare(PayType.WECHAT, DAY)

    assert bill.missing == 1
    assert cases() == [(CaseKind.BILL_SHORTFALL, "T1")]


# --- the audit


def broken(*changes) -> list[str]:
    for change in changes:
        change()
    return [str(finding) for finding in audit() if finding.rule == "bills_have_their_cases"]


@pytest.mark.broken_books
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda: Case.objects.all().delete(), "2 differences, 0 cases"),
        (lambda: Bill.objects.update(differences=3), "3 differences, 2 cases"),
        (lambda: Bill.objects.update(day=NEXT), "cases of a bill that is not there"),
        (
            lambda: PaymentOrder.objects.update(billed_on=NEXT),
            "paymentorder in a bill that is not there",
        ),
    ],
    ids=["no case", "a figure", "no bill", "no bill of an order"],
)
def test_the_audit_notices(wechat, change, says):
    order = paid(PayType.WECHAT, "T1", "10.00", NOON)
    compare(PayType.WECHAT, DAY, row(order), tr.Row("x", "T2", "1.00"), tr.Row("x", "T3", "1.00"))
    assert broken() == []

    found = broken(change)

    assert any(says in line for line in found), found
