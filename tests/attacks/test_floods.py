"""One user with a token and no money leaves little behind, however long he tries."""

from datetime import timedelta

import pytest
from django.utils import timezone

from packets.models import RedPacket, Share
from packets.states import PayStatus
from packets.tasks import close_drafts, forget_old
from payments.models import PaymentOrder
from payments.states import PayType
from payments.tests.conftest import offer
from testing.make import end, make_group, set_clocks, user

DRAFT = {"type": "equal", "for_id": "g1", "number": 100, "single_money": "0.01"}
CHEAP = {"type": "equal", "for_id": "g1", "number": 1, "single_money": "0.01"}
BY_ALIPAY = {"pay_type": "alipay", "scene": "app"}


@pytest.fixture(autouse=True)
def group():
    make_group("mallory", *(f"u{n}" for n in range(100)))


@pytest.fixture
def channel(monkeypatch):
    return offer(monkeypatch, PayType.ALIPAY)[PayType.ALIPAY]


def issued_by_report() -> int:
    """Send, ask to pay, say that it was paid; how many went out."""
    mallory = user("mallory")
    packet = mallory.post("packets", CHEAP).json()["id"]
    order = mallory.post(f"packets/{packet}/pay", BY_ALIPAY).json()["order"]["order_no"]
    assert mallory.post(f"orders/{order}/report", {}).status_code == 200
    return RedPacket.objects.filter(public_id=packet, pay_status=PayStatus.AWAITING).count()


def test_a_flood_of_drafts_ends_and_is_gone_a_week_later(settings, monkeypatch):
    settings.REDPACKET_DRAFTS_MAX = 5
    mallory = user("mallory")

    answers = [mallory.post("packets", DRAFT).status_code for _ in range(8)]

    assert answers == [201] * 5 + [429] * 3
    assert Share.objects.count() == 500
    set_clocks(monkeypatch, timezone.now() + timedelta(days=1, minutes=1))
    close_drafts()
    assert mallory.get("packets?box=sent").json()["results"][0]["state"] == "closed"
    set_clocks(monkeypatch, timezone.now() + timedelta(days=7, minutes=1))
    forget_old()
    assert (RedPacket.objects.count(), Share.objects.count()) == (0, 0)


def test_a_flood_of_top_ups_ends(settings, channel):
    settings.REDPACKET_ORDERS_MAX = 4
    wish = {"money": "0.01", "pay_type": "alipay", "scene": "app"}

    answers = [user("mallory").post("wallet/topups", wish).status_code for _ in range(6)]

    assert answers == [201] * 4 + [429] * 2
    assert PaymentOrder.objects.count() == len(channel.calls) == 4


def test_scenes_to_and_fro_make_no_more_orders_than_allowed(settings, channel):
    """Where the channel wants a number for each scene, each change of mind was a new order."""
    settings.REDPACKET_ORDERS_MAX = 3
    channel.takes_any_scene = False
    mallory = user("mallory")
    packet = mallory.post("packets", CHEAP).json()["id"]

    for scene in ("app", "h5") * 4:
        mallory.post(f"packets/{packet}/pay", BY_ALIPAY | {"scene": scene})

    assert PaymentOrder.objects.count() == 3


def test_packets_that_go_out_by_his_word_alone_are_few(settings, channel):
    settings.REDPACKET_AWAITING_NUMBER = 3

    assert [issued_by_report() for _ in range(6)] == [1, 1, 1, 0, 0, 0]


def test_whose_word_was_never_true_has_none(settings, channel):
    settings.REDPACKET_VOIDED_MAX = 3

    for _ in range(3):
        assert issued_by_report() == 1
        assert end(PaymentOrder.objects.latest("pk"), timezone.now())

    assert [issued_by_report() for _ in range(3)] == [0, 0, 0]
