"""What a channel says of a refund without having been asked, in the words of all three."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from payments import bills, channel_refund, confirm, end_refund, notify, reconcile, send_refund
from payments.channels.base import Notice, Payment, RefundState
from payments.models import Case, ChannelRefund, Notification, Trade
from payments.states import CaseKind, CaseStatus, NoticeOutcome, PayType, RefundStatus
from payments.tests import test_reconcile as tr
from payments.tests.test_send_refund import (
    CHANNELS,
    LOST,
    Alipay,
    Unionpay,
    Wechat,
    approved,
    in_bobs_wallet,
    send,
    topup_of_bob,
)
from payments.tests.test_send_refund import books as books
from payments.tests.test_send_refund import no_pause as no_pause
from testing import other_side as side
from wallets.audit import audit
from wallets.models import LedgerLine


def wechat_notice(refund, *, says="SUCCESS", fen=5000, **changes) -> Notice:
    told = {
        "mchid": "1900000001",
        "out_trade_no": refund.order_no,
        "transaction_id": refund.trade_no,
        "out_refund_no": refund.refund_no,
        "refund_status": says,
        "success_time": "2026-11-26T09:08:07+08:00",
        "amount": {"total": 5000, "refund": fen, "payer_total": 5000, "payer_refund": fen},
        **changes,
    }
    body = side.wechat_body(told, f"REFUND.{says}")
    return Notice(body, side.wechat_headers(body, at=timezone.now()))


def alipay_notice(refund, **changes) -> Notice:
    told = {
        "out_trade_no": refund.order_no,
        "trade_no": refund.trade_no,
        "total_amount": "50.00",
        "trade_status": "TRADE_CLOSED",
        "refund_fee": "50.00",
        "gmt_refund": "2026-11-26 09:08:07.123",
        "out_biz_no": refund.refund_no,
        **changes,
    }
    return Notice(side.body(side.alipay_fields(**told)), {})


def unionpay_notice(refund, *, fen="5000", **changes) -> Notice:
    told = {
        "txnType": "04",
        "orderId": refund.refund_no,
        "txnTime": f"{refund.decided_at.astimezone(bills.ZONE):%Y%m%d%H%M%S}",
        "txnAmt": fen,
        "queryId": "592611261159400000019",
        "origQryId": refund.trade_no,
        "traceTime": f"{refund.decided_at.astimezone(bills.ZONE):%m%d%H%M%S}",
        **changes,
    }
    return Notice(side.body(side.unionpay_fields(**told)), {})


NOTICES = {
    PayType.WECHAT: wechat_notice,
    PayType.ALIPAY: alipay_notice,
    PayType.UNIONPAY: unionpay_notice,
}


def receive(refund, **changes) -> Notification:
    """The channel tells of this refund, in its own words."""
    notice = NOTICES[PayType(refund.pay_type)](refund, **changes)
    notify.receive(pay_type=PayType(refund.pay_type), notice=notice, now=timezone.now())
    refund.refresh_from_db()
    return Notification.objects.latest("pk")


def in_clearing(refund) -> Decimal:
    return balance_of(f"clearing:{PayType(refund.pay_type).word}")


def balance_of(account: str) -> Decimal:
    came = sum(line.amount for line in LedgerLine.objects.filter(target=account))
    return Decimal(came - sum(line.amount for line in LedgerLine.objects.filter(source=account)))


def refused(books) -> ChannelRefund:
    """It failed at its first try; bob's 50.00 are in his wallet again."""
    refund = approved(books)
    books.mood = books.REFUSED
    send(refund)
    assert (refund.status, in_bobs_wallet(), in_clearing(refund)) == (RefundStatus.FAILED, 50, -50)
    assert Trade.objects.get().refunded == 0
    return refund


@pytest.mark.broken_books  # the audit names it, which is asserted below
@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_a_signed_word_that_a_failed_refund_was_paid(books):
    """Bob has been paid 50.00 by the channel and has 50.00 in his wallet: the platform's loss."""
    refund = refused(books)
    books.told = []

    for _ in range(3):
        assert receive(refund).outcome == NoticeOutcome.NOTED

    assert books.told == [], "nobody needs to ask"
    assert (refund.status, refund.chase_at) == (RefundStatus.DONE, None)
    late = LedgerLine.objects.get(reference=end_refund.late_reference(refund.refund_no))
    word = books.pay_type.word
    assert (late.source, late.target, late.amount) == ("platform", f"clearing:{word}", 50)
    assert (in_bobs_wallet(), in_clearing(refund), balance_of("platform")) == (50, 0, -50)
    assert Trade.objects.get().refunded == 50, "nothing more can go back"
    case = Case.objects.get(kind=CaseKind.REFUND_LATE)
    assert (case.amount, case.status) == (50, CaseStatus.OPEN)
    assert [found.rule for found in audit()] == ["late_refunds_are_put_right"]


@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_a_signed_word_about_a_refund_under_way(books):
    refund = approved(books)
    books.mood = LOST
    assert send(refund) is RefundState.UNKNOWN

    receive(refund)

    assert (refund.status, in_bobs_wallet(), in_clearing(refund)) == (RefundStatus.DONE, 0, 0)
    assert send_refund.send(refund_id=refund.pk, now=timezone.now() + timedelta(days=1)) is None


def proposed(books) -> ChannelRefund:
    """Of all of bob's top-up, and nobody has decided yet; the second one who may is `checker`."""
    maker = get_user_model().objects.create_user("maker")
    get_user_model().objects.create_user("checker")
    now = timezone.now()
    order = topup_of_bob(books.pay_type, now)
    payment = Payment(books.pay_type, order.order_no, books.trade_no, order.amount, now)
    confirm.confirm(payment=payment, now=now)
    wish = {"amount": order.amount, "reason": "x", "maker_id": maker.pk, "now": now}
    return channel_refund.propose(order_no=order.order_no, **wish)


