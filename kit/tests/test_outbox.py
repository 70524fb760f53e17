"""Events: with their work, in order, none skipped, kept as long as promised."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from kit import outbox, sql
from kit.models import Event
from testing.forks import in_threads

NOW = timezone.now()


def tell(*types, now=None):
    with transaction.atomic():
        for type_ in types:
            outbox.tell(type_, now=now or timezone.now(), text="恭喜 🧧")


def types(news) -> list[str]:
    return [each.type for each in news]


def test_no_news_outside_its_work():
    with pytest.raises(transaction.TransactionManagementError):
        outbox.tell("lonely", now=timezone.now())

    assert not Event.objects.exists()


def test_rolled_back_work_makes_no_news():
    with pytest.raises(ValueError, match="no"), transaction.atomic():
        outbox.tell("never", now=timezone.now())
        raise ValueError("no")

    assert outbox.read(after=0, limit=10) == []


def test_pages_in_order_none_twice():
    tell("a", "b", "c")
    first = outbox.read(after=0, limit=2)
    tell("d")
    second = outbox.read(after=first[-1].place, limit=9)

    assert types(first) == ["a", "b"]
    assert types(second) == ["c", "d"]
    assert second[0].data == {"text": "恭喜 🧧"}
    assert outbox.read(after=second[-1].place, limit=9) == []


def told_by_two_servers() -> list[tuple[str, str]]:
    """Keys are given in blocks: what came later has the smaller one, once of a packet's own events
    and once of another's between them."""
    now = timezone.now()
    for key, type_, packet in (
        (900, "packet.issued", "a"),
        (901, "packet.issued", "b"),
        (100, "packet.grabbed", "a"),
        (902, "packet.grabbed", "a"),
        (101, "packet.finished", "a"),
        (102, "topup.confirmed", ""),
        (103, "packet.expired", "b"),
    ):
        data = {"packet": packet} if packet else {"order_no": "tu1"}
        Event.objects.create(pk=key, type=type_, data=data, created_at=now)
    return [
        (each.type.split(".")[1], each.data.get("packet", ""))
        for each in outbox.read(after=0, limit=9)
    ]


def test_what_is_told_of_a_packet_keeps_its_course_whatever_the_keys():
    assert told_by_two_servers() == [
        ("issued", "a"),
        ("grabbed", "a"),
        ("confirmed", ""),
        ("issued", "b"),
        ("grabbed", "a"),
        ("expired", "b"),
        ("finished", "a"),
    ]


def test_a_packet_is_over_before_it_is_issued_without_the_guard(monkeypatch):
    monkeypatch.setattr(outbox, "in_course", lambda rows: [key for key, *_ in rows])

    told = [word for word, packet in told_by_two_servers() if packet == "a"]

    assert told == ["grabbed", "finished", "issued", "grabbed"]


def test_of_two_at_one_step_neither_waits():
    """A packet is taken whole before its money is there, or after."""
    now = timezone.now()
    for type_ in ("packet.finished", "share.credited"):
        Event.objects.create(type=type_, data={"packet": "a"}, created_at=now)

    assert types(outbox.read(after=0, limit=9)) == ["packet.finished", "share.credited"]


def test_places_given_by_many_at_once_are_given_once():
    tell(*"abcdefghij")

    given = in_threads([outbox.give_places] * 4)

    assert sum(given) == 10
    places = list(Event.objects.order_by("place").values_list("place", flat=True))
    assert places == list(range(places[0], places[0] + 10))


def test_more_than_one_chunk_waits_for_its_places(monkeypatch):
    monkeypatch.setattr(outbox, "PLACED_AT_ONCE", 2)
    tell("a", "b", "c")

    assert types(outbox.read(after=0, limit=9)) == ["a", "b"]
    assert types(outbox.read(after=0, limit=9)) == ["a", "b", "c"]


def test_old_news_goes_in_chunks_and_only_when_it_had_its_place():
    old, now = timezone.now() - timedelta(days=8), timezone.now()
    tell("old", "older", now=old)
    outbox.give_places()
    tell("never placed", now=old)
    tell("new", now=now)

    assert outbox.forget(before=now - timedelta(days=7), limit=1) == 1
    assert outbox.forget(before=now - timedelta(days=7)) == 1
    assert outbox.forget(before=now - timedelta(days=7)) == 0
    assert types(outbox.read(after=0, limit=9)) == ["never placed", "new"]


def tell_each(*users):
    with transaction.atomic():
        sql.run(
            outbox.news_of_each(
                "many", each={"user_id": [*users], "no": [*range(len(users))]}, now=NOW, text="恭喜"
            )
        )


def test_pieces_of_one_row_are_read_as_if_each_had_its_own():
    tell("before")
    tell_each("u1", "u2", "u3")
    tell("after")

    whole = outbox.read(after=0, limit=9)

    assert types(whole) == ["before", "many", "many", "many", "after"]
    first = whole[0].place
    assert [one.place for one in whole] == list(range(first, first + 5))
    assert whole[2].data == {"text": "恭喜", "user_id": "u2", "no": 1}
    assert Event.objects.count() == 3


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("wanted", [(), ("many",)])
def test_a_page_begins_and_ends_between_the_pieces_of_a_row(limit, wanted):
    tell_each("u1", "u2", "u3")
    tell_each("u4")
    tell_each("u5", "u6")
    place, heard = 0, []

    while (page := outbox.page(after=place, limit=limit, types=wanted)).news:
        assert len(page.news) <= limit
        heard += [one.data["user_id"] for one in page.news]
        place = page.next

    assert heard == ["u1", "u2", "u3", "u4", "u5", "u6"]
    assert outbox.latest() == place


def restored_behind(reader: int) -> None:
    """As after a restore: the reader has read up to a place that is not kept."""
    tell("kept")
    assert outbox.latest() < reader


def test_after_a_restore_news_goes_on_behind_what_was_read():
    reader = outbox.latest() + 5
    restored_behind(reader)

    assert outbox.go_on_behind(reader) == reader - 4
    assert outbox.go_on_behind(reader - 3) == reader, "places only go forward"

    tell("new")
    assert types(outbox.read(after=reader, limit=9)) == ["new"]


def test_after_a_restore_news_goes_on_behind_what_was_read_without_the_guard():
    """The reader misses all that is told until places have caught up with him."""
    reader = outbox.latest() + 5
    restored_behind(reader)

    tell("new")
    assert outbox.read(after=reader, limit=9) == []
