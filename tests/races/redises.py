"""Redis on several servers, on this machine: Sentinels over a pair, and a Cluster of three."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import redis as driver
from django_redis.pool import ConnectionFactory

from kit.plumbing import redis, redis_urls
from packets.tickets import elsewhere
from testing.ports import free_port

NAME, WAIT_S = "hongbao", 180
SLOTS, MASTERS = 16384, 3
REDIS = "redis-server"
VALKEY = shutil.which("valkey-server", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")


class Server:
    def __init__(self, folder: Path, *options: str, sentinel: str = "", program: str = REDIS):
        self.port = free_port()
        folder.mkdir()
        command = [program]
        if sentinel:
            (folder / "sentinel.conf").write_text(sentinel)
            command += [str(folder / "sentinel.conf"), "--sentinel"]
        command += ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
        self.client = driver.Redis(port=self.port, socket_timeout=30)

    def answers(self) -> bool:
        try:
            return self.client.ping()
        except driver.RedisError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def _folder(servers: list[Server]) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hongbao-"))
    try:
        yield folder
    finally:
        for server in servers:
            server.kill()
        shutil.rmtree(folder)


@contextmanager
def one(*options: str) -> Iterator[tuple[str, Server]]:
    servers: list[Server] = []
    with _folder(servers) as folder:
        server = Server(folder / "one", "--save", "", *options)
        servers.append(server)
        _until(server.answers)
        yield f"redis://127.0.0.1:{server.port}/0", server


@contextmanager
def sentinels(program: str = REDIS) -> Iterator[tuple[str, list[Server]]]:
    """The URL; the master and its replica. Three Sentinels, of which two must agree."""
    start = partial(Server, program=program)
    servers: list[Server] = []
    with _folder(servers) as folder:
        master = start(folder / "one", "--save", "", "--repl-diskless-sync-delay", "0")
        servers.append(master)
        replica = start(folder / "two", "--save", "", "--replicaof", f"127.0.0.1 {master.port}")
        servers.append(replica)
        _until(lambda: replica.answers() and replica.client.info()["master_link_status"] == "up")
        watch = (
            f"sentinel monitor {NAME} 127.0.0.1 {master.port} 2\n"
            f"sentinel down-after-milliseconds {NAME} 500\n"
            f"sentinel failover-timeout {NAME} 3000\n"
        )
        for number in range(3):
            servers.append(start(folder / f"sentinel{number}", sentinel=watch))
        watchers = servers[2:]

        def see_all() -> bool:
            if not all(watcher.answers() for watcher in watchers):
                return False
            seen = [watcher.client.sentinel_master(NAME) for watcher in watchers]
            return all((s["num-slaves"], s["num-other-sentinels"]) == (1, 2) for s in seen)

        _until(see_all)
        hosts = ",".join(f"127.0.0.1:{watcher.port}" for watcher in watchers)
        yield f"redis+sentinel://{hosts}/{NAME}/0", [master, replica]


@contextmanager
def cluster() -> Iterator[tuple[str, list[Server]]]:
    """Three masters without replicas; what one of them had is nobody's when it dies."""
    servers: list[Server] = []
    with _folder(servers) as folder:
        for number in range(MASTERS):
            servers.append(
                Server(
                    folder / str(number),
                    "--save",
                    "",
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    str(free_port()),
                    "--cluster-node-timeout",
                    "1000",
                    "--cluster-require-full-coverage",
                    "no",
                )
            )
        _until(lambda: all(server.answers() for server in servers))
        share = SLOTS // MASTERS
        for number, server in enumerate(servers):
            first = number * share
            last = SLOTS - 1 if number == MASTERS - 1 else first + share - 1
            server.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            server.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            bus = servers[0].client.config_get("cluster-port")["cluster-port"]
            server.client.execute_command("CLUSTER", "MEET", "127.0.0.1", servers[0].port, bus)
        _until(lambda: all(_is_whole(server) for server in servers))
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        yield f"redis+cluster://{hosts}", servers


def _is_whole(server: Server) -> bool:
    info = server.client.execute_command("CLUSTER INFO")
    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(MASTERS)


@contextmanager
def led_to(url: str, settings) -> Iterator[None]:
    """The product's own wiring, with this URL; once it answers, since a busy machine may be too
    slow for a server's first words."""
    kept = settings.REDIS_URL
    try:
        _point(url, settings)
        _until(_answers)
        yield
    finally:
        _point(kept, settings)


def _point(url: str, settings) -> None:
    settings.REDIS_URL = url
    cache = redis_urls.cache_of(url, settings.REDIS_OPTIONS)
    settings.CACHES = settings.CACHES | {"default": cache}
    redis._one.cache_clear()
    ConnectionFactory._pools.clear()  # by addresses: Sentinels of one name have the same one
    redis._renew()
    elsewhere.forget()


def _answers() -> bool:
    try:
        redis.check()
    except redis.Down:
        return False
    return True


def _until(is_so) -> None:
    until = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
