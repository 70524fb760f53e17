import django.db.models.deletion
import kit.ids
import kit.money
from django.conf import settings
from django.db import migrations, models

from office import roles

CHUNK = 1000
EXPIRY_REFUND = 3


def put_forward(apps, _schema):
    """Refunds made before there was a queue wait in it, too."""
    Line = apps.get_model("wallets", "LedgerLine")
    Packet = apps.get_model("packets", "RedPacket")
    Review = apps.get_model("packets", "RefundReview")
    after = 0
    refunds = Line.objects.filter(kind=EXPIRY_REFUND).order_by("pk")
    while lines := list(refunds.filter(pk__gt=after)[:CHUNK]):
        known = Packet.objects.in_bulk([line.reference for line in lines], field_name="public_id")
        Review.objects.bulk_create(
            Review(
                packet=packet,
                user_id=packet.user_id,
                amount=line.amount,
                pay_type=packet.pay_type,
                created_at=line.created_at,
            )
            for line in lines
            if (packet := known.get(line.reference))
        )
        after = lines[-1].pk


class Migration(migrations.Migration):
    dependencies = [
        ("packets", "0003_roles"),
        ("wallets", "0003_audit_run"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RefundReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user_id",
                    kit.ids.OutsideIdField(
                        db_index=True, max_length=64, verbose_name="sender"
                    ),
                ),
                (
                    "amount",
                    kit.money.MoneyField(
                        db_index=True, decimal_places=2, max_digits=10, verbose_name="amount"
                    ),
                ),
                (
                    "pay_type",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "unknown"),
                            (1, "Alipay"),
                            (2, "WeChat Pay"),
                            (3, "UnionPay"),
                            (4, "wallet balance"),
                        ],
                        db_index=True,
                        verbose_name="paid by",
                    ),
                ),
                (
                    "state",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "to review"), (1, "reviewed"), (2, "disputed"), (3, "settled")],
                        db_index=True,
                        default=0,
                        verbose_name="state",
                    ),
                ),
                (
                    "note",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="note"),
                ),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                ("created_at", models.DateTimeField(db_index=True, verbose_name="refunded at")),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="decided by",
                    ),
                ),
                (
                    "packet",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="review",
                        to="packets.redpacket",
                        verbose_name="packet",
                    ),
                ),
            ],
            options={
                "verbose_name": "expiry refund",
                "verbose_name_plural": "expiry refunds",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="review_amount_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at", None), ("decided_by", None), ("state", 0)),
                            models.Q(
                                models.Q(("state", 0), _negated=True),
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="review_moved_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", 2), _negated=True),
                            models.Q(("note", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="review_dispute_has_a_note",
                    ),
                ],
            },
        ),
        migrations.RunPython(put_forward, migrations.RunPython.noop),
        migrations.RunPython(lambda apps, _: roles.grant(apps), migrations.RunPython.noop),
    ]
