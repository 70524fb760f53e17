"""A queue with one thread behind it: bounded, in order, outliving its failures."""

import threading
from queue import SimpleQueue

from kit.plumbing import metrics
from kit.plumbing.handoff import Handoff

DEADLINE_S = 30


def dropped() -> float:
    return metrics.DROPPED.labels("test")._value.get()


def test_in_order_and_by_one_thread_that_is_not_ours():
    done = []
    queue = Handoff(
        "test", lambda items: done.extend((i, threading.get_ident()) for i in items), most=9
    )

    for i in range(9):
        queue.put(i)

    assert queue.flush(DEADLINE_S)
    assert [i for i, _ in done] == list(range(9))
    assert len({thread for _, thread in done} - {threading.get_ident()}) == 1


def test_full_means_lost_and_counted_and_nobody_waits():
    stop, done = threading.Event(), []
    queue = Handoff("test", lambda items: (stop.wait(), done.extend(items)), most=3)
    before = dropped()
    queue.put("stuck")
    while not queue._items.empty():  # until the thread has it
        pass

    for i in range(5):
        queue.put(i)

    assert not queue.flush(0)
    stop.set()
    assert queue.flush(DEADLINE_S)
    assert done == ["stuck", 0, 1, 2]
    assert (queue.lost(), queue.lost(), dropped() - before) == (2, 0, 2)


def test_who_flushes_does_not_wait_for_more_to_come():
    done = []
    queue = Handoff("test", done.append, most=9, gathers_s=DEADLINE_S * 100)

    queue.put(1)
    queue.put(2)

    assert queue.flush(DEADLINE_S)
    assert done == [[1, 2]]


def test_what_comes_meanwhile_is_worked_on_together_and_without_a_flush():
    done = SimpleQueue()
    queue = Handoff("test", done.put, most=9, gathers_s=0.01)

    queue.put(1)

    assert done.get(timeout=DEADLINE_S) == [1]


def test_a_failure_does_not_end_the_thread(capfd):
    done = []

    def work(items):
        done.extend(items)
        raise ValueError("oh")

    queue = Handoff("test", work, most=9)
    for i in (1, 2):
        queue.put(i)
        assert queue.flush(DEADLINE_S)

    assert done == [1, 2]
    assert "ValueError: oh" in capfd.readouterr().err


def test_after_the_end_whoever_puts_does_the_work(monkeypatch):
    """Python's own last steps may still log, and no thread begins any more."""
    done = []
    queue = Handoff(
        "test", lambda items: done.extend((i, threading.get_ident()) for i in items), most=9
    )

    def ended(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", ended)

    queue.put(1)

    assert done == [(1, threading.get_ident())]
    assert queue.flush(0)
