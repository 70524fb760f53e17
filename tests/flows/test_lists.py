"""Lists, their cursors and the yearly summary."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from kit.http import pages
from kit.http.caller import Caller
from packets import grab
from packets.states import Kind
from testing.make import make_group, make_packet, make_paid_packet, make_wallet, user
from tests.flows.test_results import make

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


def walk(api, path: str, meanwhile=lambda: None) -> list[list]:
    """The pages behind a path, until the last."""
    found, cursor = [], ""
    while cursor is not None:
        answer = api.get(f"{path}&cursor={cursor}" if cursor else path).json()
        found.append(answer["results"])
        cursor = answer["next"]
        meanwhile()
    return found


def test_pages_skip_and_repeat_nothing_while_new_ones_arrive():
    made = [make_packet(now=NOON + timedelta(seconds=i // 2)).public_id for i in range(7)]

    walked = walk(user("alice"), "packets?box=sent&limit=3", meanwhile=make_packet)

    assert [len(page) for page in walked] == [3, 3, 1]
    assert [packet["id"] for page in walked for packet in page] == made[::-1]


def test_exactly_full_last_page_has_no_next():
    for _ in range(2):
        make_packet()

    answer = user("alice").get("packets?box=sent&limit=2").json()
    assert (len(answer["results"]), answer["next"]) == (2, None)
    assert user("bob").get("packets?box=sent").json() == {"results": [], "next": None}


def test_sent_holds_drafts_and_received_what_was_taken():
    make_group("alice", "bob", "carol")
    draft = make_packet(now=NOON).public_id
    paid = make_paid_packet(Kind.EQUAL, 2, "1.00").public_id
    for path in (f"packets/{paid}/grab", f"packets/{paid}/grab"):
        user("bob").post(path)

    sent = user("alice").get("packets?box=sent").json()["results"]
    received = user("bob").get("packets?box=received").json()["results"]

    assert [(packet["id"], packet["state"]) for packet in sent] == [
        (paid, "open"),
        (draft, "closed"),
    ]
    assert [packet["id"] for packet in received] == [paid]
    assert received[0]["mine"]["money"] == "1.00"
    assert received[0]["sender"]["user_id"] == "alice"
    assert "shares" not in received[0]
    assert user("bob").get("packets?box=sent").json()["results"] == []
    assert user("carol").get("packets?box=received").json()["results"] == []


def test_received_newest_taken_first_not_newest_made():
    make_group("alice", "bob")
    now = timezone.now()
    first, second = (make_paid_packet(Kind.EQUAL, 1, "1.00").public_id for _ in range(2))
    for seconds, packet in ((1, second), (2, first)):
        grab.grab(public_id=packet, caller=Caller("bob"), now=now + timedelta(seconds=seconds))

    walked = walk(user("bob"), "packets?box=received&limit=1")

    assert [packet["id"] for page in walked for packet in page] == [first, second]


def test_years_are_those_of_the_time_zone():
    midnight = datetime(2025, 12, 31, 16, tzinfo=UTC)  # 2026 begins in Shanghai
    old = make_packet(now=midnight - timedelta(microseconds=1)).public_id
    new = make_packet(now=midnight).public_id

    def ids(year):
        answer = user("alice").get(f"packets?box=sent&year={year}").json()
        return [packet["id"] for packet in answer["results"]]

    assert ids(2025) == [old]
    assert ids(2026) == [new]
    assert ids(2024) == []


def test_summary_of_a_year():
    make(Kind.LUCKY, "void")  # nothing sent, and what bob took of it is nothing received
    lucky = make_paid_packet(Kind.LUCKY, 2, "10.00")
    make_paid_packet(Kind.LUCKY, 2, "4.00")  # open: its best luck is not known yet
    make_packet(Kind.LUCKY, 2, "50.00")  # a draft is nothing sent
    make_paid_packet(Kind.EQUAL, 2, "1.00")
    year = timezone.localtime().year
    answers = [
        user(name).post(f"packets/{lucky.public_id}/grab").json() for name in ("alice", "bob")
    ]
    best = user("bob").get(f"packets/{lucky.public_id}").json()["mine"]["is_good"]

    alice, bob = (user(name).get("packets/summary").json() for name in ("alice", "bob"))

    assert alice["year"] == bob["year"] == year
    assert alice["sent"] == {"number": 3, "money": "16.00"}
    assert bob["sent"] == {"number": 0, "money": "0.00"}
    money = answers[1]["share"]["money"]
    assert bob["received"] == {"number": 1, "money": money, "best_luck": int(best)}
    assert alice["received"]["best_luck"] + bob["received"]["best_luck"] == 1
    empty = {"number": 0, "money": "0.00"}
    assert user("alice").get(f"packets/summary?year={year - 1}").json() == {
        "year": year - 1,
        "sent": empty,
        "received": empty | {"best_luck": 0},
    }


BAD_CURSORS = [
    "",
    "%00",
    "x",
    "MQ",  # 1: no key
    "MTox%21",  # 1:1 and junk
    pages.cursor(10**16, 1),
    pages.cursor(1, 10**17),
    pages.cursor(1, 2, 3),
    "LTE6MQ",  # -1:1
    "A" * 5000,
    "%F0%9F%A7%A7",
]


@pytest.mark.parametrize("cursor", BAD_CURSORS)
def test_bad_cursor(cursor):
    response = user("alice").get(f"packets?box=sent&cursor={cursor}")

    assert (response.status_code, response.json()["code"]) == (400, "malformed")


def test_cursor_of_another_list():
    make_packet()
    make_wallet("alice", "1.00")

    sent = pages.cursor(1, 1)
    assert user("alice").get(f"wallet/flow?cursor={sent}").json()["code"] == "malformed"


@pytest.mark.parametrize(
    "query",
    [
        "box=sent&limit=101",
        "box=sent&limit=-1",
        "box=sent&limit=1.0",
        "box=sent&limit=%00",
        "box=sent&limit=" + "1" * 5000,
        "box=sent&limit=%D9%A3",
        "box=sent&year=1969",
        "box=sent&year=3000",
        "box=sent&year=02026",
        "box=sent&year=",
        "box=sent%00",
        "box=" + "x" * 50_000,
        "box=SENT",
    ],
)
def test_nonsense_in_a_query_names_the_field(query):
    response = user("alice").get(f"packets?{query}")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "validation_error")
    assert list(problem["errors"]) == [query.rpartition("&")[2].partition("=")[0]]


def test_more_names_in_a_query_than_anybody_needs():
    query = "&".join(f"a{i}=1" for i in range(2000))

    response = user("alice").get(f"packets?box=sent&{query}")
    assert (response.status_code, response.json()["code"]) == (400, "malformed")
