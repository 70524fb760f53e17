"""Processes for races and crashes: forked, with connections of their own, all let go at once."""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection, connections

from kit import pause

STARTED_TOGETHER_S = 0.3


def in_processes(work: Callable[[Any], Any], parts: Iterable[Any], meanwhile=None) -> list[Any]:
    """work(part) in a process each, started together; their results, in the order of the parts.

    `meanwhile()` runs here while they work.
    """
    connections.close_all()  # a forked socket would be shared
    begin = time.time() + STARTED_TOGETHER_S
    children = [_fork(lambda part=part: (_sleep_until(begin), work(part))[1]) for part in parts]
    if meanwhile:
        _sleep_until(begin)
        meanwhile()
    return [_collect(pid, pipe) for pid, pipe in children]


def forked(work: Callable[[], Any]) -> Any:
    """work() in a child that is forked as we stand, with our connections open."""
    return _collect(*_fork(work))


def killed(work: Callable[[], Any]) -> bool:
    """Run work() in a process that may kill itself; True when it did."""
    connections.close_all()
    pid, pipe = _fork(work)
    with os.fdopen(pipe, "rb") as results:
        results.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert os.WEXITSTATUS(status) == 0, "the process failed instead of being killed"
    return False


def die_before_statement(number: int) -> None:
    """SIGKILL this process when it is about to send its number-th statement (1, 2, ...).

    BEGIN and COMMIT count too: between any two steps means between any two statements.
    """
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1
        if sent == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(execute, *args):
        count()
        return execute(*args)

    connection.ensure_connection()
    connection.execute_wrappers.append(watch)
    commit = connection._commit

    def counted_commit():
        count()
        commit()
        count()

    connection._commit = counted_commit


def in_threads(works: list[Callable[[], Any]]) -> list[Any]:
    """Each work() in a thread with a connection of its own; results or exceptions."""
    results: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def run(at: int) -> None:
        try:
            barrier.wait()
            results[at] = works[at]()
        except Exception as error:
            results[at] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_the_midst(name: str, intruder: Callable[[], Any], work: Callable[[], Any], *, at_once: bool):
    """work() comes to a pause, where the intruder starts in a thread of its own. `at_once`: it does
    not have to wait for ours."""
    others: list[threading.Thread] = []

    def run() -> None:
        try:
            intruder()
        finally:
            connections.close_all()

    def another() -> None:
        others.append(threading.Thread(target=run))
        others[0].start()
        if at_once:
            others[0].join()

    with pause.at(name, another):
        work()
    others[0].join()


def _fork(work: Callable[[], Any]) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        os.close(reader)
        result = work()
        with os.fdopen(writer, "wb") as results:
            results.write(pickle.dumps(result))
        connections.close_all()
        os._exit(0)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        os._exit(1)


def _collect(pid: int, pipe: int) -> Any:
    with os.fdopen(pipe, "rb") as results:
        data = results.read()
    os.waitpid(pid, 0)
    assert data, f"process {pid} failed; its traceback is above"
    return pickle.loads(data)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))
