"""What must be so after each fault: the audit, conservation, and nothing acknowledged is lost."""

from collections.abc import Iterator
from decimal import Decimal

from django.db import close_old_connections
from django.db.models import Sum
from django.utils import timezone

from kit.snapshot import snapshot
from packets.models import RedPacket, Share
from packets.states import PayStatus
from payments.models import PaymentOrder
from payments.states import OrderStatus
from tests.faults.load import Books
from wallets.audit import audit
from wallets.models import Wallet


def losses(books: Books) -> list[str]:
    """What was acknowledged before, and what the database says of it now. Under load, too: the
    books are older than what is read."""
    close_old_connections()
    return [*acknowledged(books), *findings()]


def acknowledged(books: Books) -> list[str]:
    """The same without the audit."""
    close_old_connections()
    return [*books.odd, *_lost(books), *_conservation(books)]


def findings() -> list[str]:
    return [f"{each.rule}: {each.row}: {each.says}" for each in audit()]


def _lost(books: Books) -> Iterator[str]:
    rows = RedPacket.objects.values_list("public_id", "user_id", "total_money", "pay_status")
    packets = {public_id: rest for public_id, *rest in rows}
    taken = {
        (packet, user): money
        for packet, user, money in Share.objects.filter(user_id__isnull=False).values_list(
            "rp__public_id", "user_id", "money"
        )
    }
    for packet, (sender, money) in books.sent.items():
        if packets.get(packet, ())[:2] != [sender, money]:
            yield f"sent and lost: {packet} of {sender}, {money}: {packets.get(packet)}"
    for packet in books.by_balance:
        if packets.get(packet, (0, 0, None))[2] != PayStatus.PAID:
            yield f"paid and lost: {packet}: {packets.get(packet)}"
    for grab, money in books.grabbed.items():
        if taken.get(grab) != money:
            yield f"grabbed and lost: {grab}, {money}: {taken.get(grab)}"


def _conservation(books: Books) -> Iterator[str]:
    """Yuan in wallets and in paid packets are those that people put in and channels took."""
    with snapshot():
        wallets = Wallet.objects.aggregate(sum=Sum("balance"))["sum"] or Decimal(0)
        inside = Share.objects.filter(
            rp__pay_status=PayStatus.PAID, is_into_account=False, is_returned=False
        ).aggregate(sum=Sum("money"))["sum"] or Decimal(0)
        taken = PaymentOrder.objects.filter(status=OrderStatus.CONFIRMED).aggregate(
            sum=Sum("amount")
        )["sum"] or Decimal(0)
    put_in = sum(books.put_in.values())
    if wallets + inside != put_in + taken:
        yield f"conservation: {wallets} + {inside} is not {put_in} + {taken}"


def waits(books: Books) -> str:
    """What is not dealt with yet, though it will be; empty when all is."""
    close_old_connections()
    paid = PaymentOrder.objects.filter(order_no__in=books.at_channel, status=OrderStatus.CONFIRMED)
    if left := set(books.at_channel) - set(paid.values_list("order_no", flat=True)):
        rows = PaymentOrder.objects.filter(order_no__in=left)
        told = [(row.order_no, row.get_status_display(), str(row.chase_at)) for row in rows]
        return f"payments that a channel took and we have not confirmed: {told}"
    if left := Share.objects.filter(owed_at__isnull=False).count():
        return f"{left} shares without their money"
    due = RedPacket.objects.filter(
        pay_status=PayStatus.PAID, is_cli_handle=False, expire_time__lt=timezone.now()
    )
    return f"{due.count()} expired packets" if due.exists() else ""


def reckoning(books: Books) -> list[str]:
    """When nothing waits: each one's balance is what his own books say, to the fen."""
    expected = dict(books.put_in)
    for packet, (sender, money) in books.sent.items():
        if packet in books.by_balance:
            expected[sender] -= money
    for (_, user), money in books.grabbed.items():
        expected[user] += money
    returned = RedPacket.objects.filter(public_id__in=books.sent, return_money__isnull=False)
    for sender, money in returned.values_list("user_id", "return_money"):
        expected[sender] += money
    balances = dict(Wallet.objects.values_list("user_id", "balance"))
    return [
        f"{user} has {balances.get(user)}, by his own books {money}"
        for user, money in expected.items()
        if balances.get(user) != money
    ]
