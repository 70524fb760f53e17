import django.db.models.deletion
import kit.ids
import kit.money
import payments.states
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Bill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease', kit.ids.AsciiField(editable=False, max_length=32, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], verbose_name='channel')),
                ('day', models.DateField(db_index=True, verbose_name='day')),
                ('state', models.PositiveSmallIntegerField(choices=[(0, 'not there yet'), (1, 'compared'), (2, 'no transactions, compared'), (3, 'given up: never came')], db_default=1, default=0, verbose_name='state')),
                ('rows', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('matched', models.PositiveIntegerField(default=0, verbose_name='matched')),
                ('differences', models.PositiveIntegerField(default=0, verbose_name='differences')),
                ('missing', models.PositiveIntegerField(db_default=0, default=0, verbose_name='missing')),
                ('total', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=13, verbose_name='paid in all')),
                ('refunded', kit.money.MoneyField(db_default=Decimal('0.00'), decimal_places=2, default=Decimal('0.00'), max_digits=13, verbose_name='refunded in all')),
                ('reconciled_at', models.DateTimeField(null=True, verbose_name='reconciled at')),
                ('apart_at', models.DateTimeField(null=True, verbose_name='told apart at')),
                ('tries', models.PositiveIntegerField(db_default=0, default=0, verbose_name='tries')),
                ('says', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='says')),
                ('due_at', models.DateTimeField(null=True, verbose_name='next try at')),
            ],
            options={
                'verbose_name': 'bill',
                'verbose_name_plural': 'bills',
                'indexes': [models.Index(fields=['pay_type', 'id'], name='bill_channel'), models.Index(fields=['state', 'id'], name='bill_state')],
                'constraints': [models.UniqueConstraint(fields=('pay_type', 'day'), name='bill_once'), models.CheckConstraint(condition=models.Q(('matched__lte', models.F('rows')), ('missing__lte', models.F('differences'))), name='bill_figures'), models.CheckConstraint(condition=models.Q(models.Q(('reconciled_at__isnull', False), ('state__in', (1, 2))), models.Q(('reconciled_at', None), ('state__in', (0, 3))), _connector='OR'), name='bill_compared_at')],
            },
        ),
        migrations.CreateModel(
            name='Apart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', kit.ids.AsciiField(max_length=64, verbose_name='number')),
                ('order_no', kit.ids.AsciiField(blank=True, default='', max_length=64, verbose_name='order number')),
                ('is_refund', models.BooleanField(verbose_name='is a refund')),
                ('amount', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='amount')),
                ('ours', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=13, verbose_name='our amount')),
                ('bill', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='apart', to='payments.bill', verbose_name='bill')),
            ],
            options={
                'verbose_name': 'row apart',
                'verbose_name_plural': 'rows apart',
            },
        ),
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', kit.ids.AsciiField(choices=[('unknown_order', 'paid, but the order is unknown'), ('wrong_amount', "another amount than the order's was paid"), ('second_payment', 'paid a second time'), ('late_payment', 'paid after it was closed or voided'), ('contradicted', 'the channel says two things of one payment'), ('given_back', 'given back at the channel, and not by us'), ('refund_failed', 'the channel refused a refund'), ('awaiting_long', 'reported a day ago, and neither paid nor unpaid'), ('taken_back', 'taken back from a wallet'), ('refund_stuck', 'nobody knows what became of a refund'), ('refund_parked', 'a refund cannot reach its payer'), ('refund_late', 'a refund that had failed was paid after all'), ('bill_surplus', 'the channel has more than our books say (surplus)'), ('bill_shortfall', 'the channel has less than our books say (shortfall)'), ('bill_amount', 'the bill names another amount'), ('bill_repeated', 'the bill names it twice'), ('bill_other_day', "the bill names another day's payment"), ('bill_odd', 'a row of the bill cannot be read'), ('bill_total', "the bill's own total does not fit its rows"), ('bill_missing', "a day's bill has never come")], max_length=24, verbose_name='kind')),
                ('reference', kit.ids.AsciiField(max_length=96, verbose_name='reference')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], db_index=True, verbose_name='channel')),
                ('order_no', kit.ids.AsciiField(blank=True, db_index=True, default='', max_length=64, verbose_name='order number')),
                ('trade_no', kit.ids.AsciiField(blank=True, db_index=True, default='', max_length=64, verbose_name='trade number')),
                ('amount', kit.money.MoneyField(db_index=True, decimal_places=2, max_digits=13, verbose_name='amount')),
                ('held', kit.money.MoneyField(decimal_places=2, max_digits=13, null=True, verbose_name='in suspense')),
                ('says', models.CharField(blank=True, default='', max_length=255, verbose_name='says')),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'open'), (1, 'resolved')], default=0, verbose_name='status')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='opened at')),
                ('resolved_at', models.DateTimeField(null=True, verbose_name='resolved at')),
                ('resolution', models.CharField(blank=True, default='', max_length=255, verbose_name='resolution')),
                ('owner', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
                ('resolved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name='resolved by')),
            ],
            options={
                'verbose_name': 'case',
                'verbose_name_plural': 'cases',
            },
        ),
        migrations.CreateModel(
            name='ChannelRefund',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease', kit.ids.AsciiField(editable=False, max_length=32, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('refund_no', kit.ids.AsciiField(max_length=32, unique=True, verbose_name='refund number')),
                ('their_no', kit.ids.AsciiField(blank=True, db_default='', db_index=True, default='', max_length=64, verbose_name='number at the channel')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], verbose_name='channel')),
                ('order_no', kit.ids.AsciiField(db_index=True, max_length=64, verbose_name='order number')),
                ('trade_no', kit.ids.AsciiField(max_length=64, verbose_name='trade number')),
                ('paid', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='paid')),
                ('amount', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='amount')),
                ('source', kit.ids.AsciiField(max_length=80, verbose_name='source')),
                ('reason', models.CharField(max_length=255, verbose_name='reason')),
                ('attachment', models.CharField(blank=True, default='', max_length=255, verbose_name='attachment')),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'proposed'), (1, 'approved'), (2, 'sent to the channel'), (3, 'done'), (4, 'failed'), (5, 'rejected'), (6, 'waiting at the channel'), (7, 'withdrawn')], default=0, verbose_name='status')),
                ('answer', models.CharField(blank=True, default='', max_length=255, verbose_name="the channel's answer")),
                ('proposed_at', models.DateTimeField(db_index=True, verbose_name='proposed at')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided at')),
                ('done_at', models.DateTimeField(null=True, verbose_name='done at')),
                ('settle_date', models.DateField(null=True, verbose_name='settled on')),
                ('billed_on', models.DateField(null=True, verbose_name='in the bill of')),
                ('chase_at', models.DateTimeField(db_index=True, null=True, verbose_name='next try at')),
                ('chases', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('open_key', kit.ids.AsciiField(editable=False, max_length=96, null=True, unique=True)),
                ('case', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='payments.case', verbose_name='case')),
                ('checker', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='checker')),
                ('maker', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='maker')),
            ],
            options={
                'verbose_name': 'channel refund',
                'verbose_name_plural': 'channel refunds',
            },
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], verbose_name='channel')),
                ('headers', models.JSONField(default=dict, verbose_name='headers')),
                ('body', models.BinaryField(verbose_name='body')),
                ('outcome', kit.ids.AsciiField(choices=[('stored', 'stored'), ('forged', 'forged'), ('confirmed', 'confirmed'), ('duplicate', 'duplicate'), ('suspense', 'suspense'), ('doubted', 'doubted'), ('contradicted', 'contradicted'), ('noted', 'noted'), ('error', 'error')], default=payments.states.NoticeOutcome['STORED'], max_length=16, verbose_name='outcome')),
                ('says', models.CharField(blank=True, default='', max_length=255, verbose_name='says')),
                ('merchant', kit.ids.AsciiField(blank=True, db_default='', default='', max_length=96, verbose_name='merchant')),
                ('order_no', kit.ids.AsciiField(blank=True, db_index=True, default='', max_length=64, verbose_name='order number')),
                ('trade_no', kit.ids.AsciiField(blank=True, db_index=True, default='', max_length=64, verbose_name='trade number')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='received at')),
                ('size', models.PositiveIntegerField(null=True, verbose_name='bytes')),
                ('digest', kit.ids.AsciiField(blank=True, db_default='', default='', max_length=64, verbose_name='SHA-256')),
                ('address', kit.ids.AsciiField(blank=True, db_default='', default='', max_length=45, verbose_name='address')),
                ('emptied_at', models.DateTimeField(null=True, verbose_name='emptied at')),
            ],
            options={
                'verbose_name': 'notification',
                'verbose_name_plural': 'notifications',
                'indexes': [models.Index(fields=['outcome', 'created_at'], name='notice_drop'), models.Index(fields=['emptied_at', 'created_at'], name='notice_empty')],
            },
        ),
        migrations.CreateModel(
            name='PaymentOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease', kit.ids.AsciiField(editable=False, max_length=32, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('order_no', kit.ids.AsciiField(max_length=32, unique=True, verbose_name='order number')),
                ('purpose', kit.ids.AsciiField(max_length=16, verbose_name='purpose')),
                ('reference', kit.ids.AsciiField(max_length=64, verbose_name='paid for')),
                ('user_id', kit.ids.OutsideIdField(max_length=64, verbose_name='payer')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], verbose_name='channel')),
                ('scene', kit.ids.AsciiField(choices=[('app', 'app'), ('h5', 'mobile page'), ('native', 'QR code')], max_length=8, verbose_name='scene')),
                ('merchant', kit.ids.AsciiField(blank=True, db_default='', default='', max_length=96, verbose_name='merchant')),
                ('amount', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='amount')),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'created'), (1, 'reported'), (2, 'confirmed'), (3, 'closed'), (4, 'unpaid'), (5, 'failed')], default=0, verbose_name='status')),
                ('trade_no', kit.ids.AsciiField(blank=True, default='', max_length=64, verbose_name='trade number')),
                ('pay_params', models.JSONField(null=True, verbose_name='payment parameters')),
                ('add_time', models.DateTimeField(verbose_name='made at')),
                ('expire_time', models.DateTimeField(verbose_name='payable until')),
                ('reported_at', models.DateTimeField(null=True, verbose_name='reported at')),
                ('confirmed_at', models.DateTimeField(null=True, verbose_name='confirmed at')),
                ('paid_at', models.DateTimeField(null=True, verbose_name="paid at (the channel's clock)")),
                ('settle_date', models.DateField(null=True, verbose_name='settled on')),
                ('billed_on', models.DateField(null=True, verbose_name='in the bill of')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended at')),
                ('chase_at', models.DateTimeField(null=True, verbose_name='next question at')),
                ('chases', models.PositiveSmallIntegerField(default=0, verbose_name='questions')),
                ('open_key', kit.ids.AsciiField(editable=False, max_length=96, null=True, unique=True)),
            ],
            options={
                'verbose_name': 'payment order',
                'verbose_name_plural': 'payment orders',
                'indexes': [models.Index(fields=['reference'], name='order_reference'), models.Index(fields=['user_id', 'status'], name='order_payer_status'), models.Index(fields=['chase_at'], name='order_chase'), models.Index(fields=['trade_no'], name='order_trade'), models.Index(fields=['confirmed_at'], name='order_confirmed'), models.Index(fields=['pay_type', 'billed_on', 'paid_at'], name='order_billed'), models.Index(fields=['pay_type', 'id'], name='order_channel'), models.Index(fields=['status', 'id'], name='order_status'), models.Index(fields=['amount', 'id'], name='order_amount'), models.Index(fields=['add_time'], name='order_made'), models.Index(fields=['user_id', 'id'], name='order_payer')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='order_amount_positive'), models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', False), ('status', 2), models.Q(('trade_no', ''), _negated=True)), models.Q(models.Q(('status', 2), _negated=True), ('confirmed_at', None)), _connector='OR'), name='order_confirmed_has_trade')],
            },
        ),
        migrations.CreateModel(
            name='Trade',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], verbose_name='channel')),
                ('trade_no', kit.ids.AsciiField(max_length=64, verbose_name='trade number')),
                ('paid', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='paid')),
                ('refunded', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='refunded')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('pay_type', 'trade_no'), name='refunded_payment'), models.CheckConstraint(condition=models.Q(('refunded__gte', 0), ('refunded__lte', models.F('paid'))), name='trade_refunded_within')],
            },
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['status', 'created_at'], name='case_queue'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['status', 'id'], name='case_status'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['kind', 'id'], name='case_kind'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['owner', 'id'], name='case_owner'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.UniqueConstraint(fields=('kind', 'reference'), name='case_once'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('held', None), models.Q(('held__gte', 0), ('held__lte', models.F('amount'))), _connector='OR'), name='case_holds_what_it_is_about'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('held', None), ('held', 0), ('status', 0), _connector='OR'), name='case_resolved_holds_nothing'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['status', 'proposed_at'], name='refund_queue'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['pay_type', 'billed_on', 'done_at'], name='refund_billed'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['status', 'id'], name='refund_status'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['pay_type', 'id'], name='refund_channel'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['trade_no'], name='refund_trade'),
        ),
        migrations.AddIndex(
            model_name='channelrefund',
            index=models.Index(fields=['decided_at'], name='refund_decided'),
        ),
        migrations.AddConstraint(
            model_name='channelrefund',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', models.F('paid'))), name='refund_within_payment'),
        ),
        migrations.AddConstraint(
            model_name='channelrefund',
            constraint=models.CheckConstraint(condition=models.Q(('maker', None), ('checker', None), models.Q(('maker', models.F('checker')), _negated=True), _connector='OR'), name='refund_four_eyes'),
        ),
        migrations.AddConstraint(
            model_name='channelrefund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('checker', None), ('status__in', (0, 7))), models.Q(models.Q(('status__in', (0, 7)), _negated=True), ('checker__isnull', False)), _connector='OR'), name='refund_decided_by_a_checker'),
        ),
    ]
