from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import Count, Q
from django.utils import timezone

from packets.models import RedPacket
from packets.states import Kind, PacketState, state_of
from packets.tasks import refund_expired
from wallets.models import Wallet


@pytest.fixture(autouse=True)
def nobody_plays_channels(settings):
    settings.REDPACKET_PUBLIC_URL = "http://127.0.0.1:9"  # tests/flows/channels has them played


def seed() -> list[str]:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue().splitlines()


def test_every_state_of_a_balance_packet_is_there():
    lines = seed()

    now, taken = timezone.now(), Count("shares", filter=Q(shares__user_id__isnull=False))
    packets = RedPacket.objects.annotate(taken=taken)
    assert len(lines) == len(packets) + 1
    assert {state_of(packet, packet.taken, now) for packet in packets} == {
        PacketState.UNPAID,
        PacketState.CLOSED,
        PacketState.OPEN,
        PacketState.FINISHED,
        PacketState.EXPIRED,
    }
    assert set(packets.values_list("type", flat=True)) == set(Kind)
    assert packets.filter(is_frozen=True).count() == 1
    assert Wallet.objects.get(user_id="mallory").is_frozen


def test_again_adds_another_set_and_the_sweep_finds_its_work():
    first, second = seed(), seed()

    assert RedPacket.objects.count() == len(first) + len(second) - 2
    assert refund_expired() == 2
    assert refund_expired() == 0
