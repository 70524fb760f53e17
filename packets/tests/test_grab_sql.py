"""The compiled statements say what the ORM would say, on each engine."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab, members
from packets.models import GroupMember, RedPacket, Share
from packets.states import Kind, PayStatus
from packets.tickets import claim as grab_sql
from testing.make import make_group, make_packet, make_paid_packet
from wallets.models import Wallet


def take(packet, user_id):
    return grab.grab(public_id=packet.public_id, caller=Caller(user_id), now=timezone.now())


def claim(packet, user_id, position=1, is_into_account=True):
    return grab_sql.claim(
        rp_id=packet.pk,
        public_id=packet.public_id,
        position=position,
        user_id=user_id,
        group_id=packet.for_id,
        is_into_account=is_into_account,
        now=timezone.now(),
    )


def back_to_a_draft(packet):
    RedPacket.objects.update(pay_status=PayStatus.UNPAID, pay_time=None, expire_time=None)


SPOILERS = {
    "a draft": back_to_a_draft,
    "awaiting": lambda packet: RedPacket.objects.update(pay_status=PayStatus.AWAITING),
    "expired": lambda packet: RedPacket.objects.update(expire_time=timezone.now()),
    "another packet": lambda packet: RedPacket.objects.update(public_id="rp_another"),
    "taken": lambda packet: Share.objects.filter(rp=packet, position=1).update(
        user_id="u2", update_time=timezone.now()
    ),
    "returned": lambda packet: Share.objects.filter(rp=packet).update(is_returned=True),
    "frozen": lambda packet: RedPacket.objects.update(is_frozen=True),
    "void": lambda packet: RedPacket.objects.update(voided_at=timezone.now()),
    "closed": lambda packet: RedPacket.objects.update(closed_at=timezone.now()),
    "wallet frozen": lambda packet: Wallet.objects.create(
        user_id="u1", is_frozen=True, created_at=timezone.now()
    ),
    "no member": lambda packet: GroupMember.objects.filter(user_id="u1").delete(),
}


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_claim_holds_back_when_anything_speaks_against_it(spoiler):
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    with transaction.atomic():
        SPOILERS[spoiler](packet)
        before = list(Share.objects.order_by("pk").values())

        won = claim(packet, "u1")

        assert won is None
        assert list(Share.objects.order_by("pk").values()) == before
        transaction.set_rollback(True)


@pytest.mark.parametrize("status", PayStatus)
@pytest.mark.parametrize("is_into_account", [True, False])
def test_claim_credits_what_is_paid_and_takes_what_is_issued(status, is_into_account):
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    with transaction.atomic():
        if status == PayStatus.UNPAID:
            back_to_a_draft(packet)
        RedPacket.objects.update(pay_status=status)

        won = claim(packet, "u1", is_into_account=is_into_account)

        taken = list(Share.objects.filter(user_id="u1").values_list("is_into_account", flat=True))
        may = status == PayStatus.PAID or (status == PayStatus.AWAITING and not is_into_account)
        assert taken == ([is_into_account] if may else [])
        assert (won is not None) == may
        transaction.set_rollback(True)


def test_claim_writes_the_taker_and_answers_the_amount():
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    with transaction.atomic():
        won = claim(packet, "u1", position=2)

        share = Share.objects.get(rp=packet, position=2)
        assert (share.user_id, share.is_into_account, share.money) == ("u1", True, won)
        assert Share.objects.filter(user_id=None).count() == 2
        transaction.set_rollback(True)


def test_look_reads_the_packet_and_what_the_user_is_to_it():
    make_group("alice", "u1", "u2")
    packet = make_paid_packet(Kind.LUCKY, 2, "10.00")
    take(packet, "u1")
    members.remove(group_id="g1", user_id="u1")
    Wallet.objects.create(user_id="u2", is_frozen=True, created_at=timezone.now())

    looks = {name: grab_sql.look(packet.public_id, name) for name in ("u1", "u2", "U1")}

    for look in looks.values():
        for field in grab_sql.Look._fields[:11]:
            assert getattr(look, field) == getattr(packet, field), field
    relations = {name: look[11:] for name, look in looks.items()}
    assert relations == {
        "u1": (True, False, False),
        "u2": (False, True, True),
        "U1": (False, False, False),
    }
    assert grab_sql.look("rp_none", "u1") is None


def test_look_reads_the_times_of_a_draft():
    packet = make_packet()

    look = grab_sql.look(packet.public_id, "u1")

    assert (look.draft_until, look.expire_time) == (packet.draft_until, None)


def test_untaken_are_the_first_positions_from_the_start_on():
    packet = make_paid_packet(Kind.LUCKY, 4, "10.00")
    with transaction.atomic():
        Share.objects.filter(position__in=[1, 3]).update(is_returned=True)
        Share.objects.filter(position=2).update(user_id="u1", update_time=timezone.now())
        Share.objects.filter(position=4).update(user_id="u2", update_time=timezone.now())

        found = [grab_sql.untaken(packet.pk, start, 8) for start in (1, 2, 3, 4)]

        assert found == [[(1, True), (3, True)], [(3, True)], [(3, True)], []]
        assert grab_sql.untaken(packet.pk, 1, 1) == [(1, True)]
        transaction.set_rollback(True)


def test_share_of_reads_what_the_user_took():
    packet = make_paid_packet(Kind.LUCKY, 3, "10.00")
    take(packet, "u1")
    share = Share.objects.get(user_id="u1")

    money, is_into_account, update_time = grab_sql.share_of(packet.pk, "u1")

    assert f"{money}" == f"{share.money:.2f}"
    assert is_into_account is True
    assert update_time == share.update_time
    assert abs(timezone.now() - update_time) < timedelta(minutes=5)
    assert grab_sql.share_of(packet.pk, "u2") is None
