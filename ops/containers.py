"""`make containers`: builds deploy/'s image, runs its compose file, asks it, and takes it down.

As root, with Debian's podman and podman-compose. Where no registry of images answers, the three
images it names are made of Debian's packages (ops/containers/).
"""

import json
import os
import resource
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import jwt

ROOT = Path(__file__).resolve().parent.parent
PORT = os.environ.get("PORT") or "8765"
BASE = f"http://127.0.0.1:{PORT}"
IMAGES = {"python": "python:3.11-slim", "mariadb": "mariadb:10.11", "redis": "redis:7"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ISSUER, AUDIENCE = "https://chat.example.com", "hongbao"


def run(*command: str, **more) -> subprocess.CompletedProcess:
    print("$", shlex.join(command), flush=True)
    return subprocess.run(command, check=True, cwd=ROOT, text=True, **more)


def settle_in(folder: Path) -> None:
    """podman as it runs without systemd, and on a machine that may not raise its limits."""
    limits = [
        f"{name}={soft}:{soft}"
        for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
        for soft in [min(resource.getrlimit(kind)[0], 16384)]
    ]
    conf = folder / "containers.conf"
    conf.write_text(
        f"[containers]\ndefault_ulimits = {json.dumps(limits)}\n"
        '[engine]\nruntime = "runc"\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n'
    )
    os.environ.setdefault("CONTAINERS_CONF", str(conf))


def build() -> None:
    for target, image in IMAGES.items():
        if run_quietly("podman", "image", "exists", image) or run_quietly("podman", "pull", image):
            continue
        base()
        run("podman", "build", "--network=host", f"--target={target}", f"--tag=localhost/{image}",
            "ops/containers")  # fmt: skip
    run("podman", "build", "--network=host", f"--volume={CERTIFICATES}:{CERTIFICATES}:ro",
        "--file=deploy/Dockerfile", "--tag=hongbao", ".")  # fmt: skip


def run_quietly(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=600).returncode == 0


def base() -> None:
    """debian:bookworm-slim, out of its own packages."""
    if run_quietly("podman", "image", "exists", "debian:bookworm-slim"):
        return
    with tempfile.TemporaryDirectory() as folder:
        run("debootstrap", "--variant=minbase", "bookworm", folder, stdout=subprocess.DEVNULL)
        tar = subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE)
        run("podman", "import", "-", "localhost/debian:bookworm-slim", stdin=tar.stdout)
        if tar.wait():
            sys.exit("tar failed")


def fill(etc: Path) -> dict[str, str]:
    """The files and variables that an operator fills in; the platform's private key stays out."""
    private = etc.parent / "platform.pem"
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private))
    run("openssl", "pkey", "-in", str(private), "-pubout", "-out", f"{etc}/platform-jwks.json")
    known = {
        name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "SEAL_KEY", "SERVICE_KEY")
    } | {"JWT_ISS": ISSUER, "JWT_AUD": AUDIENCE, "ALLOWED_HOSTS": "127.0.0.1",
         "SERVICE_FROM": "10.0.0.0/8"}  # fmt: skip
    lines = [
        f"{name}={known.get(name.removeprefix('REDPACKET_'), value)}"
        for line in (ROOT / "deploy" / "hongbao.env").read_text().splitlines()
        if not line.startswith("#")
        for name, _, value in [line.partition("=")]
    ]
    (etc.parent / "env").write_text("\n".join(lines) + "\n")
    return known | {"private": private.read_text()}


def ask(method: str, path: str, body: dict | None = None, **headers: str) -> dict:
    request = urllib.request.Request(
        f"{BASE}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        # What nginx would say: https, and from where.
        headers={"X-Forwarded-Proto": "https", "X-Real-IP": "10.1.1.1",
                 "Content-Type": "application/json", **headers},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")


def wait_for(*command: str, **more) -> None:
    for _ in range(60):
        if subprocess.run(command, cwd=ROOT, capture_output=True, **more).returncode == 0:
            return
        time.sleep(2)
    sys.exit(f"It never answered: {shlex.join(command)}")


def wait() -> None:
    for _ in range(180):
        try:
            print(ask("GET", "/health/ready"))
            return
        except (OSError, urllib.error.HTTPError):
            time.sleep(2)
    sys.exit("It never became ready.")


def try_it(known: dict[str, str]) -> None:
    ask("PUT", "/api/v1/service/groups/g1/members", {"members": ["u1", "u2"]},
        Authorization=f"Bearer {known['SERVICE_KEY']}")  # fmt: skip
    now = int(time.time())
    claims = {"sub": "u1", "iat": now, "exp": now + 600, "iss": ISSUER, "aud": AUDIENCE}
    token = jwt.encode(claims, known["private"], algorithm="EdDSA")
    print(ask("GET", "/api/v1/wallet", Authorization=f"Bearer {token}"))
    print(ask("GET", "/api/v1/groups/g1", Authorization=f"Bearer {token}"))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hongbao-") as folder:
        settle_in(Path(folder))
        build()
        etc = Path(folder) / "etc"
        etc.mkdir()
        known = fill(etc)
        environment = os.environ | {
            "HONGBAO_ENV": f"{folder}/env",
            "HONGBAO_ETC": str(etc),
            "MARIADB_PASSWORD": secrets.token_urlsafe(24),
            "REDIS_PASSWORD": secrets.token_urlsafe(24),
            "PORT": PORT,
        }
        compose = [sys.executable, "-m", "podman_compose", "--project-name=hongbao-trial",
                   "--file=deploy/compose.yaml"]  # fmt: skip
        try:
            # In the order of their depends_on: Debian's podman keeps no watch over health.
            up = [*compose, "up", "--no-build", "--no-deps"]
            run(*up, "--detach", "db", "redis", env=environment)
            wait_for(*compose, "exec", "-T", "db", "healthcheck.sh", "--connect", env=environment)
            run(*up, "setup", env=environment)
            run(*up, "--detach", "web", "worker", "beat", env=environment)
            wait()
            try_it(known)
            for command in ("audit", "doctor"):
                run(*compose, "exec", "-T", "web", "python", "manage.py", command, env=environment)
        finally:
            run(*compose, "logs", "--tail=20", env=environment)
            run(*compose, "down", "--volumes", env=environment)


if __name__ == "__main__":
    main()
