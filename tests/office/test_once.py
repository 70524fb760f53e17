"""One form makes one thing, however often it is sent."""

import re

import pytest

from office.frame import proposals
from office.models import StaffAction
from testing.forks import in_threads
from tests.office.test_four_eyes import ADJUST, FORM
from wallets.models import Adjustment


def token_of(answer) -> str:
    return re.search(r'name="once" value="([0-9a-f]{32})"', answer.content.decode())[1]


def previewed(maker) -> dict:
    """What the browser sends after the preview: everything that it was given."""
    token = token_of(maker.get(ADJUST))
    shown = maker.post(ADJUST, FORM | {"once": token})
    assert token_of(shown) == token
    return FORM | {"once": token, "done": "1"}


def test_the_same_form_sent_twice_makes_one_proposal(maker):
    body = previewed(maker)

    first, second = maker.post(ADJUST, body), maker.post(ADJUST, body, follow=True)

    row = Adjustment.objects.get()
    assert first.headers["Location"] == second.redirect_chain[0][0]
    assert "sent before" in second.content.decode()
    assert row.reference in second.content.decode()
    assert StaffAction.objects.count() == 1


def test_the_same_form_sent_four_times_at_once_makes_one_proposal(maker):
    body = previewed(maker)

    answers = in_threads([lambda: maker.post(ADJUST, body).status_code] * 4)

    assert answers == [302] * 4
    assert Adjustment.objects.count() == StaffAction.objects.count() == 1


def test_the_same_form_sent_twice_makes_one_proposal_without_the_token(maker, monkeypatch):
    """The twin: with no token that commits with the row, the second is made as well."""
    body = previewed(maker)
    monkeypatch.setattr(proposals, "sent_token", lambda request: None)

    for _ in range(2):
        assert maker.post(ADJUST, body).status_code == 302

    assert Adjustment.objects.count() == 2


def test_a_new_form_makes_a_new_proposal(maker):
    for _ in range(2):
        assert maker.post(ADJUST, previewed(maker)).status_code == 302

    assert Adjustment.objects.count() == 2


@pytest.mark.parametrize("token", ["", "x", "红" * 32, "0" * 33])
def test_what_is_no_token_is_replaced_by_one(maker, token):
    assert re.fullmatch("[0-9a-f]{32}", token_of(maker.post(ADJUST, FORM | {"once": token})))
