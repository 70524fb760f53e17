"""Two take one case upon themselves at once: it is one's, and the other is told."""

from django.utils import timezone

from kit import retry
from kit.moves import move
from payments import own_case
from payments.models import Case
from payments.tests import test_cases as story
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from payments.tests.test_cases import channels, checker, maker  # noqa: F401 - fixtures
from testing.forks import in_threads
from tests.races.test_case_money import once_before


def both_take(monkeypatch, first: int, second: int) -> tuple[list[bool], int | None]:
    """The second takes it when the first is about to: both have seen that it is nobody's."""
    case, _refund = story.paid_twice()
    wish = {"case_id": case.pk, "seen_owner_id": None, "now": timezone.now()}
    answers: list[bool] = []

    def intrude():
        answers.extend(in_threads([lambda: own_case.take(staff_id=second, **wish)]))

    once_before(monkeypatch, own_case, "move", intrude)
    answers.append(own_case.take(staff_id=first, **wish))
    case.refresh_from_db()
    return answers, case.owner_id


def test_one_of_two_gets_the_case(on_mariadb, monkeypatch, channels, maker, checker):  # noqa: F811
    answers, owner = both_take(monkeypatch, maker, checker)

    assert (answers, owner) == ([True, False], checker)


def test_one_of_two_gets_the_case_without_the_guard(
    on_mariadb,
    monkeypatch,
    channels,  # noqa: F811
    maker,  # noqa: F811
    checker,  # noqa: F811
):
    """Look, then write: both are told that it is theirs."""

    @retry.unit
    def careless(*, case_id, staff_id, seen_owner_id, now, also=None):
        if Case.objects.get(pk=case_id).owner_id != seen_owner_id:
            return False
        return own_case.move(Case.objects.filter(pk=case_id), owner_id=staff_id)

    monkeypatch.setattr(own_case, "take", careless)
    assert move is own_case.move

    answers, owner = both_take(monkeypatch, maker, checker)

    assert (answers, owner) == ([True, True], maker)
