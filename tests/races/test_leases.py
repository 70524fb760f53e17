"""One worker at a time, and a verdict from the holder alone: each sweep's lease, and its twins."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from kit import duty, lease, pause
from kit.http.caller import Caller
from kit.models import Duty
from kit.moves import Moves
from office.export import jobs as export
from packets import grab, settle, settle_sql
from packets.models import SettlementPass
from packets.states import Kind
from payments import chase, order, send_refund, tasks
from payments.channels import http
from payments.channels.base import Answer, RefundAnswer, RefundState, State
from payments.models import PaymentOrder
from payments.states import ORDER_MOVES, OrderStatus, RefundStatus
from testing.forks import die_before_statement, in_threads, killed
from testing.guards import without_the_fence
from testing.make import confirm as payment_arrives
from testing.make import make_reported_packet, make_topup
from wallets.models import Wallet

NO = RefundAnswer(RefundState.FAILED, "40004 ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
YES = RefundAnswer(RefundState.PENDING, "accepted")


def in_bobs_wallet() -> Decimal:
    return Wallet.objects.get(pk="bob").balance


# --- two workers and one refund


def two_senders(alipay, refund, *, later_s: float) -> list[RefundState | None]:
    """The first worker's call hangs; the second comes meanwhile, and the channel says yes to him.
    Then the first hears no. What each of them came to."""
    began, said = refund.chase_at, []

    def tell(asked):
        alipay.calls.append("refund")
        if alipay.calls.count("refund") > 1:
            return YES
        said.append(send_refund.send(refund_id=refund.pk, now=began + timedelta(seconds=later_s)))
        return NO

    alipay.refund = tell
    alipay.query_refund = lambda asked: RefundAnswer(RefundState.UNKNOWN)
    return [send_refund.send(refund_id=refund.pk, now=began), *said]


def test_two_senders(alipay, approved):
    within = send_refund.LEASE_S - 1

    assert two_senders(alipay, approved, later_s=within) == [RefundState.FAILED, None]

    assert alipay.calls.count("refund") == 1
    approved.refresh_from_db()
    assert approved.status == RefundStatus.FAILED
    assert in_bobs_wallet() == 50  # the only word that there was


def test_two_senders_without_the_lease(alipay, approved, monkeypatch):
    monkeypatch.setattr(lease, "free", lambda now: Q())

    two_senders(alipay, approved, later_s=send_refund.LEASE_S - 1)

    assert alipay.calls.count("refund") == 2


def test_a_verdict_counts_from_the_holder_alone(alipay, approved):
    """The first worker was stopped for longer than its lease; another one has taken over."""
    two_senders(alipay, approved, later_s=send_refund.LEASE_S)

    approved.refresh_from_db()
    assert (approved.status, approved.answer) == (RefundStatus.SENT, "accepted")
    assert in_bobs_wallet() == 0


def test_a_verdict_counts_from_the_holder_alone_without_the_fence(alipay, approved, monkeypatch):
    without_the_fence(monkeypatch)

    two_senders(alipay, approved, later_s=send_refund.LEASE_S)

    assert in_bobs_wallet() == 50, "in the wallet, and on its way through the channel"


def test_who_is_not_due_is_not_sent(alipay, approved):
    alipay.refunds = RefundState.PENDING
    now = approved.chase_at

    said = [send_refund.send(refund_id=approved.pk, now=now) for _ in range(3)]

    assert said == [RefundState.PENDING, None, None]
    approved.refresh_from_db()
    assert approved.chases == 1


def test_many_senders_at_once(alipay, approved):
    alipay.refunds, now = RefundState.PENDING, approved.chase_at

    said = in_threads([lambda: send_refund.send(refund_id=approved.pk, now=now)] * 6)

    assert sorted(said, key=str) == [None] * 5 + [RefundState.PENDING]


def test_killed_in_the_work_it_is_taken_again_after_the_lease(alipay, approved):
    now, until = approved.chase_at, timedelta(seconds=send_refund.LEASE_S)

    def dies():
        alipay.refund = alipay.query_refund = lambda asked: die_before_statement(1)
        send_refund.send(refund_id=approved.pk, now=now)

    assert killed(dies)

    just_before = now + until - timedelta(milliseconds=1)
    assert send_refund.send(refund_id=approved.pk, now=just_before) is None
    assert send_refund.send(refund_id=approved.pk, now=now + until) is RefundState.DONE


def test_each_row_of_a_sweep_has_its_own_moment(alipay, monkeypatch):
    """A lease that began with the sweep would be over too early for the last of its rows."""
    long_ago = timezone.now() - timedelta(days=1)
    for key in ("k1", "k2"):
        make_topup(now=long_ago, key=key)
    moments = []

    def ask(*, order_id, now):
        moments.append((now, timezone.now()))

    monkeypatch.setattr(tasks.chase, "chase", ask)
    tasks.chase_due()

    (_, first_ended), (second_began, _) = moments
    assert second_began >= first_ended


# --- longer than the work


def test_the_lease_is_longer_than_the_calls():
    """Every try ends by itself: at the last look at its deadline, or one read later. How many calls
    there are at most, payments/tests/test_channels_calls.py counts."""
    one_try = http.TOTAL_S + http.READ_S + http.PAUSE_S
    work = http.CALLS * http.TRIES * one_try

    assert (http.CONNECT_S + http.READ_S) < http.TOTAL_S  # an answer's beginning
    assert work < chase.LEASE_S
    assert work < send_refund.LEASE_S
    assert export.LEASE_S > settings.CELERY_TASK_TIME_LIMIT


# --- orders


def reported(now) -> PaymentOrder:
    made = make_topup(now=now)
    return order.report(order_no=made.order_no, caller=Caller("bob"), result=None, now=now)


@contextmanager
def while_asked(alipay, work):
    """work() happens between the question and the channel's answer: closed."""

    def query(asked):
        work()
        return Answer(State.CLOSED)

    alipay.query = query
    yield


