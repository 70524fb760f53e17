"""Small tools of races: run again after a conflict, move once, read one moment."""

import pytest
from django.db import OperationalError, connection, transaction

from kit import retry
from kit.moves import move
from kit.snapshot import snapshot
from testing.forks import in_threads
from testing.make import make_wallet
from wallets.models import Wallet

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")
LOCK_WAIT = OperationalError(1205, "Lock wait timeout exceeded")
LOCKED = OperationalError("database is locked")
GONE = OperationalError(2006, "Server has gone away")
# As they say it. OceanBase's time-outs leave open whether a commit was done.
ON_TIDB = [
    OperationalError(8005, "Write Conflict, txnStartTS is stale"),
    OperationalError(8022, "Error: KV error safe to retry"),
    OperationalError(8028, "Information schema is changed during the execution of the statement"),
    OperationalError(9007, "Write conflict, txnStartTS=1, conflictStartTS=2"),
]
ON_OCEANBASE = [
    OperationalError(4038, "The observer or zone is not the master"),
    OperationalError(6002, "Transaction is killed"),
    OperationalError(6005, "Try lock row conflict"),
]
UNKNOWN = OperationalError(4012, "Transaction result is unknown")


def failing(error, times):
    """A verb that writes, fails `times` times, then succeeds; and the list of its runs."""
    runs = []

    @retry.unit
    def verb(*, also=None):
        runs.append(len(runs))
        Wallet.objects.filter(user_id="u1").update(frozen_reason=f"run {len(runs)}")
        if len(runs) <= times:
            raise error
        return "done"

    return verb, runs


@pytest.mark.parametrize("error", [DEADLOCK, LOCK_WAIT, LOCKED, *ON_TIDB, *ON_OCEANBASE], ids=str)
def test_conflict_runs_the_whole_unit_again(error):
    make_wallet("u1", "1.00")
    verb, runs = failing(error, 2)

    assert verb() == "done"

    assert runs == [0, 1, 2]
    assert Wallet.objects.get().frozen_reason == "run 3"


@pytest.mark.parametrize(
    ("error", "runs_expected"),
    [(DEADLOCK, 3), (GONE, 1), (UNKNOWN, 1), (ValueError("no"), 1)],
    ids=str,
)
def test_after_three_conflicts_or_any_other_error_it_is_over_and_nothing_moved(
    error, runs_expected
):
    make_wallet("u1", "1.00")
    verb, runs = failing(error, 9)

    with pytest.raises(type(error)):
        verb()

    assert len(runs) == runs_expected
    assert Wallet.objects.get().frozen_reason == ""


def test_unit_owns_its_commit():
    verb, runs = failing(DEADLOCK, 0)

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        verb()

    assert runs == []


def test_also_commits_with_the_work_or_not_at_all():
    make_wallet("u1", "1.00")
    kept = []

    class Also:
        def begin(self):
            assert connection.in_atomic_block
            kept.append("begin")

        def keep(self, result):
            assert connection.in_atomic_block
            kept.append(result)

    verb, _ = failing(DEADLOCK, 1)
    assert verb(also=Also()) == "done"
    assert kept == ["begin", "begin", "done"]

    class Refuses(Also):
        def keep(self, result):
            raise ValueError("no")

    verb, _ = failing(DEADLOCK, 0)
    Wallet.objects.update(frozen_reason="")
    with pytest.raises(ValueError, match="no"):
        verb(also=Refuses())
    assert Wallet.objects.get().frozen_reason == ""


def test_a_verb_that_declares_no_also_takes_none():
    runs = []

    @retry.unit
    def verb(*, now):
        runs.append(now)

    with pytest.raises(TypeError, match="also"):
        verb(now="now", also=None)

    assert runs == []


def test_real_deadlock_is_a_conflict(on_mariadb):
    """Two transactions take two wallets in opposite order; both get through."""
    make_wallet("u1", "1.00")
    make_wallet("u2", "1.00")
    import threading

    met = threading.Barrier(2)

    def crossing(first, second):
        runs = []

        @retry.unit
        def verb():
            runs.append(1)
            Wallet.objects.filter(user_id=first).update(frozen_reason="a")
            if len(runs) == 1:
                met.wait(60)
            Wallet.objects.filter(user_id=second).update(frozen_reason="b")

        verb()
        return len(runs)

    runs = in_threads([lambda: crossing("u1", "u2"), lambda: crossing("u2", "u1")])

    # OceanBase lets both wait until their time is over.
    assert sorted(runs) == [1, 2] or (connection.display_name == "OceanBase" and max(runs) > 1)


def test_one_of_many_movers_wins():
    make_wallet("u1", "1.00")

    def mover():
        return move(Wallet.objects.filter(user_id="u1", is_frozen=False), is_frozen=True)

    assert sorted(in_threads([mover] * 4)) == [False, False, False, True]


def test_one_of_many_movers_wins_not_without_the_condition():
    """Rows are counted as matched, not as changed: the WHERE must name the old state."""
    make_wallet("u1", "1.00")

    assert [move(Wallet.objects.filter(user_id="u1"), is_frozen=True) for _ in range(3)] == [
        True, True, True,
    ]  # fmt: skip


def test_snapshot_sees_one_moment():
    make_wallet("u1", "1.00")

    with snapshot():
        before = Wallet.objects.get().balance
        in_threads([lambda: make_wallet("u1", "1.00")])
        assert Wallet.objects.get().balance == before

    assert Wallet.objects.get().balance == before + 1


def test_without_the_snapshot_the_moment_moves():
    make_wallet("u1", "1.00")

    before = Wallet.objects.get().balance
    in_threads([lambda: make_wallet("u1", "1.00")])

    assert Wallet.objects.get().balance == before + 1


def test_snapshot_ends_also_after_an_error():
    with pytest.raises(ValueError, match="no"), snapshot():
        raise ValueError("no")

    make_wallet("u1", "1.00")
    assert Wallet.objects.count() == 1
