from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0002_queues"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="bill",
            index=models.Index(fields=["pay_type", "id"], name="bill_channel"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["status", "id"], name="case_status"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["kind", "id"], name="case_kind"),
        ),
        migrations.AddIndex(
            model_name="channelrefund",
            index=models.Index(fields=["status", "id"], name="refund_status"),
        ),
        migrations.AddIndex(
            model_name="channelrefund",
            index=models.Index(fields=["pay_type", "id"], name="refund_channel"),
        ),
        migrations.AddIndex(
            model_name="paymentorder",
            index=models.Index(fields=["pay_type", "id"], name="order_channel"),
        ),
    ]
