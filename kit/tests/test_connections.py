"""A connection that the server closed while it was idle costs nobody a 503."""

import time

import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from kit import sql
from kit.http.caller import Caller
from kit.plumbing.mysql import base
from packets import grab, tasks
from packets.states import Kind
from testing.make import make_expired_packet, make_group, make_paid_packet, user

DEADLINE_S = 30
LUCKY = {"type": "lucky", "for_id": "g1", "number": 2, "total_money": "10.00"}

pytestmark = pytest.mark.usefixtures("on_mariadb")


@pytest.fixture
def other():
    """A second session, to look at ours from outside."""
    other = connection.copy()
    yield other
    other.close()


def ask(session, statement: str, *values) -> list:
    with session.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def close(other):
    """Returns when the server has closed our connection; how, is the test's parameter."""

    def by_kill():
        ((number,),) = ask(connection, "SELECT CONNECTION_ID()")
        ask(other, f"KILL CONNECTION {number}")
        _until_gone(other, number)

    def by_time():
        ((number,),) = ask(connection, "SELECT CONNECTION_ID()")
        ask(connection, "SET SESSION wait_timeout = 1")
        _until_gone(other, number)

    return {"killed": by_kill, "idle": by_time}


def _until_gone(other, number: int) -> None:
    until = time.monotonic() + DEADLINE_S
    while ask(other, "SELECT 1 FROM information_schema.processlist WHERE id = %s", number):
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def packet():
    make_group("alice", "u1", "u2")
    return make_paid_packet(Kind.EQUAL, 2, "1.00")


def the_first_statement_finds_it(monkeypatch):
    """No word came: the other machine is gone, and only the next statement will tell."""
    monkeypatch.setattr(base, "is_closed", lambda connection: False)


@pytest.fixture(params=["by the socket", "by the first statement"])
def found(request, monkeypatch):
    if request.param == "by the first statement":
        the_first_statement_finds_it(monkeypatch)


@pytest.mark.parametrize("how", ["killed", "idle"])
def test_the_next_request_is_answered(close, packet, found, how):
    assert user("u1").get("wallet").status_code == 200

    close[how]()
    assert user("u1").get("wallet").status_code == 200
    close[how]()
    assert user("alice").post("packets", LUCKY).status_code == 201
    close[how]()
    assert user("u1").post(f"packets/{packet.public_id}/grab").json()["outcome"] == "grabbed"
    close[how]()
    assert user("u1").post(f"packets/{packet.public_id}/grab").json()["outcome"] != "grabbed"


@pytest.mark.parametrize("how", ["killed", "idle"])
def test_the_next_task_does_its_work(close, found, how):
    packet = make_expired_packet(Kind.EQUAL, 1, "1.00")

    close[how]()
    assert tasks.refund_expired() == 1

    packet.refresh_from_db()
    assert f"{packet.return_money}" == "1.00"


def test_the_next_request_is_a_503_without_the_guard(close, packet, monkeypatch):
    the_first_statement_finds_it(monkeypatch)
    monkeypatch.setattr(base, "GONE", set())
    alice, u1 = user("alice"), user("u1")

    for request in (
        lambda: u1.get("wallet"),
        lambda: alice.post("packets", LUCKY),
        lambda: u1.post(f"packets/{packet.public_id}/grab"),
    ):
        close["killed"]()
        assert request().status_code == 503
        connection.close()


def test_what_has_happened_in_a_transaction_is_not_sent_again(close, packet, found):
    """Half of it went with the connection: the whole fails, and its caller repeats it."""
    with pytest.raises(OperationalError), transaction.atomic():
        ask(connection, "UPDATE wallets_wallet SET balance = balance")
        close["killed"]()
        ask(connection, "SELECT 1")

    assert grab.grab(
        public_id=packet.public_id, caller=Caller("u1"), now=timezone.now()
    ).share.money


