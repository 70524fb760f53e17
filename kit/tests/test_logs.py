"""Lines gather, none overtakes another, none keeps what it speaks of alive."""

import gc
import json
import logging
import threading
import weakref

from kit.plumbing import handoff, logs


def test_lines_leave_in_order_and_all_of_them(capfd):
    for line in ({"path": "/一", "timestamp": 0.0}, "in between", {"path": "/2", "timestamp": 1.5}):
        logs.lines_out.put(line)

    assert logs.lines_out.flush(30)

    first, middle, last = capfd.readouterr().err.splitlines()
    assert json.loads(first) == {"path": "/一", "timestamp": "1970-01-01T00:00:00+00:00"}
    assert middle == "in between"
    assert json.loads(last) == {"path": "/2", "timestamp": "1970-01-01T00:00:01.500000+00:00"}


def test_what_was_lost_is_said_with_the_next_line(capfd):
    logs.lines_out.lose(3)
    logs.lines_out.put("next")

    assert logs.lines_out.flush(30)

    following, lost = capfd.readouterr().err.splitlines()
    assert following == "next"
    assert json.loads(lost).items() >= {"event": "log_lines_dropped", "count": 3}.items()


class Big:
    """Something that a failing function held."""


def a_record_of_a_failure() -> tuple[logging.LogRecord, weakref.ref]:
    held = Big()
    try:
        raise ValueError(f"oh {'x' * 3 * logs.FIELD_MAX} dear")
    except ValueError as error:
        kind = type(error), error, error.__traceback__
    return logging.makeLogRecord({"msg": "failed", "exc_info": kind}), weakref.ref(held)


def test_a_waiting_line_keeps_no_frame_alive_and_is_bounded(monkeypatch):
    stop = threading.Event()
    waiting = handoff.Handoff("test", lambda items: stop.wait(), most=10)
    waiting.put("nobody takes out what comes behind this")
    while not waiting._items.empty():
        pass
    monkeypatch.setattr(logs, "lines_out", waiting)
    handler = logs._Handler()
    handler.setFormatter(logs.formatter())
    record, held = a_record_of_a_failure()

    handler.emit(record)
    del record
    gc.collect()

    assert held() is None
    line = json.loads(waiting._items.get())
    stop.set()
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith(" dear")
    assert len(line["exception"]) < logs.FIELD_MAX + 10


def test_what_was_refused_to_its_sender_has_no_traceback():
    """As Django logs it: with the exception and the answer's status."""
    for status, has_one in ((413, False), (500, True)):
        record, _held = a_record_of_a_failure()
        record.status_code = status
        assert ("Traceback" in logs.formatter().format(record)) is has_one


def test_a_waiting_record_keeps_frames_alive_without_the_guard():
    record, held = a_record_of_a_failure()
    gc.collect()

    assert held() is not None
    del record
