"""Structured logs: one JSON object a line, through a bounded queue, with secrets struck out.

Web processes, workers and their children, beat and commands all log this way; the thread that
writes is made by each process for itself (kit/plumbing/handoff.py).
"""

import itertools
import json
import logging
import os
import random
import re
import select
import time
from datetime import UTC, datetime
from typing import Any

import structlog
from django.http import HttpRequest
from structlog.typing import EventDict

from kit.plumbing import quick, texts
from kit.plumbing.handoff import Handoff

_SECRET_NAME = re.compile(r"(token|secret|password|authorization|key|seed|cookie)", re.IGNORECASE)
_BEARER = re.compile(r"(Bearer\s+)\S+", re.IGNORECASE)

GATHERED_S = 0.05  # how long request lines may wait for others before all are written at once
LINES_MAX = 5_000  # waiting; a stuck terminal costs lines, not memory
FIELD_MAX = 10_000  # characters; a longer value, such as a traceback, loses its middle
STDERR = 2

_refused = itertools.count()  # of this process; threads may take from it at once
_json = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _encode(value: object, **_: Any) -> str:
    """One line that a terminal can show: Chinese as it is, what would steer it as escapes."""
    return texts.seen(_json(value))


def configure(config: dict) -> None:
    """Django's LOGGING_CONFIG. The thread that answers requests never waits for the terminal."""
    handler = _Handler()
    handler.setFormatter(formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config["level"])
    logging.getLogger("django").setLevel(logging.NOTSET)  # as the root's, not INFO in any case
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            _calm,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _strike_secrets,
            _shorten,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
    )


class Logged(HttpRequest):
    """A request with what its log line tells: noted by the gate, by the API, by a refusal."""

    request_id: str
    caller: Any
    code: str
    is_refused_grab: bool


def new_request_id() -> str:
    """Tells requests apart in a log; guards nothing, so it need not cost a system call."""
    return f"{random.getrandbits(128):032x}"


def request_done(took_s: float, *, is_refused_grab: bool, **fields: object) -> None:
    """One line a request, and one of many where a crowd is refused: it says of how many.

    The thread that answered only queues it; the fields hold no secret.
    """
    if logging.root.level > logging.INFO:
        return
    if is_refused_grab:
        one_of = quick.setting("REDPACKET_LOG_REFUSED_ONE_OF")
        if next(_refused) % one_of:
            return
        fields["one_of"] = one_of
    lines_out.put(
        {"event": "request", **fields, "took_ms": round(took_s * 1000, 1), "timestamp": time.time()}
    )


class _Handler(logging.Handler):
    """A record becomes text at once: one that waited would keep its traceback's frames, and all
    that they hold, alive."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            lines_out.put(self.format(record))
        except Exception:
            self.handleError(record)


def _write(lines: list[str | dict]) -> None:
    """Request lines gather for a moment and leave in one piece: a thread that woke for each of
    them would fight the answering threads for the interpreter."""
    text = [line if isinstance(line, str) else _request_line(line) for line in lines]
    if count := lines_out.lost():
        now = datetime.now(UTC).isoformat()
        lost = {"event": "log_lines_dropped", "count": count, "level": "warning", "timestamp": now}
        text.append(_encode(lost))
    try:
        _write_all("\n".join([*text, ""]).encode("utf-8", "backslashreplace"))
    except OSError:  # nobody reads any more
        lines_out.lose(len(lines))
    if any(isinstance(line, dict) for line in lines):
        time.sleep(GATHERED_S)


def _request_line(line: dict) -> str:
    when = datetime.fromtimestamp(line["timestamp"], UTC).isoformat()
    return _encode(line | {"timestamp": when})


def _write_all(data: bytes) -> None:
    """Past Python's own stderr, whose lock might have been held by a thread when we were forked."""
    while data:
        try:
            data = data[os.write(STDERR, data) :]
        except BlockingIOError:
            select.select([], [STDERR], [])


lines_out = Handoff("log lines", _write, most=LINES_MAX)


def _calm(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A request that Django refuses is its sender's fault: no line of ours would mend it."""
    if getattr(event["_record"], "status_code", 500) < 500:
        event.pop("exc_info", None)
    return event


def _strike_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = "***"
        elif isinstance(value, str) and "earer" in value:
            event[name] = _BEARER.sub(r"\1***", value)
    return event


def _shorten(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > FIELD_MAX:
            half = FIELD_MAX // 2
            event[name] = f"{value[:half]} ... {value[-half:]}"
    return event
