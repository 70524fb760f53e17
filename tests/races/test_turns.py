"""Many requests of one user at once: none slips past what he may have open."""

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from kit import pause, turns
from kit.http.caller import Caller
from kit.models import Turn
from kit.refusals import TooManyOpen
from packets.models import RedPacket
from packets.states import Kind, PayStatus
from payments import opening
from payments import order as orders
from payments.models import PaymentOrder
from payments.states import PayType
from payments.tests.conftest import offer
from payments.tests.test_opening import opened, wish
from testing.forks import in_threads
from testing.make import make_group, make_order, make_packet, user
from testing.waiting import is_waiting_for

STORM = 12


def without_waiting() -> None:
    with connection.cursor() as cursor:
        cursor.execute(connection.lock_wait(0))


def draft_without_waiting() -> RedPacket:
    without_waiting()
    return make_packet()


def order_without_waiting() -> PaymentOrder:
    without_waiting()
    return opened(key="topup:the other")


def in_the_middle(place: str, meanwhile, verb) -> object:
    """meanwhile() runs elsewhere behind the count and before the row that was counted for."""
    found: list = []
    with pause.at(place, lambda: found.extend(in_threads([meanwhile]))):
        verb()
    return found[0]


# --- The row itself


def test_a_turn_is_taken_until_the_transaction_ends(mariadb_alone):
    for _ in range(2):  # the row is made, and found
        with transaction.atomic():
            turns.take("alice")
            assert is_waiting_for(Turn, "alice")
        assert not is_waiting_for(Turn, "alice")


def test_nobody_waits_for_anothers_turn(on_mariadb):
    """Rows beside each other, found and made."""
    with transaction.atomic():
        turns.take("bob")

    def take(user_id: str) -> None:
        with transaction.atomic():
            without_waiting()
            turns.take(user_id)

    with transaction.atomic():
        turns.take("bob")
        turns.take("carol")
        others = ["alice", "bobby", "carl", "carola", "dave"]
        assert in_threads([lambda name=name: take(name) for name in others]) == [None] * 5


# --- Drafts


def drafts_at_once(settings) -> tuple[object, int]:
    settings.REDPACKET_DRAFTS_MAX = 1
    make_group("alice", "u1", "u2")
    told = in_the_middle("send: has counted the drafts", draft_without_waiting, make_packet)
    return told, RedPacket.objects.count()


def test_two_drafts_at_once_keep_the_limit(on_mariadb, settings):
    told, drafts = drafts_at_once(settings)

    assert isinstance(told, OperationalError), "the second one waits for the first"
    assert drafts == 1
    with pytest.raises(TooManyOpen):
        make_packet()


def test_two_drafts_at_once_keep_the_limit_without_the_turns(on_mariadb, settings, monkeypatch):
    monkeypatch.setattr(turns, "take", lambda user_id: None)

    told, drafts = drafts_at_once(settings)

    assert isinstance(told, RedPacket)
    assert drafts == 2


def test_a_storm_of_drafts_leaves_as_many_as_are_allowed(settings):
    settings.REDPACKET_DRAFTS_MAX = 5
    make_group("alice", "u1", "u2")
    body = {"type": "equal", "for_id": "g1", "number": 2, "single_money": "1.00"}

    answers = in_threads(
        [lambda: user("alice").post("packets", body).status_code for _ in range(STORM)]
    )

    assert (answers.count(201), answers.count(429)) == (5, STORM - 5)
    assert RedPacket.objects.count() == 5


# --- Orders


def orders_at_once(settings) -> tuple[object, int]:
    settings.REDPACKET_ORDERS_MAX = 1
    told = in_the_middle(
        "opening: has counted the orders", order_without_waiting, lambda: opened(key="topup:one")
    )
    return told, PaymentOrder.objects.count()


@pytest.fixture
def wechat(monkeypatch):
    return offer(monkeypatch, PayType.WECHAT)[PayType.WECHAT]


def test_two_orders_at_once_keep_the_limit(on_mariadb, wechat, settings):
    told, count = orders_at_once(settings)

    assert isinstance(told, OperationalError)
    assert count == 1
    with pytest.raises(TooManyOpen):
        opened(key="topup:the other")
    assert opened(key="topup:one").pk == PaymentOrder.objects.get().pk, "given again all the same"


def test_two_orders_at_once_keep_the_limit_without_the_turns(
    on_mariadb, wechat, settings, monkeypatch
):
    monkeypatch.setattr(turns, "take", lambda user_id: None)

    told, count = orders_at_once(settings)

    assert isinstance(told, PaymentOrder)
    assert count == 2


def test_a_twin_of_the_last_order_is_given_it(wechat, settings):
    """Both want the same order, and there is room for one: the slower one is not refused."""
    settings.REDPACKET_ORDERS_MAX = 1
    first = opened()

    assert opening._made(wish(), "pretend", timezone.now()).pk == first.pk


# --- Reports


def reports_at_once(settings) -> list[PayStatus]:
    """Two reports, each announced before either is weighed."""
    settings.REDPACKET_AWAITING_NUMBER = 1
    made = [make_order(make_packet(Kind.EQUAL, 1, "0.01")) for _ in range(2)]
    caller, now = Caller("alice"), timezone.now()

    def report(at: int):
        orders.report(order_no=made[at].order_no, caller=caller, result=None, now=now)

    with pause.at("order: has announced the report", lambda: report(1)):
        report(0)
    return [packet.pay_status for packet in RedPacket.objects.order_by("pk")]


def test_two_reports_at_once_keep_the_limit(settings):
    assert reports_at_once(settings) == [PayStatus.UNPAID] * 2


def test_two_reports_at_once_keep_the_limit_without_the_announcement(settings, monkeypatch):
    """Weighed by what each could see before it was announced: nothing."""
    seen = PaymentOrder.objects.count()
    monkeypatch.setattr(
        orders, "is_over_limit", lambda reported: seen + 1 > settings.REDPACKET_AWAITING_NUMBER
    )

    assert reports_at_once(settings) == [PayStatus.AWAITING] * 2
