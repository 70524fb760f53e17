"""A database of the release before is brought up to this one, and old workers go on beside new
ones: what both have written, the audit takes."""

import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab, refund, settle
from packets.states import Kind
from payments import reconcile
from payments.states import NoticeOutcome, PayType
from testing import make, stories
from tests.office import books
from tests.upgrades import baseline
from wallets import adjust, daily

OLD = "old"
RUN = "import django; django.setup(); "
TO_THE_BASELINE = RUN + (
    "from django.db import connection as c;"
    "from django.db.migrations.executor import MigrationExecutor as E;"
    "from tests.upgrades.baseline import targets;"
    "E(c).migrate(targets())"
)
COMMANDS = RUN + "from django.core.management import call_command as run;"
AUDIT = "run('audit');"
WORK = (
    "from tests.upgrades.test_old_workers import SWEEPS; from celery import current_app as app;"
    "app.loader.import_default_modules();"
    "[app.tasks[name]() for name in SWEEPS];" + AUDIT
)
# What an upgrade must bring in order; the others deal with channels that nobody plays here.
SWEEPS = (
    "packets.settle_due",
    "packets.settle_missed",
    "packets.refund_expired",
    "packets.finish_taken",
    "packets.close_drafts",
    "wallets.keep_books",
)
FIRST_NEW_KEY = 1_000_000  # new workers' rows, so that old ones' can follow below


@contextmanager
def another_database(folder):
    """A second, empty database on the same engine, as connection OLD; yields its URL."""
    config = {**connections.settings["default"], "ATOMIC_REQUESTS": False}
    if connection.vendor == "mysql":
        name = f"{connection.settings_dict['NAME']}_old"
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        account = f"{config['USER']}:{quote(config['PASSWORD'])}"
        scheme = urlsplit(os.environ["REDPACKET_DATABASE_URL"]).scheme
        url = f"{scheme}://{account}@/{name}?unix_socket={quote(config['OPTIONS']['unix_socket'])}"
    else:
        name = str(folder / "old.sqlite3")
        url = f"sqlite:///{quote(name)}"
    connections.settings[OLD] = {**config, "NAME": name}
    try:
        yield url
    finally:
        connections[OLD].close()
        del connections[OLD]
        del connections.settings[OLD]
        if connection.vendor == "mysql":
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name}")


