"""Who we were at a channel when a payment was made: what follows it goes by the same keys."""

from payments.models import ChannelRefund, Notification, PaymentOrder


def of_refund(refund: ChannelRefund) -> str:
    """The merchant that holds the money; empty: nobody knows better than the settings in force.

    The notification that told of the payment comes first: it may have named an order of ours, and
    yet have come from another merchant, and is then in suspense.
    """
    told = Notification.objects.filter(pay_type=refund.pay_type, trade_no=refund.trade_no)
    ordered = PaymentOrder.objects.filter(pay_type=refund.pay_type, order_no=refund.order_no)
    return (
        told.exclude(merchant="").values_list("merchant", flat=True).first()
        or ordered.values_list("merchant", flat=True).first()
        or ""
    )
