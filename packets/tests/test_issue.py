"""What a payment at a channel does to a packet (Spec 1.7)."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from kit.http.caller import Caller
from kit.models import Event
from packets import close, freeze, grab, issue, refund
from packets.models import RedPacket, SettlementPass, Share
from packets.refusals import PacketFrozen
from packets.states import Kind, Outcome, PayStatus
from packets.tasks import close_drafts
from payments import purposes
from payments.models import PaymentOrder
from payments.states import CaseKind, PayType
from testing.make import (
    confirm,
    end,
    make_order,
    make_packet,
    make_paid_packet,
    make_reported_packet,
    report,
)
from wallets.models import LedgerLine
from wallets.states import LineKind


def grab_it(packet, user_id="u1", now=None) -> grab.Grab:
    now = now or timezone.now()
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=now)


def news(type_: str) -> list[dict]:
    return [event.data for event in Event.objects.filter(type=type_).order_by("pk")]


def facts(packet) -> dict:
    return RedPacket.objects.values().get(pk=packet.pk)


def test_report_issues_the_packet_awaiting():
    now = timezone.now()
    packet = make_packet()
    order = make_order(packet, PayType.WECHAT)

    report(order, now)

    packet.refresh_from_db()
    assert packet.pay_status == PayStatus.AWAITING
    assert packet.pay_type == PayType.WECHAT
    assert packet.pay_time == now
    assert packet.expire_time == now + timedelta(hours=24)
    assert packet.draft_until is None
    assert [issued["pay_status"] for issued in news("packet.issued")] == ["awaiting"]
    assert not SettlementPass.objects.exists()
    assert not LedgerLine.objects.exists()
    result = grab_it(packet)
    assert result.outcome is Outcome.GRABBED
    assert not result.share.is_into_account


def test_second_report_changes_nothing():
    packet, order = make_reported_packet()
    before = facts(packet)

    report(order, timezone.now() + timedelta(minutes=1))
    report(make_order(packet, PayType.UNIONPAY), timezone.now() + timedelta(minutes=1))

    assert facts(packet) == before
    assert len(news("packet.issued")) == 1


def paid(packet, order) -> None:
    confirm(order, timezone.now())


def closed(packet, order) -> None:
    end(order, timezone.now())
    assert close.close(packet=packet, now=packet.draft_until)


@pytest.mark.parametrize(("was", "stays"), [(paid, PayStatus.PAID), (closed, PayStatus.UNPAID)])
def test_report_changes_no_packet_that_is_paid_or_closed(was, stays):
    packet = make_packet()
    order = make_order(packet)
    was(packet, order)
    before = facts(packet)

    report(order, timezone.now())

    assert facts(packet) == before
    assert before["pay_status"] == stays


def test_report_of_an_order_that_has_ended_issues_nothing():
    """Its packet would await money that nobody expects any more."""
    packet = make_packet()
    order = make_order(packet)
    end(order, timezone.now())

    with transaction.atomic():
        purposes.owners["packet"].reported(order, timezone.now())

    assert facts(packet)["pay_status"] == PayStatus.UNPAID
    assert news("packet.issued") == []


def test_report_does_not_send_out_a_frozen_packet():
    """Hearsay does not; the channel's own word does, and then it waits frozen."""
    packet = make_packet()
    order = make_order(packet)
    freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())

    report(order, timezone.now())

    assert facts(packet)["pay_status"] == PayStatus.UNPAID
    assert confirm(order, timezone.now())
    assert facts(packet)["pay_status"] == PayStatus.PAID
    with pytest.raises(PacketFrozen):
        grab_it(packet)


def test_confirmation_pays_an_awaiting_packet_and_queues_two_passes():
    packet, order = make_reported_packet()
    now = timezone.now() + timedelta(minutes=1)

    assert confirm(order, now)

    paid = RedPacket.objects.get(pk=packet.pk)
    assert paid.pay_status == PayStatus.PAID
    assert paid.trade_no == f"t-{order.order_no}"
    assert paid.pay_time == packet.pay_time, "the moment it became grabbable"
    assert paid.expire_time == packet.expire_time
    line = LedgerLine.objects.get()
    assert (line.kind, line.source) == (LineKind.CHANNEL_PAY, "clearing:alipay")
    assert line.target == f"escrow:{packet.public_id}"
    passes = SettlementPass.objects.order_by("number")
    assert [(one.number, one.due_at, one.run_at, one.done_at) for one in passes] == [
        (1, now, now, None),
        (2, now + timedelta(seconds=5), now + timedelta(seconds=5), None),
    ]
    assert len(news("packet.issued")) == 1


def test_confirmation_before_any_report_issues_the_packet():
    packet = make_packet()
    now = timezone.now()

    assert confirm(make_order(packet, PayType.UNIONPAY), now)

    packet.refresh_from_db()
    assert (packet.pay_status, packet.pay_type) == (PayStatus.PAID, PayType.UNIONPAY)
    assert packet.pay_time == now
    assert [issued["pay_status"] for issued in news("packet.issued")] == ["paid"]
    assert grab_it(packet).share.is_into_account