def reported_while_asked(alipay, made: PaymentOrder) -> None:
    ask_at = made.expire_time

    def report():
        order.report(order_no=made.order_no, caller=Caller("bob"), result=None, now=ask_at)

    with while_asked(alipay, report):
        chase.chase(order_id=made.pk, now=ask_at)


def test_an_order_reported_while_it_was_asked_about_is_not_closed_by_the_answer(alipay):
    """Closed is what happens to an order that nobody reported; a reported one ends as unpaid, and
    its owner hears so. The answer was judged by what was read before it."""
    now = timezone.now()
    made = make_topup(now=now)
    reported_while_asked(alipay, made)
    made.refresh_from_db()
    assert made.status == OrderStatus.REPORTED
    assert made.lease is None

    with while_asked(alipay, lambda: None):
        chase.chase(order_id=made.pk, now=made.chase_at)
    made.refresh_from_db()
    assert made.status == OrderStatus.UNPAID


def test_an_order_reported_while_it_was_asked_about_without_the_facts(alipay, monkeypatch):
    careless = {**ORDER_MOVES, OrderStatus.REPORTED: {OrderStatus.CLOSED}}
    monkeypatch.setattr(PaymentOrder, "MOVES", Moves("status", careless))
    end = order.end
    monkeypatch.setattr(order, "end", lambda rows, **words: end(**words))
    made = make_topup()
    reported_while_asked(alipay, made)

    made.refresh_from_db()
    assert made.status == OrderStatus.CLOSED, "reported -> closed is no move of ORDER_MOVES"