def run(code: str, url: str, folder) -> str:
    """In a process of its own, on the other database, as a worker would; what it says."""
    env = {
        **os.environ,
        "REDPACKET_DATABASE_URL": url,
        "REDPACKET_REDIS_URL": "",
        "REDPACKET_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy(keys: dict) -> None:
    """Write here's rows there, by the columns and tables that the release before has; `keys`
    holds which are there already."""
    tables = [get_user_model(), *baseline.models()]
    there = connections[OLD]
    with there.constraint_checks_disabled(), there.cursor() as into, connection.cursor() as out:
        for model in tables:
            columns = baseline.columns(model)
            table, pk = model._meta.db_table, columns.index(model._meta.pk.column)
            names = ", ".join(connection.ops.quote_name(column) for column in columns)
            out.execute(f"SELECT {names} FROM {table}")
            known = keys.setdefault(table, set())
            rows = [row for row in out.fetchall() if row[pk] not in known]
            if table == "kit_eventplace":
                continue
            marks = ", ".join(["%s"] * len(columns))
            into.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
            known |= {row[pk] for row in rows}


def leave_room() -> None:
    """Keys of new workers' rows begin higher."""
    with connections[OLD].cursor() as cursor:
        for model in baseline.models():
            if not model._meta.pk.get_internal_type().endswith("AutoField"):
                continue
            table = model._meta.db_table
            if connection.vendor == "mysql":
                cursor.execute(f"ALTER TABLE {table} AUTO_INCREMENT = {FIRST_NEW_KEY}")
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                sequence = "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)"
                cursor.execute(sequence, [table, FIRST_NEW_KEY])


def days_of_business(who: str) -> None:
    """Paid by balance and through a channel, taken, returned, adjusted; yesterday and the day
    before."""
    now = timezone.now()
    users = [f"{who}{number}" for number in range(1, 4)]
    make.make_group(f"{who}0", *users, group_id=f"g-{who}")
    given = {"sender": f"{who}0", "for_id": f"g-{who}"}
    for ago in (2, 1):
        then = now - timedelta(days=ago, minutes=5)
        packet = make.make_packet(Kind.EQUAL, 3, "8.88", now=then, **given)
        books.credit.credit(
            user_id=packet.user_id, amount=packet.total_money, reason="test", now=then
        )
        books.pay.by_balance(public_id=packet.public_id, caller=Caller(packet.user_id), now=then)
        take(packet, users[0], then)
        refund.refund_expired(rp_id=packet.pk, now=then + timedelta(days=1))
    packet, order = make.make_reported_packet(Kind.EQUAL, 2, "5.00", now=now, **given)
    take(packet, users[0], now)
    make.confirm(order, now)
    paid_again(order, now)
    for number in (1, 2):
        settle.run_pass(rp_id=packet.pk, number=number, now=now + timedelta(minutes=1))
    compare_a_bill((now - timedelta(days=2 + bool(who > "a"))).date(), now)
    maker, checker = (
        get_user_model().objects.create(username=f"{who} {name}") for name in ("m", "c")
    )
    proposed = adjust.propose(
        user_id=users[1],
        amount=make.yuan("12.34"),
        is_credit=True,
        other="platform",
        reason="test",
        maker_id=maker.pk,
        now=now,
    )
    adjust.approve(reference=proposed.reference, checker_id=checker.pk, now=now)


def compare_a_bill(day: date, now: datetime) -> None:
    """With a payment that is not in our books, which becomes a case."""
    content = books.wechat_bill((f"{day} 12:00:00", f"42{day:%m%d}", f"rp{day:%m%d}", "5.20"))
    reconcile.reconcile(pay_type=PayType.WECHAT, day=day, content=content, now=now)


def paid_again(order, now) -> None:
    """A second payment, which waits in suspense with its case."""
    assert make.pay_order(order, now, "t-again") is NoticeOutcome.SUSPENSE


def take(packet, user: str, now) -> None:
    grab.grab(public_id=packet.public_id, caller=Caller(user), now=now + timedelta(seconds=5))


def test_a_database_of_the_release_before(tmp_path):
    """With closed days, their seals, and a day that is open: brought up by migrations and sweeps
    while old workers go on writing."""
    days_of_business("a")
    stories.topped_up_twice(timezone.now())
    daily.close_days(now=timezone.now())

    with another_database(tmp_path) as url:
        run(TO_THE_BASELINE, url, tmp_path)
        keys: dict = {}
        copy(keys)
        assert "audit clean" in run(
            COMMANDS + "run('migrate', verbosity=0);" + AUDIT, url, tmp_path
        )
        leave_room()

        assert "audit clean" in run(COMMANDS + WORK, url, tmp_path)

        days_of_business("b")  # by workers that were not stopped yet
        copy(keys)
        assert run(COMMANDS + AUDIT + WORK, url, tmp_path).count("audit clean") == 2
        assert not_booked() == 0
        assert sealed()


def not_booked() -> int:
    """Lines that are in no books."""
    with connections[OLD].cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM wallets_ledgerline WHERE booked_on IS NULL")
        return cursor.fetchone()[0]


def sealed() -> bool:
    """Whether each closed day has its two seals: those that old workers closed, too."""
    with connections[OLD].cursor() as cursor:
        cursor.execute("SELECT day FROM wallets_dailysummary ORDER BY day")
        closed = list(cursor.fetchall())
        cursor.execute("SELECT day FROM wallets_seal ORDER BY day, `table`")
        return list(cursor.fetchall()) == sorted(closed * 2) != []
