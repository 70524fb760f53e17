import kit.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0008_merchant"),
    ]

    operations = [
        migrations.AlterField(
            model_name="case",
            name="kind",
            field=kit.ids.AsciiField(
                choices=[
                    ("unknown_order", "paid, but the order is unknown"),
                    ("wrong_amount", "another amount than the order's was paid"),
                    ("second_payment", "paid a second time"),
                    ("late_payment", "paid after it was closed or voided"),
                    ("refund_failed", "the channel refused a refund"),
                    ("taken_back", "taken back from a wallet"),
                    ("refund_stuck", "nobody knows what became of a refund"),
                    ("refund_parked", "a refund cannot reach its payer"),
                    ("refund_late", "a refund that had failed was paid after all"),
                    ("bill_surplus", "the channel has more than our books say (surplus)"),
                    ("bill_shortfall", "the channel has less than our books say (shortfall)"),
                    ("bill_amount", "the bill names another amount"),
                    ("bill_repeated", "the bill names it twice"),
                    ("bill_other_day", "the bill names another day's payment"),
                    ("bill_odd", "a row of the bill cannot be read"),
                    ("bill_total", "the bill's own total does not fit its rows"),
                    ("bill_missing", "a day's bill has never come"),
                ],
                max_length=24,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="channelrefund",
            name="status",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, "proposed"),
                    (1, "approved"),
                    (2, "sent to the channel"),
                    (3, "done"),
                    (4, "failed"),
                    (5, "rejected"),
                    (6, "waiting at the channel"),
                    (7, "withdrawn"),
                ],
                default=0,
                verbose_name="status",
            ),
        ),
    ]
