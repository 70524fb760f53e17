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
            name='Group',
            fields=[
                ('group_id', kit.ids.OutsideIdField(max_length=64, primary_key=True, serialize=False, verbose_name='group')),
            ],
            options={
                'verbose_name': 'group',
                'verbose_name_plural': 'groups',
            },
        ),
        migrations.CreateModel(
            name='GroupMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group_id', kit.ids.OutsideIdField(max_length=64, verbose_name='group')),
                ('user_id', kit.ids.OutsideIdField(max_length=64, verbose_name='user')),
            ],
            options={
                'verbose_name': 'group member',
                'verbose_name_plural': 'group members',
                'indexes': [models.Index(fields=['user_id'], name='group_member_user')],
                'constraints': [models.UniqueConstraint(fields=('group_id', 'user_id'), name='group_member')],
            },
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('user_id', kit.ids.OutsideIdField(max_length=64, primary_key=True, serialize=False, verbose_name='user')),
                ('nickname', models.CharField(blank=True, max_length=64, verbose_name='nickname')),
                ('avatar', models.CharField(blank=True, max_length=512, verbose_name='avatar')),
            ],
            options={
                'verbose_name': 'profile',
                'verbose_name_plural': 'profiles',
                'indexes': [models.Index(fields=['nickname'], name='profile_nickname')],
            },
        ),
        migrations.CreateModel(
            name='RedPacket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', kit.ids.AsciiField(max_length=32, unique=True, verbose_name='packet id')),
                ('user_id', kit.ids.OutsideIdField(max_length=64, verbose_name='sender')),
                ('for_id', kit.ids.OutsideIdField(max_length=64, verbose_name='for')),
                ('pay_status', models.PositiveSmallIntegerField(choices=[(0, 'unpaid'), (1, 'paid'), (2, 'awaiting arrival')], default=0, verbose_name='payment')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], default=0, verbose_name='paid by')),
                ('trade_no', kit.ids.AsciiField(blank=True, default='', max_length=64, verbose_name='trade number')),
                ('type', models.PositiveSmallIntegerField(choices=[(1, 'personal'), (2, 'group, equal shares'), (3, 'group, lucky draw'), (4, 'group, exclusive')], verbose_name='kind')),
                ('intro', models.CharField(max_length=255, verbose_name='greeting')),
                ('number', models.PositiveSmallIntegerField(verbose_name='number of shares')),
                ('total_money', kit.money.MoneyField(decimal_places=2, max_digits=10, verbose_name='total')),
                ('single_money', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=10, verbose_name='one share')),
                ('return_money', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=10, verbose_name='returned')),
                ('is_cli_handle', models.BooleanField(default=False, verbose_name='expiry dealt with')),
                ('expend_time', models.PositiveIntegerField(null=True, verbose_name='gone in (s)')),
                ('add_time', models.DateTimeField(verbose_name='made at')),
                ('pay_time', models.DateTimeField(null=True, verbose_name='issued at')),
                ('expire_time', models.DateTimeField(null=True, verbose_name='expires at')),
                ('draft_until', models.DateTimeField(null=True, verbose_name='payable until')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed at')),
                ('forget_at', models.DateTimeField(null=True, verbose_name='dropped at')),
                ('voided_at', models.DateTimeField(null=True, verbose_name='voided at')),
                ('is_frozen', models.BooleanField(default=False, verbose_name='frozen')),
                ('frozen_reason', models.CharField(blank=True, default='', max_length=255, verbose_name='reason')),
                ('share_min', kit.money.MoneyField(db_default=Decimal('0.01'), decimal_places=2, max_digits=10, verbose_name='least share')),
                ('share_max', kit.money.MoneyField(db_default=Decimal('200.00'), decimal_places=2, max_digits=10, verbose_name='largest share')),
                ('commitment', kit.ids.AsciiField(blank=True, default='', max_length=64, verbose_name='commitment')),
                ('seed', kit.ids.AsciiField(blank=True, default='', max_length=64, verbose_name='seed')),
            ],
            options={
                'verbose_name': 'red packet',
                'verbose_name_plural': 'red packets',
                'db_table': 'red_packet',
                'indexes': [models.Index(fields=['user_id', 'add_time'], name='packet_sender_made'), models.Index(fields=['user_id', 'pay_time'], name='packet_sender_issued'), models.Index(fields=['pay_status', 'is_cli_handle', 'expire_time'], name='packet_expiry_sweep'), models.Index(fields=['pay_time'], name='packet_pay_time'), models.Index(fields=['pay_status', 'id'], name='packet_status'), models.Index(fields=['type', 'id'], name='packet_kind'), models.Index(fields=['is_frozen', 'id'], name='packet_frozen'), models.Index(fields=['for_id', 'id'], name='packet_whom'), models.Index(fields=['total_money'], name='packet_total'), models.Index(fields=['draft_until'], name='packet_draft_sweep'), models.Index(fields=['user_id', 'draft_until'], name='packet_sender_drafts'), models.Index(fields=['forget_at'], name='packet_forget_sweep')],
                'constraints': [models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='packet_number_positive'), models.CheckConstraint(condition=models.Q(('total_money__gt', 0)), name='packet_total_positive'), models.CheckConstraint(condition=models.Q(('return_money__gte', 0), ('return_money__lte', models.F('total_money'))), name='packet_return_within_total'), models.CheckConstraint(condition=models.Q(models.Q(('expire_time', None), ('pay_status', 0), ('pay_time', None)), models.Q(models.Q(('pay_status', 0), _negated=True), ('pay_time__isnull', False), ('expire_time__isnull', False)), _connector='OR'), name='packet_issued_has_times')],
            },
        ),
        migrations.CreateModel(
            name='YearSoFar',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', kit.ids.OutsideIdField(max_length=64)),
                ('year', models.PositiveSmallIntegerField()),
                ('until', models.DateTimeField()),
                ('sent_number', models.PositiveIntegerField(default=0)),
                ('sent_money', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=13)),
                ('received_number', models.PositiveIntegerField(default=0)),
                ('received_money', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=13)),
                ('best_luck', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user_id', 'year'), name='year_once')],
            },
        ),
        migrations.CreateModel(
            name='RefundReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', kit.ids.OutsideIdField(db_index=True, max_length=64, verbose_name='sender')),
                ('amount', kit.money.MoneyField(db_index=True, decimal_places=2, max_digits=10, verbose_name='amount')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], db_index=True, verbose_name='paid by')),
                ('state', models.PositiveSmallIntegerField(choices=[(0, 'to review'), (1, 'reviewed'), (2, 'disputed'), (3, 'settled')], db_index=True, default=0, verbose_name='state')),
                ('note', models.CharField(blank=True, default='', max_length=255, verbose_name='note')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided at')),
                ('created_at', models.DateTimeField(db_index=True, verbose_name='refunded at')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('packet', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='review', to='packets.redpacket', verbose_name='packet')),
            ],
            options={
                'verbose_name': 'expiry refund',
                'verbose_name_plural': 'expiry refunds',
                'indexes': [models.Index(fields=['state', 'created_at'], name='review_queue')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='review_amount_positive'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 0)), models.Q(models.Q(('state', 0), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='review_moved_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('state', 2), _negated=True), models.Q(('note', ''), _negated=True), _connector='OR'), name='review_dispute_has_a_note')],
            },
        ),
        migrations.CreateModel(
            name='SettlementPass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease', kit.ids.AsciiField(editable=False, max_length=32, null=True)),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('number', models.PositiveSmallIntegerField(verbose_name='pass')),
                ('due_at', models.DateTimeField(verbose_name='due at')),
                ('run_at', models.DateTimeField(null=True, verbose_name='runs at')),
                ('done_at', models.DateTimeField(null=True, verbose_name='done at')),
                ('shares', models.PositiveSmallIntegerField(default=0, verbose_name='shares credited')),
                ('money', kit.money.MoneyField(decimal_places=2, default=Decimal('0.00'), max_digits=10, verbose_name='money credited')),
                ('packet', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='passes', to='packets.redpacket', verbose_name='packet')),
            ],
            options={
                'verbose_name': 'settlement pass',
                'verbose_name_plural': 'settlement passes',
                'indexes': [models.Index(fields=['run_at'], name='pass_run')],
                'constraints': [models.UniqueConstraint(fields=('packet', 'number'), name='pass_packet_number'), models.CheckConstraint(condition=models.Q(('number__in', (1, 2))), name='pass_one_or_two'), models.CheckConstraint(condition=models.Q(('done_at', None), ('run_at', None), _connector='OR'), name='pass_done_runs_no_more')],
            },
        ),
        migrations.CreateModel(
            name='Share',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(verbose_name='position')),
                ('for_user', kit.ids.OutsideIdField(max_length=64, null=True, verbose_name='for')),
                ('user_id', kit.ids.OutsideIdField(max_length=64, null=True, verbose_name='taker')),
                ('money', kit.money.MoneyField(decimal_places=2, max_digits=10, verbose_name='amount')),
                ('is_good', models.BooleanField(default=False, verbose_name='best luck')),
                ('is_into_account', models.BooleanField(default=False, verbose_name='credited')),
                ('is_returned', models.BooleanField(default=False, verbose_name='returned')),
                ('add_time', models.DateTimeField(verbose_name='made at')),
                ('update_time', models.DateTimeField(null=True, verbose_name='taken at')),
                ('owed_at', models.GeneratedField(db_persist=False, expression=models.Case(models.When(is_into_account=False, then=models.F('update_time'))), output_field=models.DateTimeField(null=True), verbose_name='owed since')),
                ('rp', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='shares', to='packets.redpacket', verbose_name='packet')),
            ],
            options={
                'verbose_name': 'share',
                'verbose_name_plural': 'shares',
                'db_table': 'red_packet_log',
                'indexes': [models.Index(fields=['user_id', 'update_time'], name='share_taker_time'), models.Index(fields=['owed_at'], name='share_owed')],
                'constraints': [models.UniqueConstraint(fields=('rp', 'position'), name='share_packet_position'), models.UniqueConstraint(fields=('rp', 'user_id'), name='share_packet_taker'), models.UniqueConstraint(fields=('rp', 'for_user'), name='share_packet_for'), models.CheckConstraint(condition=models.Q(('money__gt', 0)), name='share_money_positive'), models.CheckConstraint(condition=models.Q(models.Q(('is_into_account', False), ('update_time', None), ('user_id', None)), models.Q(('is_returned', False), ('update_time__isnull', False), ('user_id__isnull', False)), _connector='OR'), name='share_taken_or_not'), models.CheckConstraint(condition=models.Q(('user_id', None), ('for_user', None), ('user_id', models.F('for_user')), _connector='OR'), name='share_for_its_taker')],
            },
        ),
    ]
