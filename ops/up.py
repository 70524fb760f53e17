"""`make up`: web, Celery worker and beat under supervisord; STACK=full: MariaDB and Redis too,
STACK=oceanbase: OceanBase in MariaDB's place.

Prepares the data folder, keeps its secrets, migrates, starts all, waits until it is ready, says so,
and stays. A part that dies is started again, and said so. `make down` stops what a run left behind.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from servers import PRIVATE, Servers
from supervise import Noted, Part, Supervisor, answers, say

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("REDPACKET_DATA_DIR") or ROOT / "var").expanduser().absolute()
RUN, LOGS, KEYS = DATA / "run", DATA / "logs", DATA / "keys"
PORT = os.environ.get("PORT") or "8000"
BASE = f"http://127.0.0.1:{PORT}"
USERS = ("alice", "bob", "carol")


def up(stack: str) -> None:
    _check(stack)
    os.umask(0o077)  # keys, tokens, books and sockets: for this account alone
    _make_folders()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(RUN / "metrics"),
        "PYTHONUNBUFFERED": "1",
        "REDPACKET_DATA_DIR": str(DATA),
    }
    servers = None
    if stack != "embedded":
        servers = Servers(DATA, has_oceanbase=stack == "oceanbase")
        servers.prepare()
        environment = servers.environment | environment
    _tell_commands(environment)
    supervisor = Supervisor(DATA, _parts(servers), environment)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # SIGINT too: a shell's background job would ignore it
    try:
        supervisor.start()
        if servers:
            servers.wait()
        if plays_channels := environment.get("REDPACKET_ENV") != "production":
            _manage("sandbox_keys", environment)
        say("preparing the database ...")
        _manage("migrate", environment, "-v", "0")
        _manage("collectstatic", environment, "--no-input", "-v", "0")
        staff = json.loads(_manage("demo_staff", environment))
        tokens = _manage("token", environment, *USERS).split()
        supervisor.start_app()
        supervisor.wait_until_ready(lambda: answers(f"{BASE}/health/ready"))
        _introduce(staff, tokens)
        if plays_channels:
            say(f"cashier  {BASE}/sandbox/   (pretend Alipay, WeChat Pay and UnionPay)")
            say(f"try      {BASE}/try/")
        say(f"ready {BASE}")
        supervisor.watch()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it is stopping already
        say("stopping ...")
        supervisor.stop()
        (RUN / "stack.json").unlink(missing_ok=True)


def down() -> None:
    """Stop what an earlier run left: its chief while it lives or, if that was killed, the parts."""
    noted = Noted(RUN)
    found = noted.left_behind()
    noted.stop(found)
    say(f"stopped {len(found)} processes" if found else "nothing was running here")


def _parts(servers: Servers | None) -> list[Part]:
    workers = os.environ.get("REDPACKET_WEB_WORKERS") or str(min(os.cpu_count() or 1, 8))
    web = f"""granian --interface wsgi --host 127.0.0.1 --port {PORT} --workers {workers}
        --blocking-threads 8 --no-ws --workers-kill-timeout 10 --respawn-failed-workers
        --respawn-interval 0.5 --log-level warning redpacket_site.wsgi:application"""
    worker = """celery -A redpacket_site worker --concurrency 2 --without-gossip
        --without-mingle -O fair --loglevel WARNING"""
    beat = "celery -A redpacket_site beat --pidfile= --loglevel WARNING"
    parts = []
    if servers:
        for name, (command, own) in servers.commands().items():
            parts.append(Part(name, command, ROOT, priority=1, is_server=True, environment=own))
    for name, line in {"web": web, "worker": worker, "beat": beat}.items():
        parts.append(Part(name, [sys.executable, "-m", *line.split()], ROOT))
    return parts


def _check(stack: str) -> None:
    """What cannot work is refused before anything is made, in one clear line."""
    if stack not in ("embedded", "full", "oceanbase"):
        sys.exit(f"STACK={stack}: it is embedded, full or oceanbase.")
    if os.environ.get("REDPACKET_ENV", "development") == "production":
        sys.exit(
            "REDPACKET_ENV=production: `make up` is for development; deploy/ shows production."
        )
    workers = os.environ.get("REDPACKET_WEB_WORKERS") or "1"
    if not re.fullmatch(r"[1-9][0-9]?", workers):
        sys.exit(f"REDPACKET_WEB_WORKERS={workers}: it must be a number from 1 to 99.")
    for folder in (DATA, ROOT):
        if re.search(r"\s[;#]|[\r\n]", str(folder)):
            sys.exit(f"{folder}: a folder's name may not have ';' or '#' after a space here.")
    if found := Noted(RUN).left_behind():
        name, pid = next(iter(found.items()))
        sys.exit(f"Already running here ({name} has pid {pid}); `make down` stops it.")
    if not re.fullmatch(r"[0-9]{1,5}", PORT) or not 0 < int(PORT) < 65536:
        sys.exit(f"PORT={PORT}: it must be a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(PORT)))
        except PermissionError:
            sys.exit(f"Port {PORT} needs root; choose another one: PORT=8001 make up")
        except OSError:
            sys.exit(f"Port {PORT} is taken; choose another one: PORT=8001 make up")


def _make_folders() -> None:
    try:
        for folder in (DATA, RUN, LOGS, KEYS, RUN / "metrics"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(PRIVATE)
        for old in (RUN / "metrics").glob("*.db"):
            old.unlink()
    except OSError as error:
        sys.exit(f"REDPACKET_DATA_DIR={DATA}: {error.strerror} ({error.filename}).")


def _tell_commands(environment: dict[str, str]) -> None:
    """manage.py reads it, so that commands talk to what runs here."""
    names = ("REDPACKET_DATABASE_URL", "REDPACKET_REDIS_URL", "REDPACKET_BROKER_URL")
    told = {name: environment[name] for name in names if environment.get(name)} | {"PORT": PORT}
    (RUN / "stack.json").touch(mode=0o600)
    (RUN / "stack.json").write_text(json.dumps(told))


def _manage(command: str, environment: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), command, *args],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for us
    )
    if done.returncode:
        # A setting that cannot be used is one line, without Django's frame around it.
        issues = re.findall(r"^(?:\?: \(\S+\)|CommandError:) (.+)$", done.stderr, re.M)
        sys.exit("\n".join(issues) or f"{done.stderr}manage.py {command} failed.")
    sys.stderr.write(done.stderr)
    return done.stdout


def _introduce(staff: dict, tokens: list[str]) -> None:
    say(f"API      {BASE}/api/v1      docs {BASE}/api/docs")
    say(f"admin    {BASE}/admin/")
    say(f"  staff  {staff['username']}  password {staff['password']}")
    say(f"  TOTP   {staff['totp_secret']}")
    for role, person in staff.get("roles", {}).items():
        say(f"  {role}: {person['username']}  same password  TOTP {person['totp_secret']}")
    for user, token in zip(USERS, tokens, strict=True):
        say(f"token {user}: {token}")
    key = os.environ.get("REDPACKET_SERVICE_KEY") or (KEYS / "service_key").read_text()
    say(f"service key: {key}")


def _leave(number: int, _frame) -> None:
    sys.exit(0)


if __name__ == "__main__":
    word = sys.argv[1] if len(sys.argv) > 1 else "embedded"
    if word == "down":
        down()
    else:
        up(word)
