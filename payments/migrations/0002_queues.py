import kit.money
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="bill",
            name="day",
            field=models.DateField(db_index=True, verbose_name="day"),
        ),
        migrations.AlterField(
            model_name="case",
            name="amount",
            field=kit.money.MoneyField(
                db_index=True, decimal_places=2, max_digits=13, verbose_name="amount"
            ),
        ),
        migrations.AlterField(
            model_name="case",
            name="created_at",
            field=models.DateTimeField(db_index=True, verbose_name="opened at"),
        ),
        migrations.AlterField(
            model_name="case",
            name="pay_type",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, "unknown"),
                    (1, "Alipay"),
                    (2, "WeChat Pay"),
                    (3, "UnionPay"),
                    (4, "wallet balance"),
                ],
                db_index=True,
                verbose_name="channel",
            ),
        ),
        migrations.AlterField(
            model_name="channelrefund",
            name="proposed_at",
            field=models.DateTimeField(db_index=True, verbose_name="proposed at"),
        ),
    ]
