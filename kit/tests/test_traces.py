"""One trace from a request over its commit to the task that it left; off, none and no cost."""

import subprocess
import sys
from io import BytesIO

import pytest
from celery import current_app
from celery.signals import task_postrun, task_prerun
from django.db import connection
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from kit import later, traces
from kit.plumbing import handoff
from packets.states import Kind
from redpacket_site import wsgi
from sandbox.management.commands.token import token
from testing.make import make_group, make_paid_packet


@pytest.fixture
def spans(monkeypatch):
    monkeypatch.setattr(later, "carried", later.carried)
    exporter = InMemorySpanExporter()
    connection.close()
    traces.send_to(SimpleSpanProcessor(exporter))
    connection.connect()
    yield exporter.get_finished_spans
    connection.close()
    connection.execute_wrappers.clear()
    connection.__dict__.pop("_commit", None)
    for signal, receiver in traces.HEARS:
        signal.disconnect(receiver)


@pytest.fixture
def published(monkeypatch) -> list:
    tasks: list = []
    monkeypatch.setattr(later.broker, "publish", lambda *task: tasks.append(task))
    return tasks


def grab(taker: str, public_id: str) -> None:
    """Through the door that the server calls, as it calls it."""
    answers: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/api/v1/packets/{public_id}/grab",
        "HTTP_AUTHORIZATION": f"Bearer {token(taker, 3600)}",
        "HTTP_HOST": "localhost",
        # A stranger's trace is not ours.
        "HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    body = traces.Requests(wsgi.application)(
        environ, lambda status, _headers: answers.append(status)
    )
    assert answers == ["200 OK"], b"".join(body)
    return answers[0]


def as_a_worker_does(task, args: tuple, headers: dict[str, str]) -> None:
    """Whose task knows the headers of its message by their names."""
    task.push_request(id="t", **headers)
    try:
        task_prerun.send(sender=task, task_id="t", task=task, args=args, kwargs={})
        task.run(*args)
        task_postrun.send(sender=task, task_id="t", task=task, state="SUCCESS")
    finally:
        task.pop_request()


def test_request_commit_and_task_are_one_trace(spans, published):
    make_group("alice", "u1", "u2")
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
    handoff.flush_all()
    published.clear()
    assert spans() == (), "what nobody has asked for begins no trace"

    grab("u1", packet.public_id)
    handoff.flush_all()
    for name, args, _in_s, headers in published:
        as_a_worker_does(current_app.tasks[name], args, headers)

    found = spans()
    (request,) = [span for span in found if span.kind is SpanKind.SERVER]
    tasks = [span for span in found if span.kind is SpanKind.CONSUMER]
    commits = [span for span in found if span.name == "COMMIT"]
    assert request.name.startswith("POST /api/v1/packets/")
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["request_id"]
    assert {task.name for task in tasks} == {name for name, *_ in published}
    assert {span.context.trace_id for span in found} == {request.context.trace_id}
    assert request.parent is None
    assert all(task.parent.span_id == request.context.span_id for task in tasks)
    assert any(commit.parent.span_id == request.context.span_id for commit in commits)
    assert any(span.name == "UPDATE red_packet_log" for span in found)
    for word in ("u1", packet.public_id):
        assert word not in repr([(span.name, dict(span.attributes)) for span in found])


@pytest.mark.once
def test_off_it_is_not_even_imported():
    off = "import sys, redpacket_site.wsgi, redpacket_site.celery\n"
    off += "print(sorted({'kit.traces', 'opentelemetry.sdk.trace'}.intersection(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", off], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.once
def test_off_a_task_takes_nothing_along():
    assert later.carried() == {}
