"""A case is somebody's: taken, taken over, laid down."""

from django.utils import timezone

from payments import own_case
from payments.tests import test_cases as story
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from payments.tests.test_cases import channels, checker, maker  # noqa: F401 - fixtures


def test_whose_it_is_already_takes_it_no_second_time(channels, maker, checker):  # noqa: F811
    case, _refund = story.paid_twice()
    now = timezone.now()

    assert own_case.take(case_id=case.pk, staff_id=maker, seen_owner_id=None, now=now)
    assert not own_case.take(case_id=case.pk, staff_id=maker, seen_owner_id=maker, now=now)
    assert not own_case.leave(case_id=case.pk, staff_id=checker, now=now)
    assert own_case.take(case_id=case.pk, staff_id=checker, seen_owner_id=maker, now=now)
    assert own_case.leave(case_id=case.pk, staff_id=checker, now=now)
    assert not own_case.leave(case_id=case.pk, staff_id=checker, now=now)
