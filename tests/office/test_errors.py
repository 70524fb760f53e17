"""What could not be is told in the reader's language, with a way back and the request's number."""

import pytest
from django.test import Client

from office.pages.wallets.wallet import WalletAdmin
from testing import desk
from wallets.models import Wallet

WORDS = {
    "en": ("Not for your role", "No such page", "Something went wrong"),
    "zh-hans": ("无权查看", "没有此页", "出错了"),
}


@pytest.mark.parametrize("language", WORDS)
def test_refusals_and_faults_tell_a_way_back(support, language, monkeypatch):
    def fail(*_args):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(WalletAdmin, "page", fail)
    support.cookies["django_language"] = language
    asked = {
        403: "/admin/office/staffaction/",
        404: "/admin/nowhere/",
        500: desk.page_of(Wallet(user_id="alice")),
    }

    for (status, url), words in zip(asked.items(), WORDS[language], strict=True):
        answer = support.get(url, headers={"X-Request-ID": "number-7"})
        text = answer.content.decode()
        assert answer.status_code == status
        assert words in text and f'lang="{language}"' in text
        assert 'href="/admin/"' in text
        assert "number-7" in text
        assert "on purpose" not in text


def test_a_lock_out_tells_the_same(support):
    stranger = Client(headers={"Accept-Language": "zh-CN"})
    for _ in range(6):
        answer = stranger.post("/admin/login/", {"username": "x", "password": "y"})

    text = answer.content.decode()

    assert answer.status_code == 429
    assert answer["X-Request-ID"] in text and "返回首页" in text and 'lang="en"' in text


def test_a_form_from_another_log_in_is_explained(support):
    strict = Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})
    strict.cookies = support.cookies

    answer = strict.post("/admin/wallets/wallet/do/freeze_wallet/", {"pk": "alice"})

    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_other_areas_have_no_door_to_the_back_office():
    answer = Client().get("/h5/nowhere")

    assert answer.status_code == 404
    assert "/admin/" not in answer.content.decode()