def test_a_stopped_worker_ends_no_order(alipay):
    """It was told "closed"; by the time that it is on again another worker asks."""
    made = reported(timezone.now())
    due = made.chase_at
    later = due + timedelta(seconds=chase.LEASE_S)
    other = []

    def take():
        rows = PaymentOrder.objects.all()
        other.append(lease.take(rows, made.pk, now=later, for_s=chase.LEASE_S))

    with while_asked(alipay, take):
        chase.chase(order_id=made.pk, now=due)

    made.refresh_from_db()
    assert made.status == OrderStatus.REPORTED
    assert other[0].rows.get() == made, "the second one still holds it"


def test_what_is_asked_about_is_not_asked_by_staff_too(alipay):
    made = reported(timezone.now())
    due, also = made.chase_at, []

    def staff_asks():
        also.append(chase.chase(order_id=made.pk, now=due, at_once=True))

    with while_asked(alipay, staff_asks):
        chase.chase(order_id=made.pk, now=due)

    assert also == [None]


def test_superseded_while_it_is_asked_about_it_is_asked_again_at_once(alipay):
    now = timezone.now()
    made = make_topup(now=now)
    PaymentOrder.objects.filter(pk=made.pk).update(chase_at=now)

    def supersede():
        PaymentOrder.objects.filter(pk=made.pk).update(chase_at=now, open_key=None)
        return Answer(State.PENDING)

    alipay.query = lambda asked: supersede()
    chase.chase(order_id=made.pk, now=now)

    made.refresh_from_db()
    assert (made.chase_at, made.leased_until) == (now, None)


# --- settlement, where it is many transactions


def two_settlers(monkeypatch) -> tuple[list[bool], int]:
    """The set of shares is bad, so it goes share by share; meanwhile another worker comes. Whether
    each has done the pass, and how many were at it."""
    packet, paid = make_reported_packet(Kind.EQUAL, 2, "1.00")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    payment_arrives(paid, timezone.now())
    now, said, at_it = timezone.now(), [], []

    def bad():
        raise DatabaseError("a share that cannot be credited")

    def another_comes():
        at_it.append(len(at_it))
        if len(at_it) == 1:
            said.append(settle.run_pass(rp_id=packet.pk, number=1, now=now))

    monkeypatch.setattr(settle_sql, "done", bad)
    with pause.at("settle: begins share by share", another_comes, is_each=True):
        done = settle.run_pass(rp_id=packet.pk, number=1, now=now)
    return [done, *said], len(at_it)


def test_share_by_share_a_pass_is_settled_by_one(monkeypatch):
    assert two_settlers(monkeypatch) == ([True, False], 1)

    assert Wallet.objects.get(pk="u1").balance == 1
    assert SettlementPass.objects.get(number=1).lease is None


def test_share_by_share_a_pass_is_settled_by_one_without_the_lease(monkeypatch):
    monkeypatch.setattr(lease, "free", lambda now: Q())

    assert two_settlers(monkeypatch) == ([False, True], 2)


# --- what has no row of its own


def test_a_duty_is_done_by_one():
    now, done = timezone.now(), []

    def work():
        done.append("first")
        done.append(duty.run("x", lambda: "second", now=now, for_s=10))
        return "done"

    assert duty.run("x", work, now=now, for_s=10) == "done"
    assert done == ["first", None]
    assert duty.run("x", lambda: "again", now=now, for_s=10) == "again"


def test_a_duty_is_done_by_one_without_the_lease(monkeypatch):
    monkeypatch.setattr(lease, "free", lambda now: Q())
    now, done = timezone.now(), []

    duty.run(
        "x",
        lambda: done.append(duty.run("x", lambda: "second", now=now, for_s=10)),
        now=now,
        for_s=10,
    )

    assert done == ["second"]


def test_certificates_are_fetched_by_one(monkeypatch):
    asked = []

    def refresh(now):
        asked.append(now)
        tasks.refresh_certificates()

    monkeypatch.setattr(tasks.wechat, "refresh_certificates", refresh)

    tasks.refresh_certificates()

    assert len(asked) == 1
    assert Duty.objects.get().lease is None
