"""A RabbitMQ of a test's own, the product led to a broker, and workers of the product that take
from it and may be killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection

from kit import later
from kit.plumbing import brokers, redis_urls

sys.path.insert(0, str(settings.BASE_DIR / "ops"))
from rabbitmq import RabbitMQ, is_here

WAIT_S = 180  # a busy machine takes a minute to start one


class Rabbit:
    def __init__(self, folder: Path):
        self.server = RabbitMQ(folder)
        self.server.prepare()
        self.url = self.server.url
        # Erlang ends with its start script, or is stopped with it: a group of their own.
        self.process = subprocess.Popen(
            self.server.command,
            env=os.environ | self.server.environment,
            stdout=(folder / "rabbitmq.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def tell(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)


@contextmanager
def rabbitmq() -> Iterator[Rabbit]:
    if not is_here():
        pytest.skip("RabbitMQ is not installed; ops/setup.sh rabbitmq installs it")
    folder = Path(tempfile.mkdtemp(prefix="hongbao-"))
    rabbit = Rabbit(folder)
    try:
        until(lambda: _succeeds(rabbit.server.ping()))
        yield rabbit
    finally:
        rabbit.tell(signal.SIGKILL)
        rabbit.process.wait()
        rabbit.server.end_directory()
        shutil.rmtree(folder, ignore_errors=True)


def _succeeds(command: list[str]) -> bool:
    return not subprocess.run(command, capture_output=True, check=False).returncode


def told(url: str) -> dict[str, object]:
    """Celery's settings of this broker, as redpacket_site/settings.py has them."""
    broker, more = redis_urls.broker_of(url)
    queue = brokers.queue(broker)
    return {
        "broker_url": broker,
        "broker_write_url": broker,
        "broker_read_url": broker,
        "broker_transport_options": brokers.options(broker, Path("/nowhere")) | more,
        "task_queues": [queue],
        "task_default_queue": queue.name,
        "task_default_exchange": queue.exchange.name,
        "task_default_exchange_type": queue.exchange.type,
        "task_default_routing_key": queue.routing_key,
    }


@contextmanager
def tasks_led_to(url: str) -> Iterator[None]:
    """Of this process, and of those that it forks meanwhile."""
    later._tasks.flush(WAIT_S)
    new = told(url)
    kept = {name: getattr(current_app.conf, name) for name in new}
    try:
        _lead(new)
        yield
    finally:
        later._tasks.flush(WAIT_S)
        later._tasks.lost()
        _lead(kept)


def _lead(new: dict[str, object]) -> None:
    current_app.conf.update(new)
    current_app.__dict__.pop("amqp", None)  # it has read the queues
    later.broker.renew()


class Worker:
    """The product's, with two processes, on this test's database."""

    def __init__(self, folder: Path, broker_url: str, app: str = "redpacket_site"):
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "worker.log"
        words = f"celery -A {app} worker --concurrency 2 --without-gossip --without-mingle -O fair"
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
            "REDPACKET_DATABASE_URL": database_url(),
            "REDPACKET_REDIS_URL": settings.REDIS_URL,
            "REDPACKET_BROKER_URL": broker_url,
            "REDPACKET_DATA_DIR": str(folder / "data"),
            "REDPACKET_LOG_LEVEL": "INFO",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words.split(), "--loglevel", "INFO"],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def says(self, word: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return word in self.log.read_text()

    def is_ready(self) -> bool:
        return self.says(" ready.")

    def kill(self) -> None:
        """With its children, at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def workers() -> Iterator:
    """begin(broker_url): one more."""
    folder = Path(tempfile.mkdtemp(prefix="hongbao-"))
    begun: list[Worker] = []

    def begin(broker_url: str, app: str = "redpacket_site") -> Worker:
        begun.append(Worker(folder / str(len(begun)), broker_url, app))
        return begun[-1]

    try:
        yield begin
    except BaseException:
        print(*(worker.log.read_text() for worker in begun), sep="\n")  # with what has failed
        raise
    finally:
        for worker in begun:
            worker.kill()
        shutil.rmtree(folder)


def database_url() -> str:
    """Of the database that this test uses."""
    own = connection.settings_dict
    name = quote(str(own["NAME"]))
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    scheme = "mysql" if connection.mysql_is_mariadb else "oceanbase"
    account = f"{quote(own['USER'])}:{quote(own['PASSWORD'])}"
    return f"{scheme}://{account}@/{name}?unix_socket={quote(own['OPTIONS']['unix_socket'])}"


def until(is_so) -> None:
    end = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
