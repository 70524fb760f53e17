import re
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

# What is written once and for all; the columns that a sweep fills in afterwards may be changed.
HISTORY = {
    "wallets.LedgerLine": ("booked_on",),
    "wallets.DailySummary": (),
    "wallets.DailyFigure": (),
    "wallets.Seal": (),
    "office.StaffAction": ("booked_on",),
    "office.StaffEvent": (),
    "wallets.AuditRun": (),
}
ACCOUNT = re.compile(r"[A-Za-z0-9_]{1,32}@[A-Za-z0-9_.%-]{1,60}")


class Command(BaseCommand):
    help = (
        "Print the SQL that gives a database account what web, worker and beat need, and no more:"
        " it reads and adds, and cannot change or delete history nor alter a table."
        " As root: manage.py grants hongbao@localhost | mariadb hongbao"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="user@host")

    def handle(self, *, account: str, **options: Any) -> None:
        if connection.vendor != "mysql":
            raise CommandError("Only MariaDB and MySQL have accounts.")
        if not ACCOUNT.fullmatch(account):
            raise CommandError(f"{account!r} is no user@host.")
        user, _, host = account.partition("@")
        whom = f"'{user}'@'{host}'"
        history = {apps.get_model(name)._meta.db_table: kept for name, kept in HISTORY.items()}
        self.stdout.write(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {whom};")
        for table in sorted(connection.introspection.table_names()):
            rights = ["SELECT"]
            if table not in history:
                rights += ["INSERT", "UPDATE", "DELETE"]
            else:
                rights += ["INSERT", *(f"UPDATE ({column})" for column in history[table])]
            if table == "django_migrations":
                rights = ["SELECT"]
            name = connection.ops.quote_name(table)
            self.stdout.write(f"GRANT {', '.join(rights)} ON {name} TO {whom};")
