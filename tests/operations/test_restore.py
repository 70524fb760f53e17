"""The database is lost, and restored to a moment by deploy/backup.sh and deploy/restore.sh from a
backup that was taken beside traffic and from the binary log: what was acknowledged until then is
there, what was acknowledged later is lost and is told exactly, and the audit is clean."""

import gzip
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from kit import outbox
from kit.models import EventPlace
from kit.plumbing import redis
from packets.models import Share
from packets.states import Kind
from testing.make import (
    confirm,
    make_group,
    make_order,
    make_packet,
    make_paid_packet,
    service,
    user,
)
from wallets.audit import audit
from wallets.models import Wallet

if connection.vendor == "mysql":
    from tests.races.pair import PASSWORD, Server, install_mariadb, led_to, until

THREADS = 3
SOME = 5  # acknowledged grabs: of each part of the time


@dataclass(frozen=True)
class Told:
    """One grab that somebody was told he has won."""

    packet: str
    taker: str
    begun_at: datetime
    told_at: datetime

    @property
    def what(self) -> tuple[str, str]:
        return self.packet, self.taker


@dataclass
class Traffic:
    """People who send and grab, and a chat server that reads on, until they are stopped."""

    told: list[Told] = field(default_factory=list)
    wrong: list[Exception] = field(default_factory=list)
    read: dict[int, dict] = field(default_factory=dict)  # by place
    over: threading.Event = field(default_factory=threading.Event)

    def people(self, number: int) -> None:
        while not self.over.is_set():
            packet = make_paid_packet(Kind.LUCKY, 2, "1.00", sender=f"sender{number}")
            for taker in ("u1", "u2"):
                begun_at = timezone.now()
                answer = user(taker).post(f"packets/{packet.public_id}/grab").json()
                assert answer.get("outcome") == "grabbed", answer
                self.told.append(Told(packet.public_id, taker, begun_at, timezone.now()))

    def chat(self) -> None:
        while not self.over.is_set():
            self.read_on()

    def read_on(self) -> bool:
        after = max(self.read, default=0)
        page = service().get(f"service/events?after={after}").json()
        self.read |= {int(event["id"]): event for event in page["results"]}
        return bool(page["results"])

    def grabbed_behind(self, place: int) -> set[tuple[str, str]]:
        """Who has won a share of what, by the events behind this place."""
        return {
            (event["data"]["packet"], event["data"]["user_id"])
            for at, event in self.read.items()
            if at > place and event["type"] == "packet.grabbed"
        }

    def begun_since(self, moment: datetime) -> list[Told]:
        return [one for one in self.told if one.begun_at >= moment]

    def some_more(self, is_so=lambda: True) -> None:
        wanted = len(self.told) + SOME
        until(lambda: self.wrong or (len(self.told) >= wanted and is_so()))
        assert self.wrong == []


@contextmanager
def traffic() -> Iterator[Traffic]:
    made = Traffic()

    def work(what, *args) -> None:
        try:
            what(*args)
        except Exception as error:
            made.wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(made.people, n)) for n in range(THREADS)]
    threads.append(threading.Thread(target=work, args=(made.chat,)))
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.over.set()
        for thread in threads:
            thread.join()
    assert made.wrong == []


