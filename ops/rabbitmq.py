"""A private RabbitMQ, on loopback ports of its own: Celery's driver knows no unix socket.

Erlang starts a directory of its nodes (epmd) by itself and leaves it running: here it is one of
this server's own, on loopback, and ends with it.
"""

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from socket import socket

USER = "hongbao"
PRIVATE = 0o700
HOMES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin")


class RabbitMQ:
    """The server of one data folder."""

    def __init__(self, folder: Path):
        self.folder = folder / "rabbitmq"
        self.password = secrets.token_urlsafe(32)
        self.port, self._nodes, self._directory = _free_ports(3)

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.port}//"

    @property
    def command(self) -> list[str]:
        return [_find("rabbitmq-server")]

    @property
    def environment(self) -> dict[str, str]:
        at = str(self.folder)
        return {
            "HOME": at,  # of the cookie
            "RABBITMQ_HOME": at,
            "RABBITMQ_NODENAME": f"{USER}{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": f"{at}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{at}/plugins",
            "RABBITMQ_CONF_ENV_FILE": f"{at}/none",
            "RABBITMQ_MNESIA_BASE": f"{at}/data",
            "RABBITMQ_LOG_BASE": f"{at}/log",
            "RABBITMQ_DIST_PORT": str(self._nodes),
            "ERL_EPMD_PORT": str(self._directory),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "true",  # to be ended whoever it thinks is alive
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_CRASH_DUMP": f"{at}/crash.dump",
        }

    def prepare(self) -> None:
        self.folder.mkdir(mode=PRIVATE, exist_ok=True)
        (self.folder / "plugins").write_text("[].\n")
        settings = self.folder / "rabbitmq.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"default_user = {USER}\ndefault_pass = {self.password}\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
            # A full disk elsewhere on this machine is not what a test is about.
            "disk_free_limit.absolute = 50MB\n"
        )

    def ping(self) -> list[str]:
        """A command that succeeds once it lets the account in."""
        code = "import sys, amqp; amqp.Connection(*sys.argv[1:], connect_timeout=5).connect()"
        return [sys.executable, "-c", code, f"127.0.0.1:{self.port}", USER, self.password]

    def end_directory(self) -> None:
        """Once the server has ended."""
        subprocess.run(
            [_find("epmd"), "-kill"],
            env=os.environ | self.environment,
            capture_output=True,
            check=False,
        )


def is_here() -> bool:
    return _which("rabbitmq-server") is not None


def _which(program: str) -> str | None:
    """Debian's own name in /usr/sbin lets nobody but root and its own account start it."""
    return shutil.which(program, path=os.pathsep.join((*HOMES, os.environ.get("PATH", ""))))


def _find(program: str) -> str:
    found = _which(program)
    return found or sys.exit(f"{program} is not installed; ops/setup.sh rabbitmq installs it.")


def _free_ports(count: int) -> list[int]:
    probes = [socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
