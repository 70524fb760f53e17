"""Doors of Celery. A sweep takes one row at a time, oldest first, past bad ones."""

from celery import shared_task
from django.utils import timezone

from payments import channel_refund, chase
from payments.models import ChannelRefund, PaymentOrder
from redpacket_site.kit.sweeps import by_time, sweep


@shared_task(name="payments.chase_order")
def chase_order(order_id: int) -> None:
    """Ask the channel about one order now."""
    chase.chase(order_id=order_id, now=timezone.now())


@shared_task(name="payments.chase_due")
def chase_due() -> int:
    """Ask the channels about every order whose time has come (Spec 2.6)."""
    now = timezone.now()
    due = PaymentOrder.objects.filter(chase_at__lte=now)
    return sweep(by_time(due, "chase_at"), lambda pk: chase.chase(order_id=pk, now=now))


@shared_task(name="payments.send_refund")
def send_refund(refund_id: int) -> None:
    """Tell the channel about one approved refund."""
    channel_refund.send(refund_id=refund_id, now=timezone.now())


@shared_task(name="payments.send_refunds")
def send_refunds() -> int:
    """Send what was approved, and ask about what was sent."""
    now = timezone.now()
    due = ChannelRefund.objects.filter(chase_at__lte=now)
    return sweep(by_time(due, "chase_at"), lambda pk: channel_refund.send(refund_id=pk, now=now))
