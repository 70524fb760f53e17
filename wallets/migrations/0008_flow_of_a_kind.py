from django.db import migrations, models


class Migration(migrations.Migration):
    """The new ones first: a flow of the release before is read from these, too."""

    dependencies = [
        ('wallets', '0007_seals'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='ledgerline',
            index=models.Index(fields=['source', 'kind', 'id'], name='ledger_source_kind'),
        ),
        migrations.AddIndex(
            model_name='ledgerline',
            index=models.Index(fields=['target', 'kind', 'id'], name='ledger_target_kind'),
        ),
        migrations.RemoveIndex(
            model_name='ledgerline',
            name='ledger_source',
        ),
        migrations.RemoveIndex(
            model_name='ledgerline',
            name='ledger_target',
        ),
    ]
