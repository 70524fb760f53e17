"""The grab, step by step; its races live in tests/races."""

from datetime import timedelta

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from kit.models import Event
from kit.refusals import NotFound
from packets import freeze as packet_freeze
from packets import grab, members, refund
from packets.models import RedPacket, Share
from packets.refusals import NotIssued, OwnPacket, PacketClosed, PacketFrozen
from packets.states import Kind, Outcome
from testing.make import (
    make_expired_packet,
    make_group,
    make_packet,
    make_paid_packet,
    make_reported_packet,
)
from wallets import freeze as wallet_freeze
from wallets.models import LedgerLine
from wallets.refusals import WalletFrozen
from wallets.statement import balance


def take(packet, user_id, now=None):
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=now or timezone.now())


def test_grab_credits_the_taker_at_once():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.50")

    result = take(packet, "u1")

    assert result.outcome is Outcome.GRABBED
    assert f"{result.share.money}" == "1.50"
    assert result.share.is_into_account
    assert f"{balance('u1').balance}" == "1.50"
    line = LedgerLine.objects.get(target="wallet:u1")
    share = Share.objects.get(user_id="u1")
    assert line.reference == share.reference
    assert line.source == f"escrow:{packet.public_id}"


def test_all_shares_are_taken_once_and_the_packet_finishes():
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")

    outcomes = [take(packet, user).outcome for user in ("u1", "u2", "u3", "u4")]

    assert outcomes == [Outcome.GRABBED] * 3 + [Outcome.TOO_SLOW]
    packet.refresh_from_db()
    assert packet.expend_time is not None
    assert packet.is_cli_handle
    finished = Event.objects.get(type="packet.finished")
    best = Share.objects.get(rp=packet, is_good=True)
    assert finished.data["best_luck"] == best.user_id


def test_second_grab_gets_the_first_result_again():
    packet = make_paid_packet()
    first = take(packet, "u1")

    second = take(packet, "u1", timezone.now() + timedelta(seconds=7))

    assert second.outcome is Outcome.ALREADY_GRABBED
    assert second.share == first.share
    assert Share.objects.filter(user_id="u1").count() == 1


def test_taker_who_left_the_group_still_reads_his_result():
    packet = make_paid_packet()
    take(packet, "u1")
    members.remove(group_id="g1", user_id="u1")

    assert take(packet, "u1").outcome is Outcome.ALREADY_GRABBED


def test_whoever_left_the_group_cannot_grab_even_the_sender():
    packet = make_paid_packet()
    members.remove(group_id="g1", user_id="u1")
    members.remove(group_id="g1", user_id="alice")

    for user in ("u1", "alice", "stranger"):
        with pytest.raises(NotFound):
            take(packet, user)
    assert not Share.objects.filter(user_id__isnull=False).exists()


def test_new_member_can_grab():
    packet = make_paid_packet()
    with pytest.raises(NotFound):
        take(packet, "newcomer")
    members.add(group_id="g1", user_id="newcomer")

    assert take(packet, "newcomer").outcome is Outcome.GRABBED


def test_sender_of_a_group_packet_may_grab():
    assert take(make_paid_packet(), "alice").outcome is Outcome.GRABBED


def test_personal_packet_is_for_one_user():
    packet = make_paid_packet(Kind.PERSONAL, 1, "5.00", for_id="bob")

    with pytest.raises(OwnPacket):
        take(packet, "alice")
    with pytest.raises(NotFound):
        take(packet, "carol")
    assert take(packet, "bob").outcome is Outcome.GRABBED
    assert take(packet, "bob").outcome is Outcome.ALREADY_GRABBED


def test_unknown_packet():
    with pytest.raises(NotFound):
        grab.grab(public_id="rp_none", caller=Caller("u1"), now=timezone.now())


def test_draft_is_not_issued_and_then_it_is():
    packet = make_packet()
    with pytest.raises(NotIssued):
        take(packet, "u1")
    with pytest.raises(NotFound):
        take(packet, "stranger")
    from packets import pay
    from testing.make import make_wallet

    make_wallet("alice", "10.00")
    pay.by_balance(public_id=packet.public_id, caller=Caller("alice"), now=timezone.now())

    assert take(packet, "u1").outcome is Outcome.GRABBED


def test_deadline_belongs_to_expired():
    packet = make_paid_packet()

    last = take(packet, "u1", packet.expire_time - timedelta(milliseconds=1))
    late = take(packet, "u2", packet.expire_time)

    assert last.outcome is Outcome.GRABBED
    assert late.outcome is Outcome.EXPIRED


@pytest.mark.parametrize("is_refunded", [False, True])
def test_expired_packet(is_refunded):
    packet = make_expired_packet()
    if is_refunded:
        assert refund.refund_expired(rp_id=packet.pk, now=timezone.now())

    assert take(packet, "u1").outcome is Outcome.EXPIRED


def test_all_gone_is_too_slow_even_after_the_deadline():
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    take(packet, "u1")

    assert take(packet, "u2", packet.expire_time + timedelta(days=1)).outcome is Outcome.TOO_SLOW


def test_frozen_packet_and_frozen_wallet_refuse_and_lose_no_share():
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
    take(packet, "u1")
    packet_freeze.freeze(public_id=packet.public_id, reason="test", now=timezone.now())
    with pytest.raises(PacketFrozen):
        take(packet, "u2")
    assert take(packet, "u1").outcome is Outcome.ALREADY_GRABBED
    packet_freeze.unfreeze(public_id=packet.public_id, reason="test", now=timezone.now())
    wallet_freeze.freeze(user_id="u2", reason="test", now=timezone.now())
    with pytest.raises(WalletFrozen):
        take(packet, "u2")
    wallet_freeze.unfreeze(user_id="u2", reason="test", now=timezone.now())

    assert take(packet, "u2").outcome is Outcome.GRABBED


def test_closed_packet():
    packet = make_packet()
    from packets import close

    assert close.close(packet=packet, now=packet.draft_until)
    with pytest.raises(PacketClosed):
        take(packet, "u1")


def test_awaiting_packet_is_grabbed_uncredited():
    packet, _ = make_reported_packet()

    result = take(packet, "u1")

    assert result.outcome is Outcome.GRABBED
    assert not result.share.is_into_account
    assert f"{balance('u1').balance}" == "0.00"
    assert not LedgerLine.objects.exists()


def test_case_of_user_ids_counts():
    make_group("alice", "u1", "U1")
    packet = make_paid_packet(Kind.EQUAL, 2, "1.00")

    assert take(packet, "u1").outcome is Outcome.GRABBED
    assert take(packet, "U1").outcome is Outcome.GRABBED


def test_freeze_between_ticket_and_claim_binds(monkeypatch):
    """What Redis said is said again by the share's WHERE."""
    packet = make_paid_packet()
    claim = grab.claim.claim

    def frozen_meanwhile(**kwargs):
        RedPacket.objects.filter(pk=packet.pk).update(is_frozen=True)
        return claim(**kwargs)

    monkeypatch.setattr(grab.claim, "claim", frozen_meanwhile)
    with pytest.raises(PacketFrozen):
        take(packet, "u1")

    assert not Share.objects.filter(user_id="u1").exists()
    assert not LedgerLine.objects.filter(target="wallet:u1").exists()
