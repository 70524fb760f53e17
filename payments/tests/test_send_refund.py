"""Which words end a channel refund, at each channel, and what silence and grumbling do not."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from payments import chase, confirm, end_refund, send_refund
from payments.channels import http
from payments.channels.base import Payment, RefundState
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import CaseKind, CaseStatus, PayType, RefundStatus
from testing import other_side as side
from testing.make import make_refund
from wallets.models import LedgerLine, Wallet

LOST = "lost"  # done there, and the answer never arrives


class Books:
    """A channel that books what it is asked under its number. `mood`: what it answers to a refund,
    or LOST; `found`: what it says of a number that it knows (None: that it is done)."""

    def __init__(self):
        self.mood, self.found, self.refunds, self.told = None, None, {}, []

    def answer(self, asked):
        number, amount = self.read(asked)
        if amount is None:
            self.told.append("query")
            return self.spoken(asked, self.known(number) if number in self.refunds else self.NONE)
        self.told.append("refund")
        if self.mood == LOST:
            self.refunds[number] = amount
            return 502, {}, b""
        if self.mood is not None:
            return self.spoken(asked, self.mood)
        self.refunds[number] = amount
        return self.spoken(asked, self.ok(number))

    def known(self, number):
        return self.found or self.done(number)


class Wechat(Books):
    pay_type, trade_no = PayType.WECHAT, "4200000000202611250000000001"
    NONE = (404, {"code": "RESOURCE_NOT_EXISTS"})
    REFUSED = (403, {"code": "NOT_ENOUGH"})
    CLOSED = (200, {"status": "CLOSED"})
    GRUMBLES = (
        (401, {"code": "SIGN_ERROR"}),
        (403, {"code": "NO_AUTH"}),
        (403, {"code": "REQUEST_BLOCKED"}),
        (403, {"code": "RULE_LIMIT"}),
        (400, {"code": "PARAM_ERROR"}),
        (404, {"code": "MCH_NOT_EXISTS"}),
        (429, {"code": "FREQUENCY_LIMITED"}),
        (400, {"code": "INVALID_REQUEST"}),
        (403, {"code": "NOT_ENOUGH"}),  # after a try that was lost
    )

    def read(self, asked):
        if asked.method == "GET":
            return asked.path.rsplit("/", 1)[-1], None
        said = json.loads(asked.body)
        return said["out_refund_no"], said["amount"]["refund"]

    def done(self, number):
        return 200, {"out_refund_no": number, "status": "SUCCESS"}

    def ok(self, number):
        return 200, {"out_refund_no": number, "status": "PROCESSING"}

    def spoken(self, asked, said):
        status, node = said
        if "status" in node:
            node = {"out_refund_no": self.read(asked)[0], **node}
        raw = json.dumps(node).encode()
        return status, side.wechat_headers(raw, at=timezone.now()), raw


class Alipay(Books):
    pay_type, trade_no = PayType.ALIPAY, "2026112522001473030500000001"
    NONE = {"code": "10000"}
    REFUSED = {"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"}
    GRUMBLES = (
        {"code": "40002", "sub_code": "isv.invalid-signature"},
        {"code": "40001", "sub_code": "isv.missing-method"},
        {"code": "40003", "sub_code": "isv.app-call-limited"},
        {"code": "40006", "sub_code": "isv.insufficient-isv-permissions"},
        {"code": "40004", "sub_code": "ACQ.INVALID_PARAMETER"},
        {"code": "20000", "sub_code": "isp.unknow-error"},
        {"code": "40004", "sub_code": "ACQ.TRADE_STATUS_ERROR"},
        {"code": "40004", "sub_code": "ACQ.REASON_TRADE_REFUND_FEE_ERR"},
        {"code": "40004", "sub_code": "ACQ.REASON_TRADE_BEEN_FREEZEN"},
        {"code": "40004", "sub_code": "ACQ.TRADE_NOT_ALLOW_REFUND"},
        {"code": "10000", "fund_change": "N"},  # and the query knows no status
        {"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"},  # after a lost try
    )

    def read(self, asked):
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        said = json.loads(form["biz_content"])
        return said["out_request_no"], said.get("refund_amount")

    def done(self, number):
        return {"code": "10000", "out_request_no": number, "refund_status": "REFUND_SUCCESS"}

    def ok(self, number):
        return {"code": "10000", "fund_change": "N"}

    def spoken(self, asked, said):
        method = parse_qs(asked.body.decode())["method"][0]
        return 200, {}, side.alipay_answer(method, **said)


class Unionpay(Books):
    pay_type, trade_no = PayType.UNIONPAY, "592611251159400000018"
    NONE = {"respCode": "34"}
    REFUSED = {"respCode": "36"}
    CLOSED = {"respCode": "00", "origRespCode": "64"}
    GRUMBLES = tuple(
        {"respCode": code}
        for code in ("10", "11", "31", "32", "02", "06", "33", "38", "60", "64", "99", "36")
    )

    def read(self, asked):
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.form = form
        return form["orderId"], form.get("txnAmt")

    def done(self, number):
        return {"respCode": "00", "origRespCode": "00"}

    def ok(self, number):
        return {"respCode": "00"}

    def spoken(self, asked, said):
        same = {name: self.form[name] for name in ("orderId", "txnTime")}
        return 200, {}, side.unionpay_answer(**same, **said)


CHANNELS = (Wechat, Alipay, Unionpay)


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(http, "PAUSE_S", 0)


@pytest.fixture
def books(request, keys, there, no_pause):
    made = request.param()
    there.answer = made.answer
    return made


def topup_of_bob(
    pay_type: PayType, add_time: datetime, *, order_no: str = "hb0001", **changes
) -> PaymentOrder:
    wish = {"expire_time": add_time + timedelta(minutes=15), "chase_at": add_time} | changes
    return PaymentOrder.objects.create(
        order_no=order_no,
        purpose="topup",
        reference=order_no,
        user_id="bob",
        pay_type=pay_type,
        scene="app",
        amount=Decimal("50.00"),
        add_time=add_time,
        **wish,
    )


def approved(books) -> ChannelRefund:
    """A refund of bob's whole top-up of 50.00, to be sent."""
    maker, checker = (get_user_model().objects.create_user(name) for name in ("maker", "checker"))
    now = timezone.now()
    order = topup_of_bob(books.pay_type, now)
    payment = Payment(books.pay_type, order.order_no, books.trade_no, order.amount, now)
    confirm.confirm(payment=payment, now=now)
    return make_refund(order, maker_id=maker.pk, checker_id=checker.pk)


