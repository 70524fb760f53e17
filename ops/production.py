"""`make production`: the shape of production on one machine, out of deploy/'s own files.

nginx with TLS, web and back office in processes of their own, worker, beat, MariaDB with its two
accounts, Redis with a password, no sandbox: all on loopback, with keys made for this folder. The
files are used as they stand; only places, ports and passwords are put in (`_PLACES`). The first
steps are those of deploy/README.md, word by word. `make down DATA=...` or Ctrl-C stops it.
"""

import json
import os
import re
import secrets
import shlex
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from servers import MARIADB_UMASK, Servers, find
from supervise import Noted, Part, Supervisor, answers, say

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
DATA = Path(os.environ.get("REDPACKET_DATA_DIR") or ROOT / "var" / "production").absolute()
ETC, LIB, RUN, LOGS = DATA / "etc", DATA / "lib", DATA / "run", DATA / "logs"
HTTPS = int(os.environ.get("PORT") or "8443")
# The ports behind it; only nginx's are for anybody else.
HTTP, WEB, OFFICE, REDIS = (HTTPS + step for step in (1, 2, 3, 4))
HOST = "localhost"
BASE = f"https://{HOST}:{HTTPS}"
UNITS = ("web", "office", "worker", "beat")
PASSWORDS = ("root", "admin", "web", "redis", "secret", "service", "seal")
# The platform's private key is here for tokens of tests alone; the service reads the public one.
PLATFORM_KEY = "platform-private.pem"


def main() -> None:
    if found := Noted(RUN).left_behind():
        sys.exit(f"Already running here (pid {next(iter(found.values()))}); `make down` stops it.")
    os.umask(0o077)
    for folder in (ETC, LIB, RUN, LOGS, RUN / "web", RUN / "office", DATA / "nginx"):
        folder.mkdir(parents=True, exist_ok=True)
    _refuse_taken_ports()
    kept = _kept()
    _write_files(kept)
    servers = Servers(DATA, root_password=kept["root"])
    servers.prepare()
    parts = [*_servers(servers), *(_unit(name) for name in UNITS), _nginx()]
    supervisor = Supervisor(DATA, parts, os.environ | _environment())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        supervisor.start()
        servers.wait_for_mariadb()
        _first_steps(kept, servers)
        supervisor.start_app()
        trusted = ssl.create_default_context(cafile=ETC / "tls.pem")
        supervisor.wait_until_ready(lambda: answers(f"{BASE}/health/ready", context=trusted))
        say(f"API      {BASE}/api/v1      docs {BASE}/api/docs")
        say(f"admin    {BASE}/admin/       (manage.py invite_staff makes the first accounts)")
        say(f"files    {ETC}   logs {LOGS}")
        say(f"ready {BASE}")
        supervisor.watch()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("stopping ...")
        supervisor.stop()


def _kept() -> dict[str, str]:
    """Passwords and keys of this folder, each made once; one of before lacks what is new."""
    file = ETC / "passwords.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    if not kept:
        for command in (
            f"req -x509 -newkey rsa:2048 -nodes -days 825 -subj /CN={HOST}"
            f" -addext subjectAltName=DNS:{HOST} -keyout {ETC}/tls.key -out {ETC}/tls.pem",
            f"genpkey -algorithm ed25519 -out {ETC}/{PLATFORM_KEY}",
            f"pkey -in {ETC}/{PLATFORM_KEY} -pubout -out {ETC}/platform-jwks.json",
        ):
            subprocess.run(
                [find("openssl"), *shlex.split(command)], check=True, capture_output=True
            )
    kept = {name: secrets.token_urlsafe(48) for name in PASSWORDS} | kept
    file.write_text(json.dumps(kept))
    return kept


def _places() -> dict[str, str]:
    """What deploy/'s files call it -> what it is called here; longest names first."""
    return {
        "/etc/ssl/private/hongbao.key": f"{ETC}/tls.key",
        "/etc/ssl/hongbao.pem": f"{ETC}/tls.pem",
        "/run/mysqld/mysqld.sock": str(Servers(DATA).mariadb_socket),
        "/run/hongbao-": f"{RUN}/",
        "/etc/hongbao/": f"{ETC}/",
        "/var/lib/hongbao": str(LIB),
        "/opt/hongbao/.venv/bin": str(Path(sys.executable).parent),
        "/opt/hongbao": str(ROOT),
        "https://hongbao.example.com$request_uri": f"{BASE}$request_uri",
        "https://hongbao.example.com": BASE,
        "hongbao.example.com": HOST,
        "/var/log/nginx/access.log": "/dev/null",
        "127.0.0.1:6379": f"127.0.0.1:{REDIS}",
        "127.0.0.1:8000": f"127.0.0.1:{WEB}",
        "127.0.0.1:8001": f"127.0.0.1:{OFFICE}",
        "--port 8000": f"--port {WEB}",
        "--port 8001": f"--port {OFFICE}",
        "listen 443 ": f"listen 127.0.0.1:{HTTPS} ",
        "listen 80 ": f"listen 127.0.0.1:{HTTP} ",
        "listen 80;": f"listen 127.0.0.1:{HTTP};",
    }


def _placed(text: str) -> str:
    for theirs, ours in _places().items():
        text = text.replace(theirs, ours)
    return text


