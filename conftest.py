"""Fixtures of all tests. Every test runs on a real database, commits for real, and ends with the
audit: a test that left a cent in the wrong place fails, whatever it asserted."""

import gc
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from unittest import mock

import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import caches
from django.db import connection, transaction
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone
from xdist.scheduler import LoadScopeScheduling

from kit import heartbeat, sweeps
from kit.http import caller, middleware, throttle
from kit.plumbing import handoff, redis
from kit.snapshot import snapshot
from packets import members
from payments import strangers
from payments.channels import http
from sandbox import keys
from testing import rules

# What `migrate` leaves, and no test changes.
KEPT = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "kit_eventplace",
}


class BooksAreWrong(AssertionError):
    """Said by the audit after a test."""


# Their tests share a server that takes long to start.
TOGETHER = ("tests/production/", "tests/test_chunked.py", "tests/test_up_channels.py")


class OneStack(LoadScopeScheduling):
    """Any test goes to any worker, but those of one server to the same. (A group by mark would do,
    were it seen by this pytest.)"""

    def _split_scope(self, nodeid):
        return next((one for one in TOGETHER if nodeid.startswith(one)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return OneStack(config, log)


def pytest_configure(config):
    """`.ci/run` names the servers it has started; without them the races would prove nothing."""
    required = set(filter(None, os.environ.get("REDPACKET_REQUIRE", "").split(",")))
    engine = "oceanbase" if "oceanbase" in connection.settings_dict["ENGINE"] else "mariadb"
    here = {engine} if connection.vendor == "mysql" else set()
    here |= {"redis"} if settings.REDIS_URL else set()
    if required - here:
        raise pytest.UsageError(f"REDPACKET_REQUIRE: not here: {', '.join(required - here)}")


def pytest_collection_finish(session):
    """What has been loaded by now stays: collecting it again and again is a tenth of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@pytest.hookimpl(tryfirst=True)  # before somebody is left out by a mark
def pytest_collection_modifyitems(config, items):
    """What is for the night is left out unless it is asked for.

    A browser on a busy machine is late now and then: its tests are tried a second time, whatever
    they say but that money is in the wrong place. No other test is (docs/decisions/0054)."""
    if connection.vendor == "mysql":
        _one_flavour_each(items)
    if "nightly" not in config.option.markexpr:
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        items[:] = [item for item in items if item not in nightly]
        config.hook.pytest_deselected(items=nightly)
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.flaky(reruns=1, rerun_except=[BooksAreWrong]))


def _one_flavour_each(items):
    """A test that is told of every channel is told of each on the first engine. On the other one by
    day of one channel, of each in its turn: what a channel says does not depend on the engine."""
    told = defaultdict[tuple, list](list)
    for item in items:
        of = getattr(item, "callspec", None)
        if of and (flavour := of.params.get("shop") or of.params.get("flavour")):
            rest = {name: str(value) for name, value in of.params.items() if value != flavour}
            told[item.path, item.originalname, str(rest)].append(item)
    for at, same in enumerate(told.values()):
        for item in same[: at % len(same)] + same[at % len(same) + 1 :]:
            item.add_marker(pytest.mark.nightly)


def pytest_terminal_summary(terminalreporter):
    if missing := Counter(
        report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", ())
        if "not installed" in report.longrepr[2]
    ):
        terminalreporter.section("left out")
        for why, times in missing.items():
            terminalreporter.write_line(f"{times}: {why}")
    if again := terminalreporter.stats.get("rerun"):
        terminalreporter.section("tried a second time")
        for report in again:
            why = getattr(report.longrepr, "reprcrash", None)
            terminalreporter.write_line(f"{report.nodeid} {report.when}: {why and why.message}")


@pytest.fixture(scope="session")
def test_database(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
        _read_by_rules()
    yield
    with django_db_blocker.unblock(), suppress(FileNotFoundError):  # SQLite's may be gone already
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def real_database(request, test_database, django_db_blocker):
    """Unblocked, committed for real, audited and emptied after each test."""
    with django_db_blocker.unblock():
        yield
        assert handoff.flush_all(60), "a test left a queue that nobody works off"
        filled = filled_tables()
        try:
            assert rules.kept_for_ever() == []
            if filled and not request.node.get_closest_marker("broken_books"):
                from packets import audit as packets_audit
                from wallets import book

                book.book(now=timezone.now())
                # No sweep is under way: what two passes left is left for good.
                with mock.patch.object(packets_audit, "SWEPT_WITHIN_S", 0):
                    if wrong := audited(filled_tables()):
                        raise BooksAreWrong(wrong)
        finally:
            _empty()


@cache
def _tables() -> list[str]:
    """Every table that a test may fill."""
    models = apps.get_models(include_auto_created=True)
    tables = [model._meta.db_table for model in models if model._meta.managed]
    return [connection.ops.quote_name(table) for table in tables if table not in KEPT]


def filled_tables() -> list[str]:
    """Those with rows, by one question instead of fifty deletes. Where there are none, there is
    nothing to audit and nothing to empty: every third test leaves a database as it came."""
    asked = ", ".join(f"EXISTS (SELECT 1 FROM {table})" for table in _tables())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}")
        answers = cursor.fetchone()
    return [table for table, has_rows in zip(_tables(), answers, strict=True) if has_rows]


@cache
def _read_by_rules() -> dict[Callable, set[str]]:
    """What each rule of the audit asks while all tables are empty, and finds nothing in."""
    from wallets import audit

    found = {}
    for rule in audit.rules():
        said: list[str] = []

        def hear(execute, sql, *rest, said=said):
            said.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(hear), snapshot():
            assert list(rule()) == []
        found[rule] = {table for table in _tables() if table[1:-1] in " ".join(said)}
        assert found[rule], f"{rule.__name__} reads nothing"
    return found


def audited(filled: list[str]) -> list:
    """As the product does, but for rules all of whose tables are still empty: they would ask the
    same, hear the same, and find nothing again."""
    touched = [rule for rule, tables in _read_by_rules().items() if tables & set(filled)]
    with snapshot():
        return [finding for rule in touched for finding in rule()]


def _empty() -> None:
    """The database as `migrate` leaves it, and nothing remembered."""
    if tables := filled_tables():
        unchecked = connection.constraint_checks_disabled
        with unchecked(), transaction.atomic(), connection.cursor() as cursor:  # one commit
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")
    for each in caches.all():
        each.clear()
    redis.breaker.forget()
    if redis.is_configured():
        redis.call(lambda r: r.flushdb())
    throttle._buckets.clear()
    strangers.quota.clear()
    for line in (members.line, *http.lines.values()):
        line.breaker.forget()
    sweeps._places.clear()
    heartbeat._written.clear()
    middleware.hosts.clear()
    caller.tokens.look_again()


def its_half(seeds: Sequence[int]) -> Sequence[int]:
    """Every other one is for the other engine: both legs together live them all, `make nightly`
    many more on each."""
    return seeds[connection.vendor == "mysql" :: 2]


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory) -> Path:
    """channels.json with the keys of every pretended channel: made once, they take long."""
    file = tmp_path_factory.mktemp("keys") / "channels.json"
    keys.make(file)
    return file


@pytest.fixture
def with_redis():
    """For tests that are about Redis: left out where there is none (never in CI, see above)."""
    if not redis.is_configured():
        pytest.skip("no Redis on this leg; the other leg of `make test` has one")


@pytest.fixture
def on_mariadb():
    """For tests of what only a server with concurrent writers can show."""
    if connection.vendor != "mysql":
        pytest.skip("SQLite serialises writers; the other leg of `make test` has MariaDB")


@pytest.fixture
def mariadb_alone(on_mariadb):
    """For tests of its own accounts, plans and words."""
    if not connection.mysql_is_mariadb:
        pytest.skip("MariaDB's own; its leg runs it")
