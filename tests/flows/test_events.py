"""Events from now on (`after=latest`), and of some types alone (`types=`)."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from kit import outbox
from kit.models import Event
from packets.api import examples
from packets.api.serializers import EVENT_TYPES
from packets.api.service import EventViewSet
from packets.states import Kind
from testing.forks import in_threads
from testing.make import make_group, make_paid_packet, service, user
from tests.flows.meanwhile import apart, issued_meanwhile
from tests.test_house import sources

ISSUED, GRABBED = "packet.issued", "packet.grabbed"
FINISHED, TOPUP = "packet.finished", "topup.confirmed"
NEVER = "packet.voided"


def tell_inside(*types: str) -> None:
    """Events such as the contract describes, for use inside a transaction."""
    for type_ in types:
        outbox.tell(type_, now=timezone.now(), **examples.EVENTS[type_]["results"][0]["data"])


def tell(*types: str) -> None:
    with transaction.atomic():
        tell_inside(*types)


def ask(query: str) -> dict:
    answer = service().get(f"service/events?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def found(query: str) -> list[str]:
    return [event["type"] for event in ask(query)["results"]]


def walk(types: str, limit: int) -> tuple[list[str], int]:
    """All ids from the first on, and how many answers it took."""
    ids, after, answers = [], "0", 0
    while True:
        page = ask(f"after={after}&limit={limit}&types={types}")
        answers += 1
        ids += [event["id"] for event in page["results"]]
        if page["next"] == after:
            return ids, answers
        after = page["next"]


# --- from now on


def test_latest_is_nothing_old_and_where_news_begins():
    tell(ISSUED, GRABBED)

    begins = ask("after=latest")
    tell(FINISHED)

    assert begins == {"results": [], "next": str(outbox.latest() - 1)}
    assert found(f"after={begins['next']}") == [FINISHED]


def test_latest_of_nothing_at_all_is_the_first():
    assert ask("after=latest")["results"] == []
    begins = ask("after=latest")["next"]
    tell(ISSUED)

    assert found(f"after={begins}") == [ISSUED]


def test_latest_is_behind_all_that_had_no_place_yet(monkeypatch):
    monkeypatch.setattr(outbox, "PLACED_AT_ONCE", 2)
    tell(*[ISSUED] * 7)

    begins = ask("after=latest")

    assert not Event.objects.filter(place__isnull=True).exists()
    assert ask(f"after={begins['next']}") == {"results": [], "next": begins["next"]}


def test_latest_stays_true_when_old_news_is_gone():
    tell(ISSUED, ISSUED)
    begins = ask("after=latest")["next"]
    Event.objects.all().delete()

    assert ask("after=latest")["next"] == begins


def test_latest_waits_for_what_comes():
    tell(ISSUED)

    told, packet = issued_meanwhile(lambda: ask("after=latest&wait=30&types=packet.issued"))

    assert [event["data"]["packet"] for event in told["results"]] == [packet]


def test_latest_skips_nothing_that_commits_late(on_mariadb):
    with transaction.atomic():
        tell_inside(ISSUED)
        in_threads([lambda: tell(GRABBED)])
        (begins,) = in_threads([outbox.latest])

    assert [each.type for each in outbox.page(after=begins, limit=9).news] == [ISSUED]


def test_latest_skips_what_commits_late_without_the_places(on_mariadb):
    """By the highest key that is seen, not by the place: the late row has a lower one."""
    with transaction.atomic():
        tell_inside(ISSUED)
        in_threads([lambda: tell(GRABBED)])
        (begins,) = in_threads([lambda: Event.objects.order_by("pk").last().pk])

    assert not Event.objects.filter(pk__gt=begins).exists()


# --- some types alone


def test_only_these_types_are_told():
    tell(ISSUED, GRABBED, GRABBED, FINISHED, TOPUP)

    assert found(f"types={GRABBED}") == [GRABBED, GRABBED]
    assert found(f"types={TOPUP},{ISSUED}") == [ISSUED, TOPUP]
    assert found(f"types={GRABBED},{GRABBED}") == [GRABBED, GRABBED]
    assert found(f"types={','.join(EVENT_TYPES)}") == found("limit=9")


def test_next_moves_on_past_what_was_filtered():
    tell(ISSUED, GRABBED, FINISHED)
    last = ask("limit=9")["next"]

    assert ask(f"types={NEVER}") == {"results": [], "next": last}
    assert ask(f"types={ISSUED}")["next"] == last
    assert ask(f"types={ISSUED}&limit=1")["next"] == ask("limit=1")["next"]
    assert ask(f"after={last}&types={NEVER}") == {"results": [], "next": last}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("looked_at", [1, 2, 4, 5000])
def test_none_is_skipped_and_none_comes_twice(monkeypatch, limit, looked_at):
    monkeypatch.setattr(outbox, "LOOKED_AT_ONCE", looked_at)
    tell(ISSUED, GRABBED, GRABBED, FINISHED, ISSUED, GRABBED, GRABBED, GRABBED, TOPUP)
    all_of_them = ask("limit=100")["results"]
    wanted = [event["id"] for event in all_of_them if event["type"] in (ISSUED, TOPUP)]

    ids, _ = walk(f"{ISSUED},{TOPUP}", limit)

    assert ids == wanted
    assert len(wanted) == 3


def test_reading_behind_what_was_forgotten_begins_at_the_oldest_kept(monkeypatch):
    monkeypatch.setattr(outbox, "LOOKED_AT_ONCE", 2)
    tell(*[GRABBED] * 6, ISSUED)
    ask("limit=1")
    Event.objects.filter(type=GRABBED).delete()

    assert found(f"after=0&types={ISSUED}") == [ISSUED]


def test_filtering_reader_skips_no_event_that_commits_late(on_mariadb):
    with transaction.atomic():
        tell_inside(ISSUED)
        in_threads([lambda: tell(GRABBED, ISSUED, GRABBED)])
        (first,) = in_threads([lambda: outbox.page(after=0, limit=9, types={ISSUED})])
    second = outbox.page(after=first.next, limit=9, types={ISSUED})

    assert [len(first.news), len(second.news)] == [1, 1]
    assert first.news != second.news


def test_waiting_reader_goes_on_when_others_came():
    tell(GRABBED)

    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(apart(lambda: ask(f"wait=30&types={TOPUP}")))
        while not EventViewSet._waiting.locked():
            assert not reader.done()
        tell(GRABBED, GRABBED)
        tell(TOPUP)
        told = reader.result(30)

    assert [event["type"] for event in told["results"]] == [TOPUP]


def test_waiting_reader_who_gets_nothing_moved_on(monkeypatch):
    monkeypatch.setattr(outbox, "LOOKED_AT_ONCE", 2)
    tell(*[GRABBED] * 7)
    last = ask("limit=100")["next"]

    assert ask(f"wait=1&types={TOPUP}") == {"results": [], "next": last}


@pytest.mark.parametrize("events", [3, 30])
def test_what_is_asked_does_not_grow_with_what_is_there(events):
    tell(*[GRABBED] * events, ISSUED)
    ask("limit=1")  # gives the places

    sent = {}
    for query in (f"types={ISSUED}", f"types={NEVER}&limit=1000", "after=latest", "limit=1000"):
        with CaptureQueriesContext(connection) as asked:
            ask(query)
        sent[query] = len([one for one in asked if one["sql"].startswith("SELECT")])

    assert list(sent.values()) == [3, 3, 4, 2]


@pytest.mark.once
def test_every_type_that_is_told_can_be_asked_for_and_has_an_example():
    source = "\n".join(path.read_text() for path in sources("packets", "payments", "wallets"))
    told = set(re.findall(r"(?:outbox|news)\.(?:tell|news|news_of_each)\(\s*\"([^\"]+)\"", source))

    assert told == set(EVENT_TYPES)
    assert set(EVENT_TYPES) <= set(examples.EVENTS)


def test_types_of_a_packets_life():
    make_group("alice", "bob")
    packet = make_paid_packet(Kind.EQUAL, 1, "1.00").public_id
    user("bob").post(f"packets/{packet}/grab")

    assert found(f"types={FINISHED}") == [FINISHED]
    assert found("") == [ISSUED, GRABBED, FINISHED]
