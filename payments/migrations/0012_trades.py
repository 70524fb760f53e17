import kit.money
from django.db import migrations, models


class Migration(migrations.Migration):
    """Each payment has its row, not only those of which something has gone back."""

    dependencies = [
        ("payments", "0011_strangers"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="refunded", name="refunded_within_payment"),
        migrations.RenameField(model_name="refunded", old_name="amount", new_name="refunded"),
        migrations.AlterField(
            model_name="refunded",
            name="refunded",
            field=kit.money.MoneyField(
                decimal_places=2, max_digits=13, verbose_name="refunded"
            ),
        ),
        migrations.AddConstraint(
            model_name="refunded",
            constraint=models.CheckConstraint(
                condition=models.Q(refunded__gte=0, refunded__lte=models.F("paid")),
                name="trade_refunded_within",
            ),
        ),
        migrations.RenameModel(old_name="Refunded", new_name="Trade"),
    ]
