"""Structured logs: one JSON object a line, through a queue, with secrets struck out."""

import atexit
import json
import logging
import logging.handlers
import queue
import random
import re
import sys
import time
from datetime import UTC, datetime

import structlog

_SECRET_NAME = re.compile(r"(token|secret|password|authorization|key|seed|cookie)", re.IGNORECASE)
_BEARER = re.compile(r"(Bearer\s+)\S+", re.IGNORECASE)


GATHERED_S = 0.05  # how long lines may wait for others before all are written at once

_lines: queue.SimpleQueue = queue.SimpleQueue()
_encode = json.JSONEncoder(ensure_ascii=False).encode
_listener: "_Listener | None" = None


def configure(config: dict) -> None:
    """Django's LOGGING_CONFIG. The thread that answers requests never waits for the terminal."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _strike_secrets,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    _listen(handler)
    root = logging.getLogger()
    root.handlers = [_Enqueue(_lines)]
    root.setLevel(config["level"])
    logging.getLogger("axes").setLevel(logging.WARNING)
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


def _listen(handler: logging.Handler) -> None:
    """One thread writes; Django configures more than once (setup() in wsgi.py, in a command)."""
    global _listener
    if _listener:
        _listener.stop()
    else:
        atexit.register(lambda: _listener.stop())
    _listener = _Listener(_lines, handler)
    _listener.start()


def new_request_id() -> str:
    """Tells requests apart in a log; guards nothing, so it need not cost a system call."""
    return f"{random.getrandbits(128):032x}"


def request_done(request, response, took_s: float) -> None:
    """One line a request. The thread that answered only queues it; the fields hold no secret."""
    if logging.root.level > logging.INFO:
        return
    caller = getattr(request, "caller", None)
    _lines.put(
        {
            "event": "request",
            "method": request.method,
            "path": request.path_info,
            "status": response.status_code,
            "took_ms": round(took_s * 1000, 1),
            "request_id": request.request_id,
            "caller": caller and caller.user_id,
            "code": getattr(request, "problem_code", None),
            "timestamp": time.time(),
        }
    )


class _Listener(logging.handlers.QueueListener):
    """Writes what was queued: records through the handler, request lines as they are.

    Lines gather for a moment and leave in one piece: a thread that woke for each of them would
    fight the answering threads for the interpreter.
    """

    def __init__(self, *args):
        super().__init__(*args)
        self._gathered: list[str] = []

    def dequeue(self, block):
        if self.queue.empty():
            self._write()
            first = self.queue.get()
            time.sleep(GATHERED_S)
            return first
        return self.queue.get()

    def handle(self, record):
        if isinstance(record, dict):
            record["timestamp"] = datetime.fromtimestamp(record["timestamp"], UTC).isoformat()
            self._gathered.append(_encode(record))
        else:
            self._write()
            super().handle(record)

    def stop(self):
        super().stop()
        self._write()

    def _write(self):
        if self._gathered:
            sys.stderr.write("\n".join([*self._gathered, ""]))
            self._gathered.clear()


class _Enqueue(logging.handlers.QueueHandler):
    def prepare(self, record):
        return record  # the listener lives in this process: nothing needs to be pickled


def _strike_secrets(_logger, _method, event: dict) -> dict:
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = "***"
        elif isinstance(value, str) and "earer" in value:
            event[name] = _BEARER.sub(r"\1***", value)
    return event