ADD = "UPDATE kit_eventplace SET last = last + 1 WHERE id = 1"
AGAIN = "INSERT INTO kit_eventplace (id, last) VALUES (1, 0)"  # it is there


def last(session=connection) -> int:
    ((found,),) = ask(session, "SELECT last FROM kit_eventplace WHERE id = 1")
    return found


def test_what_follows_begin_is_undone_and_kept_with_it(packet, other):
    before = last()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ask(connection, ADD)
        assert last(other) == before
        raise ZeroDivisionError
    assert last() == before

    with transaction.atomic(), transaction.atomic():  # a savepoint comes first
        ask(connection, ADD)

    assert last(other) != before


def test_nothing_is_sent_for_a_transaction_that_does_nothing(packet, other, mariadb_alone):
    number = "SHOW SESSION STATUS LIKE 'Questions'"
    ((_, before),) = ask(connection, number)

    with transaction.atomic():
        pass
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError

    ((_, after),) = ask(connection, number)
    assert int(after) == int(before) + 1
    assert not connection.is_to_begin


def test_a_statement_that_cannot_be_written_leaves_the_transaction_to_begin(packet):
    before = last()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with pytest.raises((ProgrammingError, TypeError)):
            ask(connection, "SELECT %s, %s", 1)
        ask(connection, ADD)
        raise ZeroDivisionError

    assert last() == before


def test_a_statement_that_cannot_be_written_without_the_guard(packet, monkeypatch):
    """Taken for sent, BEGIN would be missing, and what follows would stay."""
    begin_with = base.Cursor.execute

    def early(self, query, args=None):
        self._wrapper.is_to_begin = False
        return begin_with(self, query, args)

    before = last()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with monkeypatch.context() as patched, pytest.raises((ProgrammingError, TypeError)):
            patched.setattr(base.Cursor, "execute", early)
            ask(connection, "SELECT %s, %s", 1)
        ask(connection, ADD)
        raise ZeroDivisionError

    assert last() != before


def test_many_rows_at_once_come_behind_begin(packet):
    before = last()

    with pytest.raises(ZeroDivisionError), transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(f"{ADD} AND last >= %s", [[0], [0]])
        raise ZeroDivisionError

    assert last() == before


def test_a_first_statement_that_fails_is_an_error_of_its_kind(packet):
    with pytest.raises(IntegrityError), transaction.atomic():
        ask(connection, AGAIN)
    with pytest.raises(IntegrityError), transaction.atomic():
        ask(connection, "UPDATE wallets_wallet SET balance = NULL")

    with transaction.atomic():
        assert ask(connection, "SELECT 1") == ((1,),)


def test_of_several_statements_each_fails_in_its_turn(packet, other):
    before, reached = last(), []

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        for _ in sql.together(cursor, [(ADD, []), (AGAIN, []), (ADD, [])]):
            reached.append(cursor.rowcount)
    assert reached == [1]
    assert last(other) == before

    with transaction.atomic(), connection.cursor() as cursor:
        counts = [cursor.rowcount for _ in sql.together(cursor, [(f"{ADD} AND 0", []), (ADD, [])])]
    assert counts == [0, 1]
    assert last(other) != before


def test_who_stops_between_several_statements_can_only_roll_back(packet):
    """And the answers that nobody has heard are not taken for those of the next question."""
    before = last()
    with pytest.raises(TransactionManagementError), transaction.atomic():
        with connection.cursor() as cursor:
            next(sql.together(cursor, [(ADD, []), (ADD, []), ("SELECT 5", [])]))
        ask(connection, "SELECT 6")

    assert ask(connection, "SELECT 7") == ((7,),)
    assert last() == before


def test_a_write_outside_a_transaction_is_not_sent_again(close, monkeypatch):
    """Nobody knows whether it happened."""
    the_first_statement_finds_it(monkeypatch)

    close["killed"]()

    with pytest.raises(OperationalError):
        ask(connection, "UPDATE wallets_wallet SET balance = balance")
    connection.close()
