from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("packets", "0005_share_limits"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="redpacket",
            index=models.Index(fields=["pay_status", "id"], name="packet_status"),
        ),
        migrations.AddIndex(
            model_name="refundreview",
            index=models.Index(fields=["state", "created_at"], name="review_queue"),
        ),
    ]