def test_grabs_after_the_confirmation_are_credited_at_once():
    packet, order = make_reported_packet(Kind.EQUAL, 3, "1.00")
    assert not grab_it(packet, "u1").share.is_into_account

    confirm(order, timezone.now())

    assert grab_it(packet, "u2").share.is_into_account


def test_confirmation_leaves_the_queue_of_a_running_packet_alone(with_redis):
    """Dropping it would hand out again what is on its way to a taker."""
    from kit.plumbing import redis
    from packets.tickets import queue as tickets

    packet, order = make_reported_packet(Kind.EQUAL, 3, "1.00")
    grab_it(packet, "u1")
    header, queue, takers, version, _ = tickets._keys(packet.public_id)

    def kept():
        return redis.call(
            lambda r: (r.lrange(queue, 0, -1), r.hgetall(takers), r.get(version), r.ttl(queue))
        )

    *before, seconds = kept()
    assert seconds <= tickets.KEPT_UNSETTLED_S

    confirm(order, timezone.now())

    *after, seconds = kept()
    assert after == before
    assert redis.call(lambda r: r.hget(header, "pay")) == b"1"
    assert seconds > 24 * 3600


def test_draft_past_its_time_is_paid_until_the_sweep_has_closed_it():
    packet = make_packet(now=timezone.now() - timedelta(days=2))

    assert confirm(make_order(packet), timezone.now())

    assert facts(packet)["pay_status"] == PayStatus.PAID


def test_draft_outlives_its_last_order():
    packet = make_packet(now=timezone.now() - timedelta(days=2))
    order = make_order(packet)

    close_drafts()
    assert facts(packet)["closed_at"] is None

    end(order, timezone.now())
    close_drafts()
    assert facts(packet)["closed_at"] is not None


def test_money_for_a_closed_packet_does_not_fit():
    packet = make_packet()
    assert close.close(packet=packet, now=packet.draft_until)
    order = make_order(packet)

    assert issue.accepts(order) == purposes.Misfit(CaseKind.LATE_PAYMENT)
    assert not confirm(order, timezone.now())

    assert facts(packet)["pay_status"] == PayStatus.UNPAID
    assert LedgerLine.objects.get().target == "suspense"


def test_money_for_a_void_packet_does_not_fit():
    packet, order = make_reported_packet()
    end(order, timezone.now())

    assert not confirm(order, timezone.now())

    assert facts(packet)["pay_status"] == PayStatus.AWAITING
    assert not SettlementPass.objects.exists()


def test_second_payment_does_not_fit():
    packet, order = make_reported_packet()
    other = make_order(packet, PayType.WECHAT)
    assert confirm(order, timezone.now())
    before = facts(packet)

    assert issue.accepts(other) == purposes.Misfit(CaseKind.SECOND_PAYMENT)
    assert not confirm(other, timezone.now())

    assert facts(packet) == before
    assert SettlementPass.objects.count() == 2


def test_channel_money_for_a_packet_paid_by_balance_does_not_fit():
    packet = make_paid_packet()

    assert issue.accepts(make_order(packet)) == purposes.Misfit(CaseKind.SECOND_PAYMENT)


def test_money_for_an_unknown_packet_or_of_another_amount_does_not_fit():
    packet = make_packet(Kind.LUCKY, 3, "10.00")
    order = make_order(packet)

    order.amount += 1
    assert issue.accepts(order) == purposes.Misfit(CaseKind.WRONG_AMOUNT)
    order.reference = "rp_unknown"
    assert issue.accepts(order) == purposes.Misfit(CaseKind.LATE_PAYMENT)


def test_confirmation_that_lost_its_race_rolls_back():
    packet, order = make_reported_packet()
    confirm(order, timezone.now())

    with pytest.raises(purposes.NoLongerFits), transaction.atomic():
        issue.confirmed(make_order(packet, PayType.WECHAT), timezone.now())

    assert PaymentOrder.objects.count() == 1, "rolled back with its transaction"
    assert SettlementPass.objects.count() == 2


def test_confirmation_of_a_fully_taken_packet():
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00")
    grab_it(packet, "u1")
    grab_it(packet, "u2")
    assert facts(packet)["is_cli_handle"]

    assert confirm(order, timezone.now())

    assert Share.objects.filter(is_into_account=True).count() == 0, "that is the settlement's"


def test_awaiting_packet_is_refunded_only_once_its_money_has_come():
    past = timezone.now() - timedelta(hours=25)
    packet, order = make_reported_packet(Kind.EQUAL, 2, "1.00", now=past)
    grab_it(packet, "u1", past)

    assert not refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    assert not Share.objects.filter(is_returned=True).exists()

    confirm(order, timezone.now())
    assert refund.refund_expired(rp_id=packet.pk, now=timezone.now())
    assert f"{facts(packet)['return_money']}" == "1.00"
