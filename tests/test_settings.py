"""The environment: nonsense stops the start with one line, production refuses what is unsafe."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from django.core.exceptions import ImproperlyConfigured

from kit.plumbing import env, redis_urls

pytestmark = pytest.mark.once
GOOD = "sk_9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a"
ROOT = Path(__file__).resolve().parent.parent


# --- env.py


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *((lambda: env.integer("X", 5, 1, 9), value) for value in
          ("0", "10", "-1", "5.0", "five", "1e1", "٣", "5 5", "0x5")),
        *((lambda: env.amount("X", "1.00", "0.01", "9.00"), value) for value in
          ("0.00", "9.01", "-1.00", "1.001", ".50", "1,00", "one", "1e0", "NaN", "٣.00")),
        *((lambda: env.word("X", "a", ("a", "b")), value) for value in ("c", "A", "a b")),
        *((lambda: env.switch("X", default=True), value) for value in ("true", "1", "ON", "yes")),
        *((lambda: env.database("X", ""), value) for value in
          ("postgres://h/db", "db.sqlite3", "mysql://h", "mysql://h/", "mysql://h:port/db",
           "mysql://h/db?connect_timeout=soon", "mysql://h/db?charset=latin1",
           "mysql://h/a/b", "sqlite://db.sqlite3", "sqlite://", "mysql://h:99999/db")),
        *((lambda: env.url("X", "", ("redis", "rediss", "unix")), value) for value in
          ("localhost:6379", "http://h", "redis:/", "redis://h:port/0", "redis://[::1")),
        *((lambda: env.zone("X", "Asia/Shanghai"), value) for value in
          ("Mars/Base", "/etc/passwd", "UTC+8", "../UTC")),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_one_line_that_names_it(monkeypatch, read, value):
    monkeypatch.setenv("X", value)

    with pytest.raises(ImproperlyConfigured) as refused:
        read()

    message = str(refused.value)
    assert message.startswith("X ")
    assert "\n" not in message


def test_sense_is_read(monkeypatch):
    monkeypatch.setenv("X", " 9 ")
    assert env.integer("X", 5, 1, 9) == 9
    assert str(env.amount("X", "1.00", "0.01", "9.00")) == "9.00"
    monkeypatch.setenv("X", "")
    assert env.integer("X", 5, 1, 9) == 5
    assert env.switch("X", default=True) is True
    assert env.zone("X", "Asia/Shanghai") == "Asia/Shanghai"
    assert env.url("X", "", ("redis",)) == ""
    monkeypatch.setenv("X", "a, b,,c ")
    assert env.names("X", "") == ["a", "b", "c"]
    monkeypatch.setenv("X", "redis://:p@h:6379/1")
    assert env.url("X", "", ("redis",)) == "redis://:p@h:6379/1"


@pytest.mark.parametrize(
    "value",
    ["redis+sentinel://h:26379/0", "redis+sentinel://h/name/0", "redis+cluster://h:1/name/0",
     "redis+cluster://h", "redis+sentinel://h:1;h:2/name/0", "memcached://h"],
)  # fmt: skip
def test_a_url_of_several_redis_that_makes_no_sense_is_refused(monkeypatch, value):
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match=r"^X"):
        env.redis("X")


def test_several_redis_are_cache_and_broker():
    url = "redis+sentinel://:p%40ss@one:26379,two:26379/hongbao/3"
    cache = redis_urls.cache_of(url, {"socket_timeout": 1, "socket_connect_timeout": 2})
    assert cache["LOCATION"] == "redis://hongbao/3"
    assert cache["OPTIONS"]["SENTINELS"] == [("one", 26379), ("two", 26379)]
    assert cache["OPTIONS"]["PASSWORD"] == "p@ss"
    broker, told = redis_urls.broker_of(url)
    assert broker == "sentinel://:p%40ss@one:26379/3;sentinel://:p%40ss@two:26379/3"
    assert told == {"master_name": "hongbao"}
    assert redis_urls.broker_of("redis+cluster://one:6379") == ("", {})


def test_database_urls(monkeypatch):
    monkeypatch.setenv("X", "mysql://me:p%40ss@db.example:3307/hong?unix_socket=/run/my.sock")
    database = env.database("X", "")
    assert database["ENGINE"] == "kit.plumbing.mysql"
    assert [database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "hong", "me", "p@ss", "db.example", 3307,
    ]  # fmt: skip
    assert database["OPTIONS"]["unix_socket"] == "/run/my.sock"
    assert database["OPTIONS"]["isolation_level"] == "read committed"

    monkeypatch.setenv("X", "oceanbase://me@db.example:2883/hong")
    database = env.database("X", "")
    assert database["ENGINE"] == "kit.plumbing.mysql.oceanbase"
    assert "ob_trx_lock_timeout=3000000" in database["OPTIONS"]["init_command"]

    monkeypatch.setenv("X", "sqlite:////var/lib/a%20b.sqlite3")
    database = env.database("X", "")
    assert database["NAME"] == "/var/lib/a b.sqlite3"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(
    "value",
    ["", "short", "x" * 40, "abababab" * 5, "abcdefghijklmnopq" * 2, "aaaaaaabbbbbbbcc" * 2 + "d"],
)
def test_production_wants_a_secret_that_is_one(monkeypatch, tmp_path, value):
    kept = tmp_path / "secret"
    kept.write_text("0123456789abcdefghijklmnopqrstuvwxyz")
    monkeypatch.setenv("X", value)

    with pytest.raises(ImproperlyConfigured, match="X must be set"):
        env.secret("X", kept, production=True)


def test_development_makes_its_secret_once_and_keeps_it(monkeypatch, tmp_path):
    monkeypatch.delenv("X", raising=False)
    made = env.secret("X", tmp_path / "keys" / "x", production=False)
    assert env.weakness(made) == ""
    assert env.secret("X", tmp_path / "keys" / "x", production=False) == made
    assert env.secret("X", tmp_path / "keys" / "y", production=False) != made
    assert [oct(file.stat().st_mode)[-3:] for file in (tmp_path / "keys").iterdir()] == ["600"] * 2
    (tmp_path / "kept").write_text("kept one\n")
    assert env.secret("X", tmp_path / "kept", production=False) == "kept one"
    monkeypatch.setenv("X", "given")
    assert env.secret("X", tmp_path / "kept", production=False) == "given"


def test_without_a_secret_nothing_starts(monkeypatch, tmp_path):
    monkeypatch.delenv("X", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "file").write_text("")

    for kept in (tmp_path / "empty", tmp_path / "file" / "below"):
        with pytest.raises(ImproperlyConfigured, match="X is not set and"):
            env.secret("X", kept, production=False)


def test_processes_that_start_together_keep_one_secret(monkeypatch, tmp_path):
    monkeypatch.delenv("X", raising=False)
    kept = tmp_path / "x"
    link = os.link

    def somebody_was_faster(half, path):
        kept.write_text("theirs")
        link(half, path)

    monkeypatch.setattr(os, "link", somebody_was_faster)

    assert env.secret("X", kept, production=False) == "theirs"
    assert list(tmp_path.iterdir()) == [kept]


# --- the whole, in a process of its own


@pytest.fixture(scope="module")
def sane(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("production")
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "platform.pem").write_bytes(pem)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "redpacket_site.settings",
        "REDPACKET_ENV": "production",
        "REDPACKET_DATA_DIR": str(folder),
        "REDPACKET_SECRET_KEY": "k9#mQ2!vX7@pL4$zR8%wT1^yB6&nC3*dF5(gH0)jS-aE=uI+oK",
        "REDPACKET_SERVICE_KEY": GOOD,
        "REDPACKET_SEAL_KEY": "Zx3mB8vQ1nW6rT0yL5kP9hG2jD7sF4aC-uE_oI",
        "REDPACKET_SERVICE_FROM": "10.0.0.0/8,2001:db8::/32",
        "REDPACKET_JWT_KEYS": str(folder / "platform.pem"),
        "REDPACKET_JWT_ISS": "https://chat.example.com",
        "REDPACKET_JWT_AUD": "hongbao",
        "REDPACKET_ALLOWED_HOSTS": "pay.example.com",
        "REDPACKET_PUBLIC_URL": "https://pay.example.com",
        "REDPACKET_PROXY_IP_HEADER": "X-Real-IP",
        "REDPACKET_DATABASE_URL": "mysql://hongbao:p@127.0.0.1/hongbao",
        "REDPACKET_REDIS_URL": "redis://127.0.0.1:1/0",
        "REDPACKET_BROKER_URL": "redis://127.0.0.1:1/1",
    }


def manage(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_sane_production_is_clean(sane):
    """With two keys of which each has its scope, and a third that is to follow one of them."""
    sane = sane | {"REDPACKET_SERVICE_KEY": f"members:{GOOD},events:k{GOOD[::-1]},events:x{GOOD}"}
    done = manage(sane, "check", "--deploy", "--fail-level", "WARNING")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDPACKET_DEBUG", "on"),
        ("REDPACKET_JWT_SECRET", "x9" * 30),
        ("REDPACKET_JWT_KEYS", ""),
        ("REDPACKET_JWT_KEYS", "/nowhere.pem"),
        ("REDPACKET_THROTTLE", "off"),
        ("REDPACKET_STAFF_OTP", "off"),
        ("REDPACKET_ALLOWED_HOSTS", ""),
        ("REDPACKET_ALLOWED_HOSTS", "*"),
        ("REDPACKET_SECRET_KEY", ""),
        ("REDPACKET_SECRET_KEY", "short"),
        ("REDPACKET_SERVICE_KEY", ""),
        ("REDPACKET_SERVICE_KEY", "weak"),
        ("REDPACKET_SERVICE_KEY", ","),
        ("REDPACKET_SERVICE_KEY", f"{GOOD},weak"),
        ("REDPACKET_SERVICE_KEY", f"members:{GOOD},events:weak"),
        ("REDPACKET_SERVICE_KEY", f"member:{GOOD}"),
        ("REDPACKET_SERVICE_FROM", "chat.example.com"),
        ("REDPACKET_SEAL_KEY", ""),
        ("REDPACKET_SEAL_KEY", f"{GOOD}y,weak"),
        ("REDPACKET_SERVICE_FROM", "10.0.0.1/8"),
        ("REDPACKET_H5_ORIGINS", "http://chat.example.com"),
        ("REDPACKET_AVATAR_ORIGINS", "https://faces.example.com,*"),
        ("REDPACKET_ENV", "staging"),
        ("REDPACKET_EXPIRE_S", "a day"),
        ("REDPACKET_RETURN_URL", "https://pay.example.com/back?order="),
        ("REDPACKET_RETURN_URL", "https://pay.example.com/#back"),
    ],
)
def test_production_refuses_to_start(sane, name, value):
    done = manage(sane | {name: value}, "check")

    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert name in last


@pytest.mark.parametrize("environment", ["development", "production"])
def test_payers_come_back_to_our_own_page_by_default(sane, environment):
    told = "from django.conf import settings; print(settings.REDPACKET_RETURN_URL)"

    done = manage(sane | {"REDPACKET_ENV": environment}, "shell", "--no-imports", "-c", told)

    assert done.stdout.split() == ["https://pay.example.com/h5/back"]


SAME = "k9#mQ2!vX7@pL4$zR8%wT1^yB6&nC3*dF5(gH0)jS-aE=uI+oK"


# Name -> value, and what is said of it; together in one process those that do not meet.
WRONG = [
    {
        "REDPACKET_SERVICE_KEY": (SAME, "are the same"),
        "REDPACKET_SERVICE_FROM": ("", "is missing"),
        "REDPACKET_PUBLIC_URL": ("http://pay.example.com", "is not https"),
        "REDPACKET_RETURN_URL": ("http://pay.example.com/", "is not https"),
        "REDPACKET_MEMBERS_URL": ("http://chat.example.com/", "is not https"),
        "REDPACKET_DATABASE_URL": ("sqlite:////tmp/x", "is SQLite"),
        "REDPACKET_BROKER_URL": ("atomicfile://localhost", "is a folder"),
        "REDPACKET_REDIS_URL": ("", "is missing"),
        "REDPACKET_JWT_ISS": ("", "is missing"),
        "REDPACKET_JWT_AUD": ("", "is missing"),
        "REDPACKET_PROXY_IP_HEADER": ("", "is missing"),
    },
    {
        "REDPACKET_SERVICE_KEY": (f"members:{GOOD},events:{GOOD}", "are the same"),
        "REDPACKET_PUBLIC_URL": ("", "is missing"),
    },
    {"REDPACKET_SEAL_KEY": (GOOD, "are the same")},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_check_deploy_refuses(sane, wrong):
    given = {name: value for name, (value, _) in wrong.items()}

    done = manage(sane | given, "check", "--deploy", "--tag", "security")

    assert done.returncode == 1
    assert re.search(rf"identified {len(wrong)} issues? ", done.stderr), done.stderr
    for name, (_, says) in wrong.items():
        assert re.search(rf"hongbao\.E\d+\) .*{name}.* {says}", done.stderr), done.stderr


def test_check_deploy_refuses_a_short_rsa_key(sane, tmp_path):
    public = rsa.generate_private_key(65537, 1024).public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "short.pem").write_bytes(pem)
    short = {"REDPACKET_JWT_KEYS": str(tmp_path / "short.pem")}

    done = manage(sane | short, "check", "--deploy", "--tag", "security")

    assert "an RSA key of 1024 bits" in done.stderr


def test_check_deploy_refuses_development(sane):
    done = manage(sane | {"REDPACKET_ENV": "development"}, "check", "--deploy", "--tag", "security")

    assert "REDPACKET_ENV is not production" in done.stderr


@pytest.mark.parametrize("file", sorted((ROOT / "deploy").iterdir()), ids=lambda file: file.name)
def test_every_file_that_sets_the_environment_says_production(file):
    text = file.read_text()

    assert "development" not in re.findall(r"REDPACKET_ENV[=:] *(\w+)", text)
    if "env_file" in text or file.suffix == ".env":
        assert re.search(r"REDPACKET_ENV[=:] *production", text)


@pytest.mark.parametrize("name", [".env", ".env.local", ".env.production", "deploy/.env"])
def test_files_of_secrets_are_ignored_by_git_and_docker(name):
    ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)

    assert ignored.returncode == 0
    assert "**/.env*" in (ROOT / ".dockerignore").read_text().splitlines()


DEVELOPMENT = {"token", "demo_staff", "seed_demo", "sandbox_keys", "credit"}


def test_production_has_no_development_commands(sane):
    there = manage(sane, "help", "--commands").stdout.split()
    done = manage(sane, "credit", "u1", "1.00", "--reason", "x")

    assert "audit" in there and not DEVELOPMENT & {*there}
    assert done.returncode == 1
    assert "Unknown command: 'credit'" in done.stderr


def test_development_has_them(sane):
    there = manage(sane | {"REDPACKET_ENV": "development"}, "help", "--commands").stdout.split()

    assert {*there} >= DEVELOPMENT
