"""`make demo`: a day in the life of a red packet, told while it happens.

Everything goes over HTTP, as an app and a chat server would do it; manage.py only gives what
development has instead of the outside world: tokens, money, and the audit. It plays against the
`make up` that runs on PORT, or starts one of its own in a temporary folder and stops it afterwards.
It can be played again and again: each time in a group of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from socket import socket

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("REDPACKET_DATA_DIR") or ROOT / "var").expanduser().absolute()
SENDER, FIRST, SECOND = PEOPLE = ("alice", "bob", "carol")
NAMES = {"alice": "小爱", "bob": "阿宝", "carol": "卡罗 🎈"}
CROWD = tuple(f"fan{n}" for n in range(1, 13))
SHARES = 8
OPEN_S = 10  # how long the second packet can be grabbed
WAIT_S = 60
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def demo(base: str) -> None:
    with ExitStack() as stack:
        if not is_up(base):
            base = stack.enter_context(own_stack())
        service_keys = os.environ.get("REDPACKET_SERVICE_KEY") or read("keys/service_key")
        everybody = PEOPLE + CROWD
        tokens = manage("token", *everybody).split()
        users = {user: Api(base, token) for user, token in zip(everybody, tokens, strict=True)}
        group = f"demo-{uuid.uuid4().hex[:8]}"

        title("The chat server says who is in the group, and how people are called")
        chat = Api(base, service_keys.partition(",")[0])
        chat.call("PUT", f"service/groups/{group}/members", {"members": list(everybody)})
        for user in everybody:
            name = NAMES.get(user, user)
            chat.call("PUT", f"service/profiles/{user}", {"nickname": name, "avatar": ""})
        say(f"{group}: {', '.join(PEOPLE)} and {len(CROWD)} more")

        title("Money for alice")
        manage("credit", SENDER, "100.00", "--reason", "demo")
        say(f"balance {balance(users[SENDER])}")

        lucky = a_lucky_packet(users, group)
        the_draw_is_checked(lucky)
        another_one_expires(base, users, group)

        title("The books")
        say(manage("audit").strip())


def a_lucky_packet(users: dict, group: str) -> dict:
    title(f"alice puts 50.00 yuan into a lucky packet of {SHARES} shares and pays by balance")
    packet = sent(users[SENDER], group, number=SHARES, total_money="50.00")
    say(f"{packet['id']}: {packet['headline']}; balance {balance(users[SENDER])}")
    say(f"commitment {packet['commitment']}")

    title(f"{len(users)} people grab at once")
    with ThreadPoolExecutor(len(users)) as pool:
        answers = pool.map(lambda api: api.grab(packet["id"]), users.values())
        grabs = dict(zip(users, answers, strict=True))
    for user, grab in grabs.items():
        share = grab["share"]
        say(f"{user:6} {share['money'] + ' yuan' if share else '手慢了 too slow'}")
    winners = [user for user, grab in grabs.items() if grab["outcome"] == "grabbed"]
    expect(len(winners) == SHARES, f"{SHARES} winners, not {len(winners)}")
    again = users[winners[0]].grab(packet["id"])
    expect(again["outcome"] == "already_grabbed", "nobody takes two")
    say(f"{winners[0]} tries again: {again['outcome']}, {again['share']['money']} yuan")

    title("Everyone's luck 看看大家的手气")
    seen = users[winners[0]].call("GET", f"packets/{packet['id']}")
    say(seen["headline"])
    say(users[winners[0]].call("GET", f"packets/{packet['id']}", language="en")["headline"])
    for share in seen["shares"]:
        best = "  手气最佳" if share["is_good"] else ""
        say(
            f"{share['update_time'][11:19]}  {share['money']:>6}  {share['user']['nickname']}{best}"
        )
    expect(seen["state"] == "finished", "all shares are gone")
    total = sum(Decimal(share["money"]) for share in seen["shares"])
    expect(total == Decimal("50.00"), f"the shares add up to {total}")
    return seen


def the_draw_is_checked(packet: dict) -> None:
    title("A stranger checks the draw: the seed is published now (docs/draw.md)")
    facts = [packet[name] for name in ("id", "total_money", "number", "seed", "commitment")]
    say(f"seed {packet['seed']}")
    drawn = run([sys.executable, str(ROOT / "docs/check_draw.py"), *map(str, facts)])
    say(drawn.strip())
    amounts = sorted(line.split()[1] for line in drawn.splitlines())
    expect(amounts == sorted(share["money"] for share in packet["shares"]), "the draw is the same")
    say("the same amounts: nobody was favoured")


def another_one_expires(base: str, users: dict, group: str) -> None:
    title("Another packet that nobody finishes; Celery beat gives the rest back")
    # How long a packet is open is the setting of the process that issues it. So this one is sent
    # through a second web process beside the first, on the same data, where that is seconds; what
    # follows is done by whoever runs already: the first web process, the worker and beat.
    with second_web(REDPACKET_EXPIRE_S=str(OPEN_S)) as short:
        packet = sent(Api(short, users[SENDER].token), group, number=3, total_money="9.00")
    say(f"{packet['id']} is open until {packet['expire_time'][11:19]}")
    mine = users[FIRST].grab(packet["id"])
    expect(mine["outcome"] == "grabbed", f"bob grabs in time, not {mine['outcome']}")
    say(f"bob takes {mine['share']['money']} of 9.00; balance of alice {balance(users[SENDER])}")
    before = Decimal(balance(users[SENDER]))
    until = time.monotonic() + WAIT_S
    while (seen := users[SENDER].call("GET", f"packets/{packet['id']}"))["return_money"] is None:
        expect(time.monotonic() < until, f"beat refunds within {WAIT_S} s")
        time.sleep(0.5)
    say(f"refunded {seen['return_money']}; balance of alice {balance(users[SENDER])}")
    say(seen["headline"])
    late = users[SECOND].grab(packet["id"])
    expect(late["outcome"] == "expired", f"too late is expired, not {late['outcome']}")
    say("carol comes too late: expired")
    rest = Decimal("9.00") - Decimal(mine["share"]["money"])
    expect(Decimal(seen["return_money"]) == rest, "what bob did not take went back")
    expect(Decimal(balance(users[SENDER])) == before + rest, "into alice's wallet")


class Api:
    """One caller of the API."""

    def __init__(self, base: str, token: str):
        self.base, self.token = base, token

    def call(self, method: str, path: str, body=None, language: str = "zh-Hans"):
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": language}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        request = urllib.request.Request(
            f"{self.base}/api/v1/{path}",
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        while True:
            try:
                with direct.open(request, timeout=20) as answer:
                    return json.load(answer) if answer.status != 204 else None
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
                time.sleep(int(error.headers["Retry-After"]))

    def grab(self, packet_id: str) -> dict:
        return self.call("POST", f"packets/{packet_id}/grab")


def sent(sender: Api, group: str, **money) -> dict:
    """A lucky packet, sent and paid by balance."""
    wish = {"type": "lucky", "for_id": group, "intro": "大吉大利，今晚吃鸡 🐔"} | money
    draft = sender.call("POST", "packets", wish)
    paid = sender.call("POST", f"packets/{draft['id']}/pay", {"pay_type": "balance"})
    return paid["packet"]


def balance(user: Api) -> str:
    return user.call("GET", "wallet")["balance"]


def is_up(base: str) -> bool:
    try:
        with direct.open(f"{base}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@contextmanager
def own_stack():
    """A `make up` of our own, in a temporary folder, for as long as the demo plays."""
    global DATA
    with tempfile.TemporaryDirectory(prefix="hongbao-demo-") as folder:
        port, DATA = free_port(), Path(folder)
        os.environ |= {"PORT": str(port), "REDPACKET_DATA_DIR": folder}
        print(f"Nothing runs here yet: starting a `make up` of our own on port {port} ...")
        up = subprocess.Popen(
            [sys.executable, str(ROOT / "ops/up.py")], stdout=subprocess.PIPE, text=True
        )
        try:
            if not any(line.startswith("ready ") for line in up.stdout):
                sys.exit("It did not start.")
            yield f"http://127.0.0.1:{port}"
        finally:
            up.terminate()
            up.communicate()


@contextmanager
def second_web(**environment: str):
    port = free_port()
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    web = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + WAIT_S
        while not is_up(f"http://127.0.0.1:{port}"):
            expect(web.poll() is None and time.monotonic() < until, "a second web process starts")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        web.terminate()
        web.wait()


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def manage(*args: str) -> str:
    return run([sys.executable, str(ROOT / "manage.py"), *args])


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[1:])}:\n{done.stdout}{done.stderr}")
    return done.stdout


def read(name: str) -> str:
    try:
        return (DATA / name).read_text().strip()
    except OSError:
        return sys.exit(
            f"{DATA / name} is missing: what runs on this port keeps its data elsewhere."
        )


def expect(is_so: bool, what: str) -> None:
    if not is_so:
        sys.exit(f"NOT AS EXPECTED: {what}")


def title(words: str) -> None:
    print(f"\n--- {words}", flush=True)


def say(words: str) -> None:
    print("    " + words.replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    demo(sys.argv[1].rstrip("/"))
