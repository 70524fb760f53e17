"""The server has committed, and its answer never comes: a repeat finds what was done, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab, refund, settle
from packets.models import RedPacket, Share
from packets.states import Kind
from payments import notify
from payments.models import PaymentOrder
from payments.states import PayType
from payments.tests.conftest import offer
from testing.make import (
    confirm,
    make_expired_packet,
    make_group,
    make_packet,
    make_paid_packet,
    make_reported_packet,
    make_topup,
    make_wallet,
    user,
)
from testing.pretend import Pretend, said
from wallets.models import LedgerLine, Wallet

LOST = 2013  # Lost connection to server during query


@contextmanager
def ack_lost(which: int = 1) -> Iterator[None]:
    """The which-th COMMIT from here is done by the server; its answer never comes."""
    wrapper = connections["default"]
    wrapper.ensure_connection()
    commit, seen = wrapper._commit, []

    def committed_unheard():
        commit()
        seen.append(True)
        if len(seen) == which:
            wrapper.connection.close()
            raise OperationalError(LOST, "Lost connection to server during query")

    wrapper._commit = committed_unheard
    try:
        yield
    finally:
        wrapper._commit = commit
        wrapper.close()
    assert len(seen) >= which, "so many commits there were not"


@pytest.fixture
def channel(monkeypatch) -> Pretend:
    return offer(monkeypatch, PayType.ALIPAY)[PayType.ALIPAY]


def twice(caller: str, path: str, body: dict | None, which: int = 1) -> tuple:
    """The same request with the same key, before and after the loss."""
    with ack_lost(which):
        first = user(caller).post(path, body, key="the-same")
    return first, user(caller).post(path, body, key="the-same")


def test_send(on_mariadb):
    make_group("alice", "u1")
    wish = {"type": "equal", "for_id": "g1", "number": 1, "single_money": "1.00"}

    first, again = twice("alice", "packets", wish)

    assert (first.status_code, again.status_code) == (503, 201)
    assert again.json()["id"] == RedPacket.objects.get().public_id


def test_pay_by_balance(on_mariadb):
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    make_wallet("alice", "5.00")

    first, again = twice("alice", f"packets/{packet.public_id}/pay", {"pay_type": "balance"})

    assert (first.status_code, again.status_code) == (503, 200)
    assert Wallet.objects.get(pk="alice").balance == 3


@pytest.mark.parametrize("which", [1, 2, 3])
def test_pay_at_a_channel(on_mariadb, channel, which):
    packet = make_packet(Kind.EQUAL, 2, "1.00")
    wish = {"pay_type": "alipay", "scene": "app"}

    _, again = twice("alice", f"packets/{packet.public_id}/pay", wish, which)

    assert again.status_code == 200
    assert again.json()["order"]["order_no"] == PaymentOrder.objects.get().order_no


@pytest.mark.parametrize("which", [1, 2])
def test_topup(on_mariadb, channel, which):
    wish = {"money": "5.00", "pay_type": "alipay", "scene": "app"}

    _, again = twice("bob", "wallet/topups", wish, which)

    assert again.status_code in (200, 201)
    assert PaymentOrder.objects.count() == 1


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("order", [["u1", "u2"], ["u2", "u1"]])
def test_grab(on_mariadb, number, order):
    packet = make_paid_packet(Kind.EQUAL, number, "1.00")

    with ack_lost():
        user("u1").post(f"packets/{packet.public_id}/grab")
    told = {u: user(u).post(f"packets/{packet.public_id}/grab").json()["outcome"] for u in order}

    assert told == {"u1": "already_grabbed", "u2": "grabbed" if number == 2 else "too_slow"}
    assert Share.objects.filter(user_id="u1").count() == 1


def test_notification(on_mariadb, channel):
    now = timezone.now()
    made = make_topup("5.00", now=now)
    notice = {"pay_type": PayType.ALIPAY, "notice": said(made.order_no, "5.00"), "now": now}

    with ack_lost():
        first = notify.receive(**notice)
    again = notify.receive(**notice)

    assert (first.body, again.body) == (b"failure", b"success")
    assert Wallet.objects.get(pk="bob").balance == 5


def test_expiry_refund(on_mariadb):
    packet = make_expired_packet(Kind.EQUAL, 2, "1.00")

    with ack_lost(), pytest.raises(OperationalError):
        refund.refund_expired(rp_id=packet.pk, now=timezone.now())

    assert not refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    assert Wallet.objects.get(pk="alice").balance == 2


def test_settlement(on_mariadb):
    packet, made = make_reported_packet(Kind.EQUAL, 2, "1.00")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=timezone.now())
    confirm(made, timezone.now())
    now = timezone.now() + timedelta(minutes=1)

    with ack_lost():
        try:
            settle.run_pass(rp_id=packet.pk, number=1, now=now)
        except OperationalError as error:
            assert error.args[0] == LOST

    for number in (1, 2):
        settle.run_pass(rp_id=packet.pk, number=number, now=now)
    assert Wallet.objects.get(pk="u1").balance == 1
    assert LedgerLine.objects.filter(target="wallet:u1").count() == 1