def decide(refund, verb) -> None:
    """By the checker; `withdraw` by the maker himself."""
    role = "maker" if verb is channel_refund.withdraw else "checker"
    person = {f"{role}_id": get_user_model().objects.get(username=role).pk}
    assert verb(refund_no=refund.refund_no, now=timezone.now(), **person)
    refund.refresh_from_db()


UNSENT = {
    "proposed": (None, RefundStatus.PROPOSED),
    "approved": (channel_refund.approve, RefundStatus.APPROVED),
    "rejected": (channel_refund.reject, RefundStatus.REJECTED),
    "withdrawn": (channel_refund.withdraw, RefundStatus.WITHDRAWN),
}


@pytest.mark.parametrize("unsent", UNSENT)
@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_a_signed_word_about_one_that_we_have_not_sent(books, unsent):
    """From before a database was restored: it decides nothing here. Approved (again), the refund
    is told under the same number, and done there already."""
    verb, status = UNSENT[unsent]
    refund = proposed(books)
    if verb:
        decide(refund, verb)
    books.refunds[refund.refund_no] = 5000

    assert receive(refund).outcome == NoticeOutcome.NOTED

    left = 0 if status is RefundStatus.APPROVED else 50
    assert (refund.status, in_bobs_wallet()) == (status, left)
    if status is RefundStatus.PROPOSED:
        decide(refund, channel_refund.approve)
    if refund.status is RefundStatus.APPROVED:
        send(refund)
        assert send(refund) is RefundState.DONE
        assert (in_bobs_wallet(), in_clearing(refund)) == (0, 0)


@pytest.mark.parametrize("books", [Wechat, Alipay], indirect=True)
def test_when_it_was_done_is_the_channels_to_say(books):
    refund = approved(books)
    books.mood = LOST
    send(refund)

    receive(refund)

    assert f"{refund.done_at.astimezone(bills.ZONE):%F %T}" == "2026-11-26 09:08:07"


def heard_of_a_refused_one(books, changes: dict) -> tuple:
    """The refund, when it would have been asked about, and what was received of it."""
    refund = refused(books)
    before = refund.chase_at
    return refund, before, receive(refund, **changes)


UNSURE = [
    (Wechat, {"says": "CLOSED"}),
    (Wechat, {"says": "ABNORMAL"}),
    (Wechat, {"fen": 4999}),
    (Unionpay, {"respCode": "64"}),
    (Unionpay, {"fen": "4999"}),
]


@pytest.mark.parametrize(("books", "changes"), UNSURE, indirect=["books"])
def test_any_other_word_makes_us_ask_at_once(books, changes):
    refund, before, _ = heard_of_a_refused_one(books, changes)

    assert (refund.status, in_bobs_wallet()) == (RefundStatus.FAILED, 50)
    assert refund.chase_at < before
    assert send(refund) is RefundState.UNKNOWN


OTHERS = [
    (Wechat, {"out_refund_no": "console1"}),
    (Wechat, {"transaction_id": "4200000000202611250000000002"}),
    (Alipay, {"out_biz_no": "从控制台"}),
    (Alipay, {"out_biz_no": ""}),
    (Alipay, {"trade_no": "2026112522001473030500000002"}),
    (Unionpay, {"orderId": "console1"}),
    (Unionpay, {"origQryId": "592611251159400000099"}),
    (Unionpay, {"origQryId": ""}),
]


@pytest.mark.parametrize(("books", "changes"), OTHERS, indirect=["books"])
def test_a_word_about_somebody_elses_refund_changes_nothing(books, changes):
    refund, before, notice = heard_of_a_refused_one(books, changes)

    assert notice.outcome == NoticeOutcome.NOTED
    assert (refund.status, refund.chase_at, in_bobs_wallet()) == (RefundStatus.FAILED, before, 50)


# --- a bill, which nobody has signed about one refund


def compare(refund) -> None:
    """A bill of WeChat Pay, in which the refund stands as done."""
    at = refund.decided_at.astimezone(bills.ZONE)
    rows = [
        tr.Row(refund.order_no, refund.trade_no, "50.00", at),
        tr.Row(refund.order_no, refund.trade_no, "50.00", at, refund_no=refund.refund_no),
    ]
    day = bills.day_of(PayType.WECHAT, refund.decided_at)
    content = tr.wechat(rows)
    reconcile.reconcile(pay_type=PayType.WECHAT, day=day, content=content, now=timezone.now())
    refund.refresh_from_db()


def watched_in_vain(books) -> ChannelRefund:
    """It failed, and for ten days nobody knew better."""
    refund = refused(books)
    while refund.chase_at:
        assert send(refund) is RefundState.UNKNOWN
    return refund


@pytest.mark.broken_books
@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_a_bill_that_names_a_failed_refund_makes_us_ask(books):
    refund = watched_in_vain(books)
    books.refunds[refund.refund_no] = 5000

    compare(refund)

    assert refund.status == RefundStatus.FAILED, "a file is no signature"
    assert refund.chase_at is not None
    assert send(refund) is RefundState.DONE
    assert (refund.status, refund.chase_at) == (RefundStatus.DONE, None)
    assert (in_bobs_wallet(), in_clearing(refund), balance_of("platform")) == (50, 0, -50)
    assert Case.objects.filter(kind=CaseKind.REFUND_LATE).count() == 1


@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_a_bill_that_errs_costs_one_question(books):
    refund = watched_in_vain(books)

    compare(refund)
    assert send(refund) is RefundState.UNKNOWN

    assert (refund.status, refund.chase_at, in_bobs_wallet()) == (RefundStatus.FAILED, None, 50)
