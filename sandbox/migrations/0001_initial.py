import django.db.models.deletion
import kit.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='SandboxDefaults',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('values', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='SandboxTrouble',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')])),
                ('call', kit.ids.AsciiField(max_length=16)),
                ('how', kit.ids.AsciiField(max_length=129)),
                ('after_s', models.FloatField(default=0)),
                ('left', models.PositiveSmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='SandboxTrade',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pay_type', models.PositiveSmallIntegerField(choices=[(0, 'unknown'), (1, 'Alipay'), (2, 'WeChat Pay'), (3, 'UnionPay'), (4, 'wallet balance')], verbose_name='channel')),
                ('order_no', kit.ids.AsciiField(max_length=64, verbose_name='order number')),
                ('merchant', kit.ids.AsciiField(blank=True, db_default='', default='', max_length=64, verbose_name='merchant')),
                ('handle', kit.ids.AsciiField(max_length=64, unique=True, verbose_name='handle')),
                ('trade_no', kit.ids.AsciiField(max_length=64, null=True, unique=True, verbose_name='trade number')),
                ('scene', kit.ids.AsciiField(max_length=8, verbose_name='scene')),
                ('subject', models.CharField(blank=True, default='', max_length=256, verbose_name='subject')),
                ('amount_fen', models.PositiveBigIntegerField(verbose_name='amount (fen)')),
                ('paid_fen', models.PositiveBigIntegerField(null=True, verbose_name='paid (fen)')),
                ('refunded_fen', models.PositiveBigIntegerField(default=0, verbose_name='refunded (fen)')),
                ('state', models.PositiveSmallIntegerField(choices=[(0, 'to be paid'), (1, 'on its way'), (2, 'paid'), (3, 'closed')], default=0, verbose_name='state')),
                ('asked', models.JSONField(default=dict, verbose_name='request')),
                ('notify_url', models.CharField(blank=True, default='', max_length=512)),
                ('return_url', models.CharField(blank=True, default='', max_length=512)),
                ('failure', models.CharField(blank=True, default='', max_length=64)),
                ('made_at', models.DateTimeField(db_index=True, verbose_name='made at')),
                ('seen_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True, verbose_name='payable until')),
                ('paid_at', models.DateTimeField(db_index=True, null=True, verbose_name='paid at')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed at')),
            ],
            options={
                'verbose_name': 'sandbox trade',
                'verbose_name_plural': 'sandbox trades',
                'constraints': [models.UniqueConstraint(fields=('pay_type', 'order_no'), name='sandbox_order_once'), models.CheckConstraint(condition=models.Q(models.Q(('paid_fen', None), ('refunded_fen', 0)), ('refunded_fen__lte', models.F('paid_fen')), _connector='OR'), name='sandbox_refund_within_payment')],
            },
        ),
        migrations.CreateModel(
            name='SandboxRefund',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('refund_no', kit.ids.AsciiField(max_length=64, verbose_name='refund number')),
                ('refund_id', kit.ids.AsciiField(max_length=64, unique=True)),
                ('amount_fen', models.PositiveBigIntegerField(verbose_name='amount (fen)')),
                ('state', models.PositiveSmallIntegerField(choices=[(0, 'pending'), (1, 'done'), (2, 'failed'), (3, 'closed')], verbose_name='state')),
                ('asked', models.JSONField(default=dict, verbose_name='request')),
                ('made_at', models.DateTimeField(verbose_name='made at')),
                ('done_at', models.DateTimeField(db_index=True, null=True, verbose_name='done at')),
                ('trade', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refunds', to='sandbox.sandboxtrade')),
            ],
            options={
                'verbose_name': 'sandbox refund',
                'verbose_name_plural': 'sandbox refunds',
            },
        ),
        migrations.CreateModel(
            name='SandboxNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('notice_id', kit.ids.AsciiField(max_length=64)),
                ('says', kit.ids.AsciiField(choices=[('paid', 'paid'), ('unpaid', 'not paid yet'), ('refunded', 'refunded')], max_length=16)),
                ('forge', models.JSONField(default=list)),
                ('url', models.CharField(max_length=512)),
                ('due_at', models.DateTimeField(verbose_name='due at')),
                ('next_at', models.DateTimeField(db_index=True, null=True, verbose_name='next try at')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('acknowledged_at', models.DateTimeField(null=True, verbose_name='acknowledged at')),
                ('answer', models.CharField(blank=True, default='', max_length=255, verbose_name='answer')),
                ('refund', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to='sandbox.sandboxrefund')),
                ('trade', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='sandbox.sandboxtrade')),
            ],
            options={
                'verbose_name': 'sandbox notification',
                'verbose_name_plural': 'sandbox notifications',
            },
        ),
        migrations.AddConstraint(
            model_name='sandboxrefund',
            constraint=models.UniqueConstraint(fields=('trade', 'refund_no'), name='sandbox_refund_once'),
        ),
    ]
