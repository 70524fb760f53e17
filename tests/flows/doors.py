"""A request at either door for a grab, and all that it makes of it."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import RequestFactory
from prometheus_client import REGISTRY

from kit.http import middleware
from kit.plumbing import logs, redis, tally
from packets.tickets import queue as tickets
from redpacket_site import wsgi
from redpacket_site.front import Front
from sandbox.management.commands.token import token


@dataclass
class Wish:
    """A request as a server gives it to the application; `told` is what the answer may name."""

    packet: str
    user: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    environ: dict[str, Any] = field(default_factory=dict)

    def made(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token(self.user, 3600)}", "Host": "localhost"}
        path = f"/api/v1/packets/{self.packet}/grab"
        headers = {name: value for name, value in (headers | self.headers).items() if value}
        request = RequestFactory().generic(self.method, path, self.body, headers=headers)
        return request.environ | self.environ


@dataclass
class Answer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes
    lines: list[Any]
    figures: dict[str, float]

    def anonymous(self, wish: Wish) -> str:
        """What must be the same for the same wish, whoever asks and whenever."""
        (line,) = self.lines
        line = {**line, "took_ms": 0, "timestamp": 0}
        said = [self.status, self.headers, self.body.decode(), line, self.figures]
        shown = json.dumps(said, ensure_ascii=False)
        for name, value in self.headers:
            if name == "X-Request-ID":
                shown = shown.replace(value, "REQUEST")
            if name == "Retry-After":  # less by one when a second has passed
                shown = shown.replace(f'"{value}"', '"SECONDS"').replace(
                    f";t={value}", ";t=SECONDS"
                )
        if b"update_time" in self.body:
            shown = shown.replace(json.loads(self.body)["share"]["update_time"], "TIME")
        return shown.replace(wish.packet, "PACKET").replace(wish.user, "USER")


class Doors:
    """The application as it is served, and Django alone; who has answered; what Redis was asked."""

    def __init__(self, monkeypatch):
        self.answered_by, self.asked = "", 0
        self.lines: list[Any] = []
        self.front = Front(self._django)
        evaluate = redis.evaluate

        def counted(source, keys, args):
            self.asked += source == tickets.TAKE
            return evaluate(source, keys, args)

        monkeypatch.setattr(redis, "evaluate", counted)
        monkeypatch.setattr(logs, "lines_out", self)
        monkeypatch.setattr(logging.root, "level", logging.INFO)

    def put(self, line: Any) -> None:
        self.lines.append(line)

    def _django(self, environ, start_response):
        self.answered_by = "django"
        return wsgi.django(environ, start_response)

    def __call__(self, door: Callable, wish: Wish) -> Answer:
        self.answered_by, self.asked, self.lines = "front", 0, []
        head: list[Any] = []
        before = figures()
        answer = door(wish.made(), lambda status, headers: head.extend((status, headers)))
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        grown = {name: value - before.get(name, 0) for name, value in figures().items()}
        grown = {name: value for name, value in grown.items() if value}
        return Answer(head[0], head[1], body, self.lines, grown)


def figures() -> dict[str, float]:
    tally.tell()
    counted = ("hongbao_requests_total", "hongbao_grabs_total", "hongbao_request_seconds_count")
    return {
        f"{sample.name} {sorted(sample.labels.items())}": sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name in counted
    }


@pytest.fixture
def doors(monkeypatch, settings):
    settings.REDPACKET_LOG_REFUSED_ONE_OF = 1
    monkeypatch.setattr(tickets, "KEPT_UNSETTLED_S", 600)  # what was built once stays for a test
    middleware.hosts.add("localhost")
    return Doors(monkeypatch)