def send(refund) -> RefundState | None:
    """At its time; the row is as it is then."""
    refund.refresh_from_db()
    said = send_refund.send(refund_id=refund.pk, now=refund.chase_at)
    refund.refresh_from_db()
    return said


def in_bobs_wallet() -> Decimal:
    return Wallet.objects.get(pk="bob").balance


def cases() -> list[tuple[str, int]]:
    return list(Case.objects.order_by("pk").values_list("kind", "status"))


GRUMBLES = [(books, grumble) for books in CHANNELS for grumble in books.GRUMBLES]


@pytest.mark.parametrize(("books", "grumble"), GRUMBLES, indirect=["books"])
def test_a_lost_answer_and_grumbling_after_it(books, grumble):
    """The channel has done it, and knows it only later: its query is behind. Whatever it grumbles,
    the money stays out of the wallet; finance sees it; and its word, when it comes, counts."""
    refund = approved(books)
    books.mood = LOST
    assert send(refund) is RefundState.UNKNOWN
    assert refund.status == RefundStatus.SENT
    paid, books.refunds = books.refunds, {}

    books.mood, books.told = grumble, []
    for _ in range(send_refund.STUCK_TRIES - 2):
        send(refund)
    assert books.told[:2] == ["query", "refund"], "asked before it is told again"
    assert (in_bobs_wallet(), refund.status, cases()) == (0, RefundStatus.SENT, [])
    for _ in range(4):
        send(refund)
    assert (in_bobs_wallet(), refund.status) == (0, RefundStatus.SENT)
    assert cases() == [(CaseKind.REFUND_STUCK, CaseStatus.OPEN)]

    books.refunds = paid
    assert send(refund) is RefundState.DONE
    assert (in_bobs_wallet(), refund.status) == (0, RefundStatus.DONE)
    assert cases() == [(CaseKind.REFUND_STUCK, CaseStatus.RESOLVED)]
    assert paid == books.refunds


