"""Production as deploy/ says: its first steps, its limits, its accounts, a reload under load."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.production.conftest import ROOT

pytestmark = pytest.mark.once
UNITS = sorted((ROOT / "deploy").glob("*.service"))
EXPOSURE_MAX = 40  # of a hundred, as systemd-analyze counts: 4.0


def test_the_first_steps_are_those_of_the_document(stack):
    text = (ROOT / "deploy" / "README.md").read_text().split("## With systemd")[1]
    written = re.findall(r"^    (.+)$", text.split("\n## ")[0], re.MULTILINE)
    done = [line.removeprefix("$ ") for line in stack.said if line.startswith("$ ")]

    by_hand = [line for line in written if line not in done]
    assert [line.split()[0] for line in by_hand] == [
        *("useradd", "git", "python3"),
        *(".venv/bin/python", ".venv/bin/python", "systemctl"),
    ]
    assert all("invite_staff" in line for line in by_hand[3:5])
    assert stack.manage("check", "--deploy", "--fail-level", "WARNING").returncode == 0
    assert stack.manage("audit").stdout.startswith("audit clean")


def test_a_packet_lives_its_life(stack):
    packet, paid = _paid_packet(stack, "g", "ann", ["bea"])
    grabbed = stack.call("POST", f"packets/{packet}/grab", "bea")

    assert paid.status_code == 200, paid.text
    assert paid.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert (paid.headers["Cache-Control"], paid.headers["X-Content-Type-Options"]) == (
        *("no-store", "nosniff"),
    )
    assert grabbed.json()["outcome"] == "grabbed"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/admin/login/", 200), ("/api/docs", 200), ("/health/live", 200)),
        *(("/api/problems/too_large", 200), ("/api/problems/nonsense", 404)),
        *(("/metrics", 403), ("/sandbox/", 404), ("/try/", 404)),
    ],
)
def test_what_the_street_can_see(stack, path, status):
    assert stack.line.get(f"{stack.base}{path}", timeout=30).status_code == status


@pytest.mark.parametrize(
    ("step", "path", "status"),
    [
        *((2, "/admin/login/", 404), (2, "/api/v1/wallet", 401), (2, "/admin/i18n/setlang/", 404)),
        *((3, "/api/v1/wallet", 404), (3, "/api/schema", 404), (3, "/admin/login/", 200)),
        *((2, "/api/problems/not_found", 200), (3, "/api/problems/not_found", 404)),
    ],
)
def test_web_and_back_office_are_processes_of_their_own(stack, step, path, status):
    """Asked past nginx: neither would answer for the other even if a route led there."""
    asked = requests.get(
        f"http://127.0.0.1:{stack.port + step}{path}",
        headers={"Host": "localhost", "X-Forwarded-Proto": "https"},
        timeout=30,
    )

    assert asked.status_code == status


def test_names_that_are_not_ours_get_no_answer(stack):
    for url in (f"https://localhost:{stack.port}/", f"http://localhost:{stack.port + 1}/"):
        with pytest.raises(requests.ConnectionError):
            stack.line.get(url, headers={"Host": "evil.example"}, timeout=30)
    plain = stack.line.get(f"http://localhost:{stack.port + 1}/x", allow_redirects=False)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"{stack.base}/x")


@pytest.mark.parametrize(
    ("path", "size", "language", "detail"),
    [
        ("packets", 6_000_000, "en", "The request body is too large."),
        ("packets", 6_000_000, "zh-Hans", "请求内容过大。"),
        ("payments/notify/alipay", 70_000, "en", "The request body is too large."),
    ],
)
def test_too_large_is_a_problem_of_the_api(stack, path, size, language, detail):
    answer = stack.line.post(
        f"{stack.base}/api/v1/{path}",
        data=b"x" * size,
        headers={"Accept-Language": language},
        timeout=30,
    )

    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (answer.json()["code"], answer.json()["detail"]) == ("too_large", detail)
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_a_large_bill_passes_nginx(stack):
    """What refuses it is the service (no session, no token), not the size."""
    answer = stack.line.post(f"{stack.base}/admin/payments/bill/", data=b"x" * 35_000_000)

    assert answer.status_code == 403
    assert "表单已失效" in answer.text  # the form is not one of ours


def test_one_address_cannot_flood_the_log_in(stack):
    page = f"{stack.base}/admin/login/"

    # One behind the other: two at once want the seat of one password (office/accounts/gate.py).
    seen = {stack.line.post(page, data={}, timeout=60).status_code for _ in range(64)}

    assert seen == {403, 429}
    assert stack.line.get(page, timeout=30).status_code == 200  # looking at it is no try


def test_accounts_of_the_database_have_least_rights(stack):
    tables = (
        *("wallets_ledgerline", "kit_staffaction", "kit_staffevent", "wallets_auditrun"),
        *("wallets_seal", "wallets_dailyfigure", "wallets_dailysummary"),
    )
    for statement in (
        *(f"UPDATE {table} SET id = id WHERE 1 = 0" for table in tables),
        *(f"DELETE FROM {table} WHERE 1 = 0" for table in tables),
        *("ALTER TABLE red_packet ADD x INT", "DROP TABLE red_packet", "CREATE TABLE x (y INT)"),
        *("SELECT * FROM mysql.user", "SELECT 1 INTO OUTFILE '/tmp/x'", "TRUNCATE kit_event"),
        "DELETE FROM django_migrations",
    ):
        with pytest.raises(PermissionError, match="denied"):
            stack.sql(statement, "hongbao")
    assert stack.sql("SELECT COUNT(*) >= 0 FROM wallets_ledgerline", "hongbao") == "1\n"
    with pytest.raises(PermissionError):
        stack.sql("SELECT * FROM mysql.user", "hongbao_admin")


def test_nobody_but_us_comes_near_its_files(stack):
    """All lie below a folder that is ours alone; what is not public is so itself, too."""
    loose = [
        str(path)
        for path in (stack.data, *stack.data.rglob("*"))
        if path.lstat().st_mode & 0o007
        and not path.is_socket()
        and not path.is_symlink()
        and not {"mariadb", "static"} & set(path.parts)
    ]

    assert loose == []
    assert stack.data.stat().st_mode & 0o077 == 0  # sockets lie below it


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_sound_and_confined(unit, tmp_path):
    text = unit.read_text().replace("/opt/hongbao/.venv/bin", str(Path(sys.executable).parent))
    own = tmp_path / unit.name
    own.write_text(text.replace("/opt/hongbao", str(ROOT)))

    sound = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", own], capture_output=True, text=True, check=False
    )
    confined = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=yes", "--no-pager"),
            *(f"--threshold={EXPOSURE_MAX}", own),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert unit.name not in sound.stderr, sound.stderr
    assert confined.returncode == 0, confined.stdout[-300:]


def test_a_reload_of_web_fails_no_request(stack):
    """Every worker is replaced while eight users go on asking and grabbing: an old one ends while
    its kept connections are used."""
    users = [f"r{number}" for number in range(8)]
    packet, _ = _paid_packet(stack, "reload", "ron", users)
    before, seen, over = _children(stack.pid("web")), Counter(), threading.Event()

    def ask(user: str) -> None:
        line, bearer = stack.session(), f"Bearer {stack.token(user)}"
        while not over.wait(0.12):  # below what one user may ask a second
            for method, path in (("POST", f"packets/{packet}/grab"), ("GET", "wallet")):
                answer = line.request(
                    method,
                    f"{stack.base}/api/v1/{path}",
                    headers={"Authorization": bearer},
                    timeout=60,
                )
                seen[method, answer.status_code] += 1

    askers = [threading.Thread(target=ask, args=(user,)) for user in users]
    for asker in askers:
        asker.start()
    try:
        os.kill(stack.pid("web"), signal.SIGHUP)
        rest = before
        while rest:
            rest = rest & _children(stack.pid("web"))
            assert not over.wait(0.2)
    finally:
        over.set()
        for asker in askers:
            asker.join(90)

    assert set(seen) == {("POST", 200), ("GET", 200)}, seen
    assert len(_children(stack.pid("web"))) == len(before)


def test_web_gone_is_a_problem_of_the_api(stack):
    """Last: the supervisor starts it again, the next test would meet it starting."""
    web = stack.pid("web")
    os.kill(web, signal.SIGSTOP)
    for child in _children(web):
        os.kill(child, signal.SIGKILL)

    answer = stack.call("GET", "wallet", "ann")
    os.kill(web, signal.SIGKILL)

    assert answer.status_code == 503
    assert (answer.json()["code"], answer.headers["Retry-After"]) == ("unavailable", "1")


def _paid_packet(stack, group: str, sender: str, takers: list[str]) -> tuple[str, Any]:
    """A share for each taker and one that stays; the packet, and the answer to its payment."""
    members = {"members": [sender, *takers]}
    assert stack.call("PUT", f"service/groups/{group}/members", body=members).status_code == 204
    stack.sql(
        f"INSERT INTO wallets_wallet VALUES ('{sender}', 50.00, 0, '', NOW(6))"
        " ON DUPLICATE KEY UPDATE user_id = user_id;"
        "INSERT IGNORE INTO wallets_ledgerline"
        " (kind, reference, source, target, amount, note, created_at)"
        f" VALUES (5, '{sender}', 'platform', 'wallet:{sender}', 50.00, '', NOW(6))"
    )
    number = len(takers) + 1
    wish = {"type": "equal", "for_id": group, "number": number, "single_money": "1.00"}
    sent = stack.call("POST", "packets", sender, wish).json()
    pay = {"pay_type": "balance"}
    return sent["id"], stack.call("POST", f"packets/{sent['id']}/pay", sender, pay)


def _children(pid: int) -> set[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {
        int(child)
        for child in listed
        if b"granian" in Path(f"/proc/{child}/cmdline").read_bytes()
        and b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    }


def test_a_folder_of_before_gets_the_passwords_that_are_new(tmp_path):
    """And keeps those that its database and its Redis know."""
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "passwords.json"
    file.write_text(json.dumps({"root": "of before"}))
    code = "import production as p; print(sorted(p._kept()) == sorted(p.PASSWORDS))"

    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "ops",
        env=os.environ | {"REDPACKET_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    kept = json.loads(file.read_text())
    assert said == "True\n"
    assert kept["root"] == "of before"
    assert len(set(kept.values())) == len(kept) > 1
