"""A chat app that never gives up, and its own books of what it was told.

Each request is repeated, with its key, until it is answered: what is in the books was acknowledged,
and whatever was not acknowledged is not believed either way.
"""

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from copy import copy
from dataclasses import dataclass, field, fields
from decimal import Decimal

GROUP = "g1"
CHANNELS = ("alipay", "wechat", "unionpay")
PATIENCE_S = 180
ANSWER_S = 12
SAID = 200
KEPT_OPEN = 40  # packets that people still look at

answers_are_lost = threading.Event()  # the network swallows what comes back


class AnswerLost(ConnectionResetError):
    """It was given, and swallowed: what was asked for is over."""


class Refused(Exception):
    """An answer that a client's repeating does not cure."""


@dataclass
class Books:
    """What people were told, by what they were told about."""

    put_in: dict[str, Decimal] = field(default_factory=dict)
    sent: dict[str, tuple[str, Decimal]] = field(default_factory=dict)  # packet -> sender, money
    by_balance: set[str] = field(default_factory=set)
    at_channel: dict[str, str] = field(default_factory=dict)  # order -> packet
    grabbed: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    unsure: set[tuple[str, str]] = field(default_factory=set)  # grabs to ask for again in the end
    odd: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)  # why something was repeated
    counts: Counter = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def copy(self) -> "Books":
        with self.lock:
            names = {each.name for each in fields(self)} - {"lock"}
            return Books(**{name: copy(getattr(self, name)) for name in names})


class Line:
    """One caller's connection."""

    def __init__(self, port: int | list[int], books: Books, tokens: dict[str, str]):
        self.ports = [port] if isinstance(port, int) else port  # as they are at each request
        self.books, self.tokens = books, tokens
        self.links: dict[int, http.client.HTTPConnection] = {}
        self.was_cut = False  # the last `ask` in a try that may still be under way there

    def once(self, method: str, path: str, who: str, body=None, key: str = "") -> tuple[int, dict]:
        """One request, whatever comes of it; raises OSError or HTTPException."""
        port = random.choice(self.ports)
        link = self.links.get(port) or http.client.HTTPConnection(
            "127.0.0.1", port, timeout=ANSWER_S
        )
        self.links[port] = link
        headers = {"Content-Type": "application/json"}
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        if key:
            headers["Idempotency-Key"] = key
        try:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            if answers_are_lost.is_set():
                raise AnswerLost
            data = answer.read()
        except (OSError, http.client.HTTPException):
            link.close()
            del self.links[port]
            raise
        try:
            return answer.status, json.loads(data) if data else {}
        except ValueError:
            return answer.status, {"text": data[:200].decode(errors="replace")}

    def ask(self, method: str, path: str, who: str, body=None, expect=(200, 201, 204)) -> dict:
        """Again and again until it is answered; what will not do raises Refused."""
        key = uuid.uuid4().hex if method == "POST" and not path.endswith("/grab") else ""
        until = time.monotonic() + PATIENCE_S
        said, tries, self.was_cut = "", 0, False
        while time.monotonic() < until:
            try:
                status, told = self.once(method, path, who, body, key)
            except (OSError, http.client.HTTPException) as error:
                said = repr(error)
                self.was_cut |= not isinstance(error, AnswerLost)
            else:
                if status in expect:
                    with self.books.lock:
                        self.books.counts["answered"] += 1
                    return told
                said = f"{status} {told}"
                if status < 500 and told.get("code") not in ("idempotency_in_flight", "throttled"):
                    raise Refused(f"{method} {path}: {said}")
            tries += 1
            with self.books.lock:
                self.books.counts["repeated" if tries == 1 else "repeated again"] += 1
                if len(self.books.unanswered) < SAID:
                    self.books.unanswered.append(f"{method} {path}: {said}")
            time.sleep(random.uniform(0.05, 0.3))
        raise Refused(f"{method} {path}: no answer for {PATIENCE_S} s, last {said}")


class Person(threading.Thread):
    """Sends, pays, grabs; and again."""

    def __init__(
        self, seed: int, port: int | list[int], books: Books, tokens: dict[str, str], open_: list
    ):
        super().__init__(daemon=True)
        self.luck = random.Random(seed)
        self.line = Line(port, books, tokens)
        self.books, self.open, self.users = books, open_, sorted(tokens)
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.luck.uniform(0, 0.2)):
            try:
                self.act()
            except Refused as refused:
                with self.books.lock:
                    self.books.odd.append(str(refused))

    def act(self) -> None:
        if self.luck.random() < 0.3 or not self.open:
            self.send()
        packet = self.luck.choice(self.open)
        for user in self.luck.sample(self.users, 3):
            self.grab(packet, user)

    def send(self) -> None:
        sender, number = self.luck.choice(self.users), self.luck.randint(1, 5)
        money = Decimal(self.luck.randint(number, 500)) / 100
        wish = {"type": "lucky", "for_id": GROUP, "number": number, "total_money": f"{money:.2f}"}
        packet = self.line.ask("POST", "/api/v1/packets", sender, wish)["id"]
        with self.books.lock:
            self.books.sent[packet] = (sender, money)
        if self.luck.random() < 0.6:
            self.line.ask("POST", f"/api/v1/packets/{packet}/pay", sender, {"pay_type": "balance"})
            with self.books.lock:
                self.books.by_balance.add(packet)
        else:
            self.pay_at_channel(packet, sender)
        with self.books.lock:
            self.open.append(packet)
            del self.open[:-KEPT_OPEN]

    def pay_at_channel(self, packet: str, sender: str) -> None:
        word = self.luck.choice(CHANNELS)
        path = f"/api/v1/packets/{packet}/pay"
        wish = {"pay_type": word, "scene": "app"}
        order = self.line.ask("POST", path, sender, wish)["order"]
        asked = {"pay_type": word, "pay_params": order["pay_params"]}
        if self.luck.random() < 0.3:
            asked["lag_s"] = 2
        result = self.pays_there(asked)
        with self.books.lock:
            self.books.at_channel[order["order_no"]] = packet
        if self.luck.random() < 0.7:
            body = {"result": result} if result else {}
            self.line.ask("POST", f"/api/v1/orders/{order['order_no']}/report", sender, body)
            with self.books.lock:
                self.books.reported.add(packet)

    def pays_there(self, asked: dict) -> str:
        """The payer's side; an answer that was lost is looked up, since nobody pays twice."""
        try:
            return self.line.ask("POST", "/sandbox/control/pay", "", asked)["result"]
        except Refused:
            of = {name: asked[name] for name in ("pay_type", "pay_params")}
            told = self.line.ask("POST", "/sandbox/control/trade", "", of)
            if told["state"] not in ("paid", "arriving"):
                raise
            return ""

    def grab(self, packet: str, user: str) -> None:
        is_out = packet in self.books.by_balance | self.books.reported
        expect = (200,) if is_out else (200, 409)  # its channel may be slow to tell
        told = self.line.ask("POST", f"/api/v1/packets/{packet}/grab", user, expect=expect)
        with self.books.lock:
            self.books.counts[told.get("outcome") or told["code"]] += 1
            if told.get("share"):
                self.books.grabbed[packet, user] = Decimal(told["share"]["money"])
            elif self.line.was_cut:  # his first try may be in flight, and win (api.md)
                self.books.unsure.add((packet, user))