@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_a_lost_answer_is_asked_about(books):
    refund = approved(books)
    books.mood = LOST
    send(refund)

    books.mood, books.told = books.REFUSED, []

    assert send(refund) is RefundState.DONE
    assert books.told == ["query"]
    assert in_bobs_wallet() == 0


@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_a_refund_is_told_once_in_a_call(books):
    """A second try by itself would hear of a number that is known, or worse."""
    refund = approved(books)
    books.mood = LOST

    send(refund)

    assert books.told == ["refund"]


@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_refused_at_the_very_first_try_it_failed(books):
    refund = approved(books)
    books.mood = books.REFUSED

    assert send(refund) is RefundState.FAILED

    assert (refund.status, in_bobs_wallet()) == (RefundStatus.FAILED, 50)
    assert cases() == [(CaseKind.REFUND_FAILED, CaseStatus.OPEN)]


FIRST = [(books, grumble) for books, grumble in GRUMBLES if grumble != books.REFUSED]


@pytest.mark.parametrize(("books", "grumble"), FIRST, indirect=["books"])
def test_grumbling_at_the_very_first_try_is_no_refusal(books, grumble):
    refund = approved(books)
    books.mood = grumble

    assert send(refund) is RefundState.UNKNOWN

    assert (refund.status, in_bobs_wallet()) == (RefundStatus.SENT, 0)


@pytest.mark.parametrize("books", [Wechat, Unionpay], indirect=True)
def test_closed_by_the_channels_word_about_its_number_it_failed(books):
    refund = approved(books)
    books.mood = LOST
    send(refund)
    books.found = books.CLOSED

    assert send(refund) is RefundState.FAILED

    assert (refund.status, in_bobs_wallet()) == (RefundStatus.FAILED, 50)


@pytest.mark.parametrize("books", [Alipay], indirect=True)
def test_a_refund_without_a_status_becomes_a_case(books):
    """Alipay knows the number and says neither that it is done nor that it is not."""
    refund = approved(books)
    books.found = {"code": "10000", "out_request_no": refund.refund_no}

    for _ in range(20):
        assert send(refund) is RefundState.UNKNOWN

    assert (refund.status, in_bobs_wallet()) == (RefundStatus.SENT, 0)
    assert cases() == [(CaseKind.REFUND_STUCK, CaseStatus.OPEN)]
    books.found = None
    assert send(refund) is RefundState.DONE


@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_a_card_that_takes_days_is_no_case_until_it_takes_too_many(books):
    refund = approved(books)
    approved_at, books.found = refund.decided_at, (200, {"status": "PROCESSING"})

    while refund.chase_at < approved_at + send_refund.STUCK_AFTER:
        assert send(refund) is RefundState.PENDING
    assert cases() == []

    send(refund)
    assert cases() == [(CaseKind.REFUND_STUCK, CaseStatus.OPEN)]


@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_abnormal_is_parked(books):
    """Taken from us, and its payer cannot be reached: neither his money nor ours."""
    refund = approved(books)
    books.mood = (200, {"status": "ABNORMAL"})

    assert send(refund) is RefundState.PARKED
    books.refunds, books.found = {refund.refund_no: 1}, (200, {"status": "ABNORMAL"})
    books.told = []
    for _ in range(10):
        assert send(refund) is RefundState.PARKED

    assert set(books.told) == {"query"}
    assert (refund.status, in_bobs_wallet()) == (RefundStatus.PARKED, 0)
    assert cases() == [(CaseKind.REFUND_PARKED, CaseStatus.OPEN)]
    assert LedgerLine.objects.get(reference=refund.refund_no).target == "clearing:wechat"

    books.found = None  # finance has sent it to another card of the payer's
    assert send(refund) is RefundState.DONE
    assert cases() == [(CaseKind.REFUND_PARKED, CaseStatus.RESOLVED)]


@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_what_is_parked_is_not_told_again(books):
    refund = approved(books)
    books.mood = (200, {"status": "ABNORMAL"})
    send(refund)
    books.told = []

    assert send(refund) is RefundState.UNKNOWN  # 404: the channel's query is behind

    assert (books.told, refund.status) == (["query"], RefundStatus.PARKED)


