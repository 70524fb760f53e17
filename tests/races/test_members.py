"""Two replacements of one group's members at once: the last one's are the members."""

from django.db import OperationalError, connection

from kit import pause
from packets import members
from packets.models import GroupMember
from testing.forks import in_threads
from testing.make import service


def in_the_group() -> set[str]:
    return set(GroupMember.objects.filter(group_id="g1").values_list("user_id", flat=True))


def replaced_in_the_middle() -> object:
    """One replacement has written its members; another one comes; only then the first commits."""
    found = []

    def replace() -> None:
        with connection.cursor() as cursor:
            cursor.execute(connection.lock_wait(0))
        members.replace(group_id="g1", user_ids=["u3", "u4"])

    def meanwhile():
        found.extend(in_threads([replace]))

    with pause.at("members: has written the change", meanwhile):
        members.replace(group_id="g1", user_ids=["u1", "u2"])
    return found[0]


def test_replacements_of_one_group_do_not_merge(on_mariadb):
    told = replaced_in_the_middle()

    assert isinstance(told, OperationalError), "the second one waits for the first"
    assert in_the_group() == {"u1", "u2"}
    members.replace(group_id="g1", user_ids=["u3", "u4"])
    assert in_the_group() == {"u3", "u4"}


def test_replacements_of_one_group_do_not_merge_without_the_turns(on_mariadb, monkeypatch):
    monkeypatch.setattr(members, "hold", lambda model, key: True)

    told = replaced_in_the_middle()

    assert told is None
    assert in_the_group() == {"u1", "u2", "u3", "u4"}, "members of neither wish"


def test_replacements_from_many_threads_leave_one_wish():
    wishes = [[f"{letter}{n}" for n in range(20)] for letter in "abcdef"]

    def put(wish) -> int:
        return service().put("service/groups/g1/members", {"members": wish}).status_code

    answers = in_threads([lambda wish=wish: put(wish) for wish in wishes])

    assert set(answers) <= {204, 503}
    assert sorted(in_the_group()) in [sorted(wish) for wish in wishes]