def _write_files(kept: dict[str, str]) -> None:
    for name in ("nginx.conf", "nginx-api.conf", "nginx-problems.conf", "office.allow"):
        (ETC / name).write_text(_placed((DEPLOY / name).read_text()))
    (ETC / "service.allow").write_text((DEPLOY / "service.allow").read_text())
    filled = {
        "REDPACKET_SECRET_KEY": kept["secret"],
        "REDPACKET_SERVICE_KEY": kept["service"],
        "REDPACKET_SEAL_KEY": kept["seal"],
        "REDPACKET_JWT_ISS": "https://chat.example.com",
        "REDPACKET_JWT_AUD": "hongbao",
    }
    lines = []
    for line in _placed((DEPLOY / "hongbao.env").read_text()).splitlines():
        name, _, value = line.partition("=")
        password = kept["redis" if value.startswith("redis:") else "web"]
        lines.append(f"{name}={filled.get(name, value.replace('PASSWORD', password))}")
    (ETC / "env").write_text("\n".join(line.removesuffix("=") for line in lines) + "\n")
    (ETC / "redis.conf").write_text(
        f"port {REDIS}\nbind 127.0.0.1\ndir {LIB}\n{(DEPLOY / 'redis.conf').read_text()}"
        f"requirepass {kept['redis']}\n"
    )
    small = "innodb_buffer_pool_size = 256M\ninnodb_log_file_size = 64M\n"  # not a whole machine
    (ETC / "mariadb.cnf").write_text((DEPLOY / "mariadb.cnf").read_text() + small)
    as_root = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{kind}_temp_path {DATA}/nginx/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (ETC / "nginx-main.conf").write_text(
        f"{as_root}daemon off;\npid {RUN}/nginx.pid;\nerror_log stderr warn;\n"
        f"events {{ worker_connections 4096; }}\nhttp {{\n{temporary}"
        f"access_log off;\ninclude {ETC}/nginx.conf;\n}}\n"
    )


def _environment() -> dict[str, str]:
    """What systemd and the operator's shell read from /etc/hongbao/env."""
    lines = (ETC / "env").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs} | {
        "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
        "PYTHONUNBUFFERED": "1",
    }


def _servers(servers: Servers) -> list[Part]:
    mariadb = servers.mariadb_command(defaults=ETC / "mariadb.cnf")
    redis = [find("redis-server"), str(ETC / "redis.conf")]
    return [
        Part("mariadb", mariadb, LIB, priority=1, is_server=True, environment=MARIADB_UMASK),
        Part("redis", redis, LIB, priority=1, is_server=True),
    ]


def _nginx() -> Part:
    command = [find("nginx"), "-e", "stderr", "-p", f"{DATA}/nginx", "-c", f"{ETC}/nginx-main.conf"]
    return Part("nginx", command, DATA, priority=20)


def _unit(name: str) -> Part:
    """The command and the own environment of a systemd unit."""
    text = _placed((DEPLOY / f"hongbao-{name}.service").read_text()).replace("\\\n", " ")
    command = re.search(r"^ExecStart=(.+)$", text, re.MULTILINE)[1]
    own = dict(line.split("=", 1) for line in re.findall(r"^Environment=(.+)$", text, re.MULTILINE))
    if metrics := own.get("PROMETHEUS_MULTIPROC_DIR"):
        for old in Path(metrics).glob("*.db"):
            old.unlink()
    return Part(name, shlex.split(command), ROOT, environment=own)


def first_steps() -> list[str]:
    """The commands of deploy/README.md that come before the units are started, as they stand."""
    section = (DEPLOY / "README.md").read_text().split("## With systemd")[1].split("\n## ")[0]
    lines = re.findall(r"^    (.+)$", section, re.MULTILINE)
    by_hand = ("useradd", "git clone", "python3 -m venv", "systemctl")  # the machine's own set-up
    invites = ".venv/bin/python manage.py invite_staff"  # its link and code are for people
    return [line for line in lines if not line.startswith((*by_hand, invites))]


def _first_steps(kept: dict[str, str], servers: Servers) -> None:
    """`mariadb` is root's client here, as it is on a server; its accounts are made once."""
    is_made = (ETC / "root.cnf").exists()
    if not is_made:
        (ETC / "root.cnf").write_text(
            f"[client]\nuser=root\npassword={kept['root']}\nsocket={servers.mariadb_socket}\n"
        )
    client = RUN / "bin" / "mariadb"
    client.parent.mkdir(exist_ok=True)
    client.write_text(f'#!/bin/sh\nexec {find("mariadb")} --defaults-file={ETC}/root.cnf "$@"\n')
    client.chmod(0o700)
    script = [f"set -eo pipefail; set -a; . {shlex.quote(str(ETC / 'env'))}; set +a"]
    for line in first_steps():
        if is_made and line.startswith("mariadb -e"):
            continue
        script.append(f"echo {shlex.quote('$ ' + line)}")
        line = line.replace("ADMIN_PASSWORD", kept["admin"]).replace("PASSWORD", kept["web"])
        script.append(_placed(line.replace(".venv/bin/python", shlex.quote(sys.executable))))
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{client.parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    say(done.stdout if done.returncode else "\n".join(re.findall(r"^\$ .+", done.stdout, re.M)))
    if done.returncode:
        sys.exit("This step of deploy/README.md failed.")


def _refuse_taken_ports() -> None:
    for port in (HTTPS, HTTP, WEB, OFFICE, REDIS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                sys.exit(f"Port {port}: {error.strerror}; another first one of five: PORT=9443")


if __name__ == "__main__":
    main()
