"""Traces (OpenTelemetry), off unless REDPACKET_TRACES_TO says where to: a request, its statements,
its commit, and the tasks that it left.

Nothing imports this, or the SDK, while they are off. Spans hold no ids and no values: routes as
they are declared, a statement's first word and its table, a task's name, and the number of the
request by which its log lines are found.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from celery.signals import task_postrun, task_prerun
from django.db.backends.signals import connection_created
from django.urls import Resolver404, resolve
from opentelemetry import context, propagate, trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from kit import later

_FIRST = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:INTO|UPDATE|FROM)\s+[`\"]?(\w+)")

_tracer: trace.Tracer = trace.NoOpTracer()
_spans_of_tasks: dict[str, tuple[trace.Span, object]] = {}


def begin(to: str) -> None:
    """For this process, and after the fork of whoever forks: the sender has a thread."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    send_to(BatchSpanProcessor(OTLPSpanExporter(endpoint=to)))


def send_to(processor: SpanProcessor) -> None:
    """Which of them, and under which name, say the OTEL_... variables (OTEL_TRACES_SAMPLER)."""
    global _tracer
    provider = TracerProvider(resource=Resource.create({"service.name": "hongbao"}))
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("hongbao")
    for signal, receiver in HEARS:
        signal.connect(receiver)
    later.carried = carried


def carried() -> dict[str, str]:
    """What a task takes along so that it is of the same trace."""
    headers: dict[str, str] = {}
    inject(headers)
    return headers


class Requests:
    """A WSGI application, a span around each request. What callers say of traces of theirs is not
    believed: they are strangers."""

    def __init__(self, application: Callable) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        name = f"{environ['REQUEST_METHOD']} {_route(environ.get('PATH_INFO', ''))}"
        nobody = context.Context()
        with _tracer.start_as_current_span(name, nobody, SpanKind.SERVER) as span:

            def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                span.set_attribute("http.response.status_code", int(status[:3]))
                for header, value in headers:
                    if header.lower() == "x-request-id":
                        span.set_attribute("request_id", value)
                return start_response(status, headers, *more)

            return self.application(environ, begin)


def _route(path: str) -> str:
    try:
        return "/" + resolve(path).route
    except Resolver404:
        return "(none)"


def _watch_connection(connection: Any, **_: Any) -> None:
    """Its statements, and its commits; a connection that is made anew is the same object."""
    if _statement in connection.execute_wrappers:
        return
    connection.execute_wrappers.append(_statement)
    commit = connection._commit

    def committed() -> None:
        with _within("COMMIT"):
            commit()

    connection._commit = committed


def _statement(execute: Callable, sql: str, params: Any, many: bool, about: Any) -> Any:
    first, table = _FIRST.match(sql), _TABLE.search(sql)
    with _within(" ".join(found[1] for found in (first, table) if found)):
        return execute(sql, params, many, about)


def _within(name: str) -> Any:
    """A span of the trace under way; none begins by a statement alone."""
    if not trace.get_current_span().is_recording():
        return trace.use_span(trace.INVALID_SPAN)
    return _tracer.start_as_current_span(name, kind=SpanKind.CLIENT)


def _begin_task(task_id: str, task: Any, **_: Any) -> None:
    """Of the trace that has left it; one that beat sends begins its own."""
    parent = extract(_told(task.request), context=context.Context())
    span = _tracer.start_span(task.name, parent, SpanKind.CONSUMER)
    _spans_of_tasks[task_id] = span, context.attach(trace.set_span_in_context(span))


def _told(request: Any) -> dict[str, str]:
    """What a task was given to take along: a worker finds it among what its message says of the
    task itself."""
    names = propagate.get_global_textmap().fields
    found = {name: request.get(name) for name in names if request.get(name)}
    return found or request.headers or {}


def _end_task(task_id: str, state: str = "", **_: Any) -> None:
    if found := _spans_of_tasks.pop(task_id, None):
        span, token = found
        if state == "FAILURE":
            span.set_status(StatusCode.ERROR)
        span.end()
        context.detach(token)  # type: ignore[arg-type]


HEARS = (
    (connection_created, _watch_connection),
    (task_prerun, _begin_task),
    (task_postrun, _end_task),
)
