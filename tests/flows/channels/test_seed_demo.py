from collections import Counter
from io import StringIO

from django.core.management import call_command
from django.db.models import Q
from django.utils import timezone

from packets.models import RedPacket, SettlementPass
from packets.states import PayStatus
from packets.tasks import settle_due
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import OrderStatus, RefundStatus


def test_every_state_that_a_channel_brings(shops):
    shop, out = shops("wechat-pubkey"), StringIO()

    call_command("seed_demo", stdout=out)
    settle_due()

    by_channel = RedPacket.objects.filter(~Q(pay_type=4), ~Q(pay_type=0))
    states = Counter((packet.pay_status, packet.voided_at is not None) for packet in by_channel)
    assert states == {
        (PayStatus.AWAITING, False): 1,
        (PayStatus.AWAITING, True): 1,
        (PayStatus.PAID, False): 1,
    }
    assert SettlementPass.objects.get(number=1).shares == 2
    statuses = Counter(PaymentOrder.objects.values_list("status", flat=True))
    assert statuses == {
        OrderStatus.REPORTED: 1,
        OrderStatus.CONFIRMED: 2,
        OrderStatus.UNPAID: 1,
        OrderStatus.CREATED: 1,
    }
    assert Case.objects.get().kind == "wrong_amount"
    assert ChannelRefund.objects.get().status == RefundStatus.PROPOSED
    assert "top-up by Alipay" in out.getvalue()
    flow = shop.phone("alice").get("wallet/flow?kind=topup").json()["results"]
    assert [line["money"] for line in flow] == ["50.00"]
    assert RedPacket.objects.filter(add_time__gt=timezone.now()).count() == 0