@dataclass
class Site:
    """Servers of one machine after the other, reached by one address."""

    folder: Path
    server: "Server"

    @property
    def address(self) -> Path:
        return self.folder / "address.sock"

    def run(self, script: str, *words: object) -> subprocess.CompletedProcess:
        """A script of deploy/, as whoever is root of the server."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        (home / ".my.cnf").write_text(
            f"[client]\nuser=boss\npassword={PASSWORD}\nsocket={self.server.socket}\n"
        )
        return subprocess.run(
            [f"deploy/{script}", *map(str, words)],
            env=os.environ | {"HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )

    def lose(self) -> Path:
        """Its disk is what is left; the folder of its binary logs."""
        self.server.kill()
        connection.close()
        return self.server.data

    def anew(self) -> None:
        self.server = Server(self.folder, 2)
        until(self.server.is_there)
        self.address.unlink()
        self.address.symlink_to(self.server.socket)


@pytest.fixture
def site(on_mariadb):
    if not connection.mysql_is_mariadb:
        pytest.skip("OceanBase has tools of its own")
    folder = Path(tempfile.mkdtemp(prefix="hongbao-"))
    install_mariadb(folder / "1")
    shutil.copytree(folder / "1", folder / "2")
    site = Site(folder, Server(folder, 1))
    try:
        until(site.server.is_there)
        site.address.symlink_to(site.server.socket)
        with led_to(site.address, site.server):
            yield site
            assert audit() == []
    finally:
        site.server.kill()
        shutil.rmtree(folder)


def next_second() -> datetime:
    return (timezone.now() + timedelta(seconds=1)).replace(microsecond=0)


def test_restored_to_a_moment(site, with_redis, capsys):
    make_group("alice", *(f"sender{number}" for number in range(THREADS)), "u1", "u2")
    early, order = make_paid_packet(Kind.EQUAL, 1, "1.00"), make_order(make_packet())
    with traffic() as world:
        world.some_more()
        backup = site.run("backup.sh", site.folder)
        assert backup.returncode == 0, backup.stderr
        world.some_more()
        moment = next_second()
        until(lambda: timezone.now() >= moment)
        assert grabs("u1", early) == "grabbed"
        assert confirm(order, timezone.now())
        world.some_more(lambda: len(world.begun_since(moment)) >= SOME)
    while world.read_on():
        pass
    read, logs = max(world.read), site.lose()
    site.anew()
    done = site.run("restore.sh", backup.stdout.strip(), logs, f"{moment:%Y-%m-%d %H:%M:%S}")
    assert done.returncode == 0, done.stderr
    again = site.run("restore.sh", backup.stdout.strip(), logs, "2030-01-01 00:00:00")
    assert (again.returncode, "an empty one is needed" in again.stderr) == (1, True)

    assert copies(), "of packets that the table does not have"
    kept = EventPlace.objects.get(pk=1).last
    call_command("restored", read=read)

    said = capsys.readouterr().out
    assert f"Those from {kept + 1} to {read} that the chat server has read tell" in said
    assert "audit clean" in said
    assert copies() == []
    held = set(Share.objects.exclude(user_id=None).values_list("rp__public_id", "user_id"))
    told_before = {one.what for one in world.told if one.told_at < moment}
    told_after = {one.what for one in world.begun_since(moment)} | {(early.public_id, "u1")}
    assert len(told_before) >= 2 * SOME < len(told_after) + SOME
    assert told_before <= held
    assert not told_after & held
    # Exactly: what was acknowledged and is gone is what the chat server has read behind the last
    # place that is kept, but for what it is told again: that was there, and had no place yet.
    everything = {one.what for one in world.told} | {(early.public_id, "u1")}
    read_behind = world.grabbed_behind(kept)
    while world.read_on():
        pass
    assert everything - held == read_behind - world.grabbed_behind(read)
    goes_on(world, early, order)


def goes_on(world: Traffic, early, order) -> None:
    """A share that somebody lost can be taken, the channel's word is heard again, and whoever reads
    events misses nothing that is new."""
    before = max(world.read)
    assert grabs("u2", early) == "grabbed"
    assert confirm(order, timezone.now())
    while world.read_on():
        pass
    assert (early.public_id, "u2") in world.grabbed_behind(before)


def copies() -> list[bytes]:
    return redis.call(lambda r: list(r.scan_iter("packet:*")))


def grabs(taker: str, packet) -> str:
    return user(taker).post(f"packets/{packet.public_id}/grab").json()["outcome"]


def test_nothing_was_lost_that_anybody_knows_of(capsys):
    make_paid_packet()
    read = outbox.latest()

    call_command("restored", read=read)

    assert "No event that the chat server has read was lost" in capsys.readouterr().out
    assert outbox.latest() == read


@pytest.mark.broken_books
def test_the_doors_stay_shut_while_the_audit_finds_something(capsys):
    make_paid_packet()
    Wallet.objects.update(balance=1)
    read = outbox.latest() + 5

    with pytest.raises(SystemExit):
        call_command("restored", read=read)

    assert "Open nothing" in capsys.readouterr().err
    assert outbox.latest() == read - 5


def restored_from(folder: Path, *logs: str) -> tuple[int, str, list[str]]:
    """By servers that do nothing: code, what was said, and what they were asked for."""
    for program in ("mariadb", "mariadb-binlog"):
        fake = folder / program
        fake.write_text(
            f'#!/bin/sh\necho {program} "$@" >> {folder}/asked\ncat > /dev/null\necho 0\n'
        )
        fake.chmod(0o700)
    for log in logs:
        (folder / log).touch()
    place = "-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000008', MASTER_LOG_POS=4;\n"
    (folder / "backup.gz").write_bytes(gzip.compress(place.encode()))
    done = subprocess.run(
        ["deploy/restore.sh", folder / "backup.gz", folder, "2026-11-27 14:03:07"],
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    asked = folder / "asked"
    return done.returncode, done.stderr, asked.read_text().splitlines() if asked.exists() else []


def test_every_log_from_the_backup_on_is_read(tmp_path):
    logs = ["bin.000007", "bin.000008", "bin.000009", "bin.000010", "bin.index"]

    code, said, asked = restored_from(tmp_path, *logs)

    assert (code, said) == (0, "")
    read = next(line for line in asked if line.startswith("mariadb-binlog"))
    assert read.split()[-3:] == [str(tmp_path / log) for log in logs[1:4]]


def test_a_log_that_is_missing_in_between_is_said_before_anything_is_done(tmp_path):
    """What stood in it would be lost, and nothing would say so."""
    code, said, asked = restored_from(tmp_path, "bin.000008", "bin.000010")

    assert (code, asked) == (1, [])
    assert "has no log number 9" in said
