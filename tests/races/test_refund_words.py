"""A signed word that a refund was paid, while finance says that the money is with us again: the
guard with its twin."""

import pytest
from django.utils import timezone

from payments import conclude_refund, end_refund, hear_refund
from payments.channels.base import RefundAnswer, RefundState, Returned
from payments.models import Case, ChannelRefund
from payments.states import CaseKind, CaseStatus, PayType, RefundStatus
from payments.tests.conftest import alipay  # noqa: F401 - a fixture
from payments.tests.test_conclude_refund import approved, make_staff, parked  # noqa: F401 - fixtures
from payments.tests.test_hear_refund import balance_of, in_bobs_wallet, in_clearing
from testing.forks import in_threads
from tests.races.test_case_money import once_before
from wallets.audit import audit


def hear(refund) -> bool:
    said = RefundAnswer(RefundState.DONE, "told")
    word = Returned(refund.order_no, refund.trade_no, "told", refund.refund_no, said, refund.amount)
    return hear_refund.hear(pay_type=PayType.ALIPAY, word=word, now=timezone.now())


def returned(refund, third: int) -> bool:
    """Finance has seen the money on the channel's own pages, with us again."""
    says = {"is_paid": False, "staff_id": third, "says": "seen"}
    return conclude_refund.conclude(refund_no=refund.refund_no, **says, now=timezone.now())


def finance_is_faster(monkeypatch, parked) -> None:  # noqa: F811
    """The word has seen that the refund is parked, and not written yet."""
    third = make_staff("third")
    works = [lambda: returned(parked, third)]
    once_before(monkeypatch, end_refund, "done", lambda: said.extend(in_threads(works)))
    said: list = []

    assert hear(parked)

    assert said == [True]
    parked.refresh_from_db()
    assert parked.status == RefundStatus.DONE


@pytest.mark.broken_books  # the audit names the case, which is asserted below
def test_finance_is_faster_than_the_word(on_mariadb, monkeypatch, parked):  # noqa: F811
    """Bob has the money twice, and the platform carries it until that is put right."""
    finance_is_faster(monkeypatch, parked)

    assert (in_bobs_wallet(), in_clearing(parked), balance_of("platform")) == (50, 0, -50)
    assert Case.objects.get(kind=CaseKind.REFUND_LATE).status == CaseStatus.OPEN
    assert [found.rule for found in audit()] == ["late_refunds_are_put_right"]


@pytest.mark.broken_books
def test_finance_is_faster_than_the_word_without_the_guard(
    on_mariadb,
    monkeypatch,
    parked,  # noqa: F811
):
    """Done whatever it is now: failed may become done, so the MOVES let it through."""
    careful = end_refund.done
    monkeypatch.setattr(
        end_refund,
        "done",
        lambda refund, rows, **facts: careful(
            refund, ChannelRefund.objects.filter(pk=refund.pk), **facts
        ),
    )

    finance_is_faster(monkeypatch, parked)

    assert (in_bobs_wallet(), in_clearing(parked), balance_of("platform")) == (50, -50, 0)
    assert not Case.objects.filter(kind=CaseKind.REFUND_LATE).exists(), "and nobody is told"
    assert "refunds_are_in_the_ledger" in [found.rule for found in audit()]


def test_the_word_is_faster_than_finance(on_mariadb, monkeypatch, parked):  # noqa: F811
    third, heard = make_staff("third"), []
    works = [lambda: hear(parked)]
    once_before(monkeypatch, end_refund, "fail", lambda: heard.extend(in_threads(works)))

    assert not returned(parked, third)

    assert heard == [True]
    assert (in_bobs_wallet(), in_clearing(parked), balance_of("platform")) == (0, 0, 0)
    assert Case.objects.get(kind=CaseKind.REFUND_PARKED).status == CaseStatus.RESOLVED


@pytest.mark.broken_books
def test_many_words_at_once_carry_the_loss_once(parked):  # noqa: F811
    assert returned(parked, make_staff("third"))

    assert in_threads([lambda: hear(parked)] * 6) == [True] * 6

    assert (in_bobs_wallet(), in_clearing(parked), balance_of("platform")) == (50, 0, -50)
    assert Case.objects.filter(kind=CaseKind.REFUND_LATE).count() == 1
