import kit.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_list_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="channelrefund",
            name="lease",
            field=kit.ids.AsciiField(editable=False, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="channelrefund",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="paymentorder",
            name="lease",
            field=kit.ids.AsciiField(editable=False, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="paymentorder",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