@pytest.mark.broken_books  # the audit names it, which is asserted below
@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_paid_after_it_had_failed(books):
    from wallets.audit import audit

    refund = approved(books)
    books.mood = books.REFUSED
    send(refund)
    assert in_bobs_wallet() == 50 and audit() == []

    books.refunds[refund.refund_no] = 1
    assert send(refund) is RefundState.DONE

    assert (refund.status, refund.chase_at) == (RefundStatus.DONE, None)
    case = Case.objects.get(kind=CaseKind.REFUND_LATE)
    assert (case.amount, case.reference) == (50, f"refund:{refund.refund_no}")
    late = LedgerLine.objects.get(reference=end_refund.late_reference(refund.refund_no))
    assert (late.source, late.target, late.amount) == (
        "platform",
        f"clearing:{books.pay_type.word}",
        50,
    )
    assert [found.rule for found in audit()] == ["late_refunds_are_put_right"]


@pytest.mark.parametrize("books", [Wechat], indirect=True)
def test_a_failed_refund_is_asked_about_for_ten_days(books):
    refund = approved(books)
    books.mood = books.REFUSED
    send(refund)
    failed_at = refund.decided_at
    asked_at = []

    while refund.chase_at:
        asked_at.append(refund.chase_at)
        assert send(refund) is RefundState.UNKNOWN

    assert len(asked_at) == end_refund.WATCHES
    assert timedelta(days=10) < asked_at[-1] - failed_at < timedelta(days=11)
    assert books.told.count("refund") == 1
    assert (refund.status, in_bobs_wallet()) == (RefundStatus.FAILED, 50)


# --- as many calls as the lease is long for


def every_question_fails_once(there, answer, is_repeated) -> list:
    """What can be asked again is asked again; what was asked, in order."""
    there.asked = []

    def broken(asked):
        before = there.asked[-2] if len(there.asked) > 1 else None
        is_again = before and (before.path, before.body) == (asked.path, asked.body)
        if is_repeated(asked) and not is_again and asked.path + str(asked.body) not in failed:
            failed.append(asked.path + str(asked.body))
            return 502, {}, b""
        failed.clear()
        return answer(asked)

    failed: list[str] = []
    there.answer = broken
    return there.asked


MOST = {Wechat: 3, Alipay: 5, Unionpay: 3}  # query twice, refund once, and at Alipay query twice


@pytest.mark.parametrize("books", CHANNELS, indirect=True)
def test_how_many_tries_a_refund_may_come_to(books, there):
    refund = approved(books)
    books.mood = LOST
    send(refund)
    books.refunds, books.mood = {}, books.ok(refund.refund_no)

    tries = every_question_fails_once(
        there, books.answer, lambda asked: books.read(asked)[1] is None
    )
    send(refund)

    assert len(tries) == MOST[type(books)] <= http.CALLS * http.TRIES


def wechat_order(asked):
    closes = asked.path.endswith("/close")
    raw = json.dumps({"code": "PARAM_ERROR"} if closes else {"trade_state": "NOTPAY"}).encode()
    return 400 if closes else 200, side.wechat_headers(raw, at=timezone.now()), raw


def alipay_order(asked):
    method = parse_qs(asked.body.decode())["method"][0]
    waits = {"code": "10000", "out_trade_no": "hb0001", "trade_status": "WAIT_BUYER_PAY"}
    node = {"code": "40004"} if method.endswith("close") else waits
    return 200, {}, side.alipay_answer(method, **node)


@pytest.mark.parametrize(
    ("pay_type", "answer"), [(PayType.WECHAT, wechat_order), (PayType.ALIPAY, alipay_order)]
)
def test_how_many_tries_an_order_may_come_to(keys, there, no_pause, pay_type, answer):
    """Asked, not closed, asked again: each of them twice."""
    now = timezone.now()
    order = topup_of_bob(pay_type, now - timedelta(hours=1), expire_time=now, chase_at=now)

    tries = every_question_fails_once(there, answer, lambda asked: True)
    chase.chase(order_id=order.pk, now=now)

    assert len(tries) == http.CALLS * http.TRIES
