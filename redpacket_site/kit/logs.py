"""Structured logs: one JSON object a line, through a queue, with secrets struck out."""

import atexit
import logging
import logging.handlers
import queue
import re
import sys

import structlog

_SECRET_NAME = re.compile(r"(token|secret|password|authorization|key|seed|cookie)", re.IGNORECASE)
_BEARER = re.compile(r"(Bearer\s+)\S+", re.IGNORECASE)


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
    lines: queue.SimpleQueue = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(lines, handler)
    listener.start()
    atexit.register(listener.stop)
    root = logging.getLogger()
    root.handlers = [_Enqueue(lines)]
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
