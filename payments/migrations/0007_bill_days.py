from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import kit.ids
import kit.money
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


ZONE = ZoneInfo("Asia/Shanghai")
COMPARED, CONFIRMED, DONE = 1, 2, 3


def keep_what_was_compared(apps, schema_editor):
    """Until now a row said that a day was compared, and what matched was not kept."""
    models = [apps.get_model("payments", name) for name in ("PaymentOrder", "ChannelRefund")]
    for bill in apps.get_model("payments", "Bill").objects.all():
        begin = datetime.combine(bill.day, time(), ZONE)
        for model, state, column in zip(models, (CONFIRMED, DONE), ("paid_at", "done_at")):
            of_day = {f"{column}__gte": begin, f"{column}__lt": begin + timedelta(days=1)}
            rows = model.objects.filter(pay_type=bill.pay_type, status=state, **of_day)
            rows.update(billed_on=bill.day)
        bill.state = COMPARED
        bill.save(update_fields=["state"])


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0006_held_by_cases'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='channelrefund',
            name='refund_channel_day',
        ),
        migrations.RemoveIndex(
            model_name='paymentorder',
            name='order_channel_day',
        ),
        migrations.AddField(
            model_name='bill',
            name='lease',
            field=kit.ids.AsciiField(editable=False, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name='bill',
            name='leased_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='bill',
            name='due_at',
            field=models.DateTimeField(null=True, verbose_name='next try at'),
        ),
        migrations.AddField(
            model_name='bill',
            name='missing',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='missing'),
        ),
        migrations.AddField(
            model_name='bill',
            name='refunded',
            field=kit.money.MoneyField(db_default=Decimal('0.00'), decimal_places=2, default=Decimal('0.00'), max_digits=13, verbose_name='refunded in all'),
        ),
        migrations.AddField(
            model_name='bill',
            name='says',
            field=models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='says'),
        ),
        migrations.AddField(
            model_name='bill',
            name='state',
            field=models.PositiveSmallIntegerField(choices=[(0, 'not there yet'), (1, 'compared'), (2, 'no transactions, compared'), (3, 'given up: never came')], db_default=1, default=0, verbose_name='state'),
        ),
        migrations.AddField(
            model_name='bill',
            name='tries',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='tries'),
        ),
        migrations.AddField(
            model_name='channelrefund',
            name='billed_on',
            field=models.DateField(null=True, verbose_name='in the bill of'),
        ),
        migrations.AddField(
            model_name='channelrefund',
            name='settle_date',
            field=models.DateField(null=True, verbose_name='settled on'),
        ),
        migrations.AddField(
            model_name='paymentorder',
            name='billed_on',
            field=models.DateField(null=True, verbose_name='in the bill of'),
        ),
        migrations.AddField(
            model_name='paymentorder',
            name='settle_date',
            field=models.DateField(null=True, verbose_name='settled on'),
        ),
        migrations.AlterField(
            model_name='bill',
            name='differences',
            field=models.PositiveIntegerField(default=0, verbose_name='differences'),
        ),
        migrations.AlterField(
            model_name='bill',
            name='matched',
            field=models.PositiveIntegerField(default=0, verbose_name='matched'),
        ),
        migrations.AlterField(
            model_name='bill',
            name='reconciled_at',
            field=models.DateTimeField(null=True, verbose_name='reconciled at'),
        ),
        migrations.AlterField(
            model_name='bill',
            name='rows',
            field=models.PositiveIntegerField(default=0, verbose_name='rows'),
        ),
        migrations.AlterField(
            model_name='bill',
            name='total',
            field=kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=13, verbose_name='paid in all'),
        ),
        migrations.AlterField(
            model_name='case',
            name='kind',
            field=kit.ids.AsciiField(choices=[('unknown_order', 'paid, but the order is unknown'), ('wrong_amount', "another amount than the order's was paid"), ('second_payment', 'paid a second time'), ('late_payment', 'paid after it was closed or voided'), ('refund_failed', 'the channel refused a refund'), ('taken_back', 'taken back from a wallet'), ('bill_surplus', 'the channel has more than our books say (surplus)'), ('bill_shortfall', 'the channel has less than our books say (shortfall)'), ('bill_amount', 'the bill names another amount'), ('bill_repeated', 'the bill names it twice'), ('bill_other_day', "the bill names another day's payment"), ('bill_odd', 'a row of the bill cannot be read'), ('bill_total', "the bill's own total does not fit its rows"), ('bill_missing', "a day's bill has never come")], max_length=24, verbose_name='kind'),
        ),
        migrations.RunPython(keep_what_was_compared, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='bill',
            index=models.Index(fields=['state', 'id'], name='bill_state'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['pay_type', 'billed_on', 'done_at'], name='refund_billed'),
        ),
        migrations.AddIndex(
            model_name='paymentorder',
            index=models.Index(fields=['pay_type', 'billed_on', 'paid_at'], name='order_billed'),
        ),
        migrations.AddConstraint(
            model_name='bill',
            constraint=models.CheckConstraint(condition=models.Q(('matched__lte', models.F('rows')), ('missing__lte', models.F('differences'))), name='bill_figures'),
        ),
        migrations.AddConstraint(
            model_name='bill',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reconciled_at__isnull', False), ('state__in', (1, 2))), models.Q(('reconciled_at', None), ('state__in', (0, 3))), _connector='OR'), name='bill_compared_at'),
        ),
    ]
