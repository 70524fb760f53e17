import django.db.models.deletion
import kit.ids
import kit.money
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
            name='AuditRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('began_at', models.DateTimeField(verbose_name='began at')),
                ('took_ms', models.PositiveIntegerField(verbose_name='took (ms)')),
                ('rules', models.PositiveSmallIntegerField(verbose_name='rules')),
                ('findings', models.PositiveIntegerField(verbose_name='findings')),
                ('says', models.JSONField(default=list, verbose_name='says')),
                ('since', models.DateField(null=True, verbose_name='behind the day')),
                ('until', models.DateField(null=True, verbose_name='up to the day')),
            ],
            options={
                'verbose_name': 'audit run',
                'verbose_name_plural': 'audit runs',
            },
        ),
        migrations.CreateModel(
            name='DailySummary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(unique=True, verbose_name='day')),
                ('closed_at', models.DateTimeField(verbose_name='closed at')),
            ],
            options={
                'verbose_name': 'daily summary',
                'verbose_name_plural': 'daily summaries',
            },
        ),
        migrations.CreateModel(
            name='OpenDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='OpeningBalance',
            fields=[
                ('user_id', kit.ids.OutsideIdField(max_length=64, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('balance', kit.money.MoneyField(decimal_places=2, max_digits=13)),
            ],
        ),
        migrations.CreateModel(
            name='LedgerLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.PositiveSmallIntegerField(choices=[(1, 'Sent red packet'), (2, 'Grabbed red packet'), (3, 'Expired red packet returned'), (4, 'Top-up'), (5, 'Adjustment'), (6, 'Paid through a channel'), (7, 'Arrived without an owner'), (8, 'Refunded through the channel')], verbose_name='kind')),
                ('reference', kit.ids.AsciiField(max_length=96, verbose_name='reference')),
                ('source', kit.ids.AsciiField(max_length=80, verbose_name='source')),
                ('target', kit.ids.AsciiField(max_length=80, verbose_name='target')),
                ('amount', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='amount')),
                ('note', models.CharField(blank=True, default='', max_length=255, verbose_name='note')),
                ('created_at', models.DateTimeField(verbose_name='time')),
                ('booked_on', models.DateField(null=True, verbose_name='booked on')),
            ],
            options={
                'verbose_name': 'ledger line',
                'verbose_name_plural': 'ledger lines',
                'indexes': [models.Index(fields=['source', 'kind', 'id'], name='ledger_source_kind'), models.Index(fields=['target', 'kind', 'id'], name='ledger_target_kind'), models.Index(fields=['booked_on', 'id'], name='ledger_booked')],
                'constraints': [models.UniqueConstraint(fields=('kind', 'reference'), name='ledger_kind_reference'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='ledger_amount_positive'), models.CheckConstraint(condition=models.Q(('source', models.F('target')), _negated=True), name='ledger_two_accounts')],
            },
        ),
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('table', kit.ids.AsciiField(choices=[('lines', 'ledger lines'), ('actions', 'staff actions')], max_length=8)),
                ('day', models.DateField()),
                ('rows', models.PositiveIntegerField()),
                ('digest', kit.ids.AsciiField(max_length=64)),
                ('seal', kit.ids.AsciiField(max_length=80)),
            ],
            options={
                'verbose_name': 'seal',
                'verbose_name_plural': 'seals',
                'constraints': [models.UniqueConstraint(fields=('table', 'day'), name='seal_once')],
            },
        ),
        migrations.CreateModel(
            name='Wallet',
            fields=[
                ('user_id', kit.ids.OutsideIdField(max_length=64, primary_key=True, serialize=False, verbose_name='user')),
                ('balance', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=13, verbose_name='balance')),
                ('is_frozen', models.BooleanField(db_index=True, default=False, verbose_name='frozen')),
                ('frozen_reason', models.CharField(blank=True, default='', max_length=255, verbose_name='reason')),
                ('created_at', models.DateTimeField(verbose_name='opened at')),
            ],
            options={
                'verbose_name': 'wallet',
                'verbose_name_plural': 'wallets',
                'constraints': [models.CheckConstraint(condition=models.Q(('balance__gte', 0)), name='wallet_balance_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Adjustment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', kit.ids.AsciiField(max_length=32, unique=True, verbose_name='reference')),
                ('source', kit.ids.AsciiField(max_length=80, verbose_name='source')),
                ('target', kit.ids.AsciiField(max_length=80, verbose_name='target')),
                ('amount', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='amount')),
                ('case_id', models.PositiveBigIntegerField(db_index=True, null=True, verbose_name='case')),
                ('reason', models.CharField(max_length=255, verbose_name='reason')),
                ('attachment', models.CharField(blank=True, default='', max_length=255, verbose_name='attachment')),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'proposed'), (1, 'approved'), (2, 'rejected'), (3, 'withdrawn')], default=0, verbose_name='status')),
                ('proposed_at', models.DateTimeField(db_index=True, verbose_name='proposed at')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided at')),
                ('checker', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='checker')),
                ('maker', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='maker')),
            ],
            options={
                'verbose_name': 'adjustment',
                'verbose_name_plural': 'adjustments',
                'indexes': [models.Index(fields=['status', 'proposed_at'], name='adjustment_queue'), models.Index(fields=['status', 'id'], name='adjustment_status'), models.Index(fields=['decided_at'], name='adjustment_decided')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='adjustment_amount_positive'), models.CheckConstraint(condition=models.Q(('checker', None), models.Q(('maker', models.F('checker')), _negated=True), _connector='OR'), name='adjustment_four_eyes'), models.CheckConstraint(condition=models.Q(models.Q(('checker', None), ('status__in', (0, 3))), models.Q(models.Q(('status__in', (0, 3)), _negated=True), ('checker__isnull', False)), _connector='OR'), name='adjustment_decided_by_a_checker')],
            },
        ),
        migrations.CreateModel(
            name='DailyFigure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.PositiveSmallIntegerField(choices=[(1, 'Sent red packet'), (2, 'Grabbed red packet'), (3, 'Expired red packet returned'), (4, 'Top-up'), (5, 'Adjustment'), (6, 'Paid through a channel'), (7, 'Arrived without an owner'), (8, 'Refunded through the channel')], verbose_name='kind')),
                ('source', kit.ids.AsciiField(max_length=32, verbose_name='source')),
                ('target', kit.ids.AsciiField(max_length=32, verbose_name='target')),
                ('lines', models.PositiveIntegerField(verbose_name='lines')),
                ('amount', kit.money.MoneyField(decimal_places=2, max_digits=13, verbose_name='amount')),
                ('summary', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='figures', to='wallets.dailysummary')),
            ],
            options={
                'verbose_name': 'daily figure',
                'verbose_name_plural': 'daily figures',
                'constraints': [models.UniqueConstraint(fields=('summary', 'kind', 'source', 'target'), name='daily_figure_once')],
            },
        ),
    ]
