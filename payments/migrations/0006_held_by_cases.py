"""Count what each case holds in suspense, once.

Adjustments out of suspense named no case: each is taken to be about the likeliest one, the payer's
own first. A case that was resolved while its money stayed is open again: somebody has to decide.
"""

from decimal import Decimal

from django.db import migrations

OPEN, RESOLVED, APPROVED = 0, 1, 1
ADJUSTMENT, SUSPENSE, CHANNEL_REFUND = 5, 7, 8
WITH_MONEY = ("unknown_order", "wrong_amount", "second_payment", "late_payment", "refund_failed")


def count(apps, _schema):
    Case = apps.get_model("payments", "Case")
    rest = {case.pk: arrived(apps, case) - refunded(apps, case) for case in with_money(Case)}
    for adjustment in unnamed(apps):
        case = likeliest(apps, adjustment, rest)
        if case is not None:
            rest[case.pk] -= adjustment.amount
            adjustment.case_id = case.pk
            adjustment.save(update_fields=["case_id"])
    Case.objects.exclude(kind__in=WITH_MONEY).update(held=0)
    for key, held in rest.items():
        if held >= 0:
            changes = {"status": OPEN, "resolved_at": None, "resolved_by": None} if held else {}
            Case.objects.filter(pk=key).update(held=held, **changes)


def with_money(Case):
    return Case.objects.filter(kind__in=WITH_MONEY).order_by("pk")


def lines(apps, **given):
    return apps.get_model("wallets", "LedgerLine").objects.filter(**given)


def arrived(apps, case) -> Decimal:
    line = lines(apps, kind=SUSPENSE, reference=case.reference).first()
    return line.amount if line else Decimal("0.00")


def refunded(apps, case) -> Decimal:
    refunds = apps.get_model("payments", "ChannelRefund").objects.filter(case=case)
    numbers = list(refunds.values_list("refund_no", flat=True))
    gone = lines(apps, kind=CHANNEL_REFUND, source="suspense", reference__in=numbers)
    return sum((line.amount for line in gone), Decimal("0.00"))


def unnamed(apps):
    return (
        apps.get_model("wallets", "Adjustment")
        .objects.filter(source="suspense", status=APPROVED, case_id=None)
        .order_by("pk")
    )


def likeliest(apps, adjustment, rest):
    """The case that this adjustment was about: the payer's own, then a resolved one, then any."""
    Case, Order = apps.get_model("payments", "Case"), apps.get_model("payments", "PaymentOrder")
    owner = adjustment.target.removeprefix("wallet:")
    holding = Case.objects.filter(
        pk__in=[key for key, held in rest.items() if held >= adjustment.amount],
        created_at__lte=adjustment.decided_at,
    )

    def likely(case):
        order = Order.objects.filter(order_no=case.order_no).first()
        is_payers = order is not None and order.user_id == owner
        return not is_payers, case.status != RESOLVED, rest[case.pk] != adjustment.amount, case.pk

    return min(holding, key=likely, default=None)


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_case_money"), ("wallets", "0006_adjustment_case")]

    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
