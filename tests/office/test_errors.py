"""What could not be is told in the reader's language, with a way back and the request's number."""

import pytest
from django.test import Client

from kit.plumbing import logs
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


@pytest.mark.parametrize("language", WORDS)
def test_what_is_too_large_and_what_no_button_sent_tell_the_same(maker, language, settings):
    settings.PAGE_BODY_MAX_BYTES = 1000
    maker.cookies["django_language"] = language
    words = {"en": ("Too large", "Not opened by itself"), "zh-hans": ("请求过大", "不能直接打开")}
    upload = "/admin/payments/bill/new/upload_bill/"
    number = {"X-Request-ID": "number-7"}
    answers = [
        maker.post(upload, {"reason": "x" * 2000}, headers=number),
        maker.get("/admin/wallets/wallet/export/", headers=number),
        maker.post("/admin/wallets/wallet/alice/change/", headers=number),
    ]

    told = [answers[0], answers[1]]
    for answer, status, said in zip(told, (413, 405), words[language], strict=True):
        text = answer.content.decode()
        assert answer.status_code == status
        assert said in text and f'lang="{language}"' in text
        assert 'href="/admin/"' in text and "number-7" in text
        assert "Content-Security-Policy" in answer
    assert (answers[1]["Allow"], answers[2]["Allow"]) == ("POST", "GET")


def test_a_form_beyond_what_is_read_into_memory_is_too_large_too(maker, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    answer = maker.post("/admin/wallets/wallet/saved/", {"name": "x" * 200})

    assert answer.status_code == 413
    assert "Too large" in answer.content.decode()


@pytest.mark.once
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/password_change/", "/sandbox/open"])
def test_what_is_refused_unread_is_a_line_without_a_traceback(path, maker, settings, monkeypatch):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    lines = []
    monkeypatch.setattr(logs.lines_out, "put", lines.append)

    answer = maker.post(path, {"username": "x" * 200, "password": "y", "pasted": "z"})

    assert answer.status_code == 413
    refused = [line for line in lines if "RequestDataTooBig" in str(line)]
    assert len(refused) == 1
    assert "Traceback" not in str(lines)


@pytest.mark.once
def test_a_form_without_its_length_is_told_so_everywhere():
    for path, says in (("/admin/login/", "缺少长度"), ("/try/", "Without its length")):
        answer = Client(headers={"Accept-Language": "zh-CN"}).post(
            path, HTTP_TRANSFER_ENCODING="chunked"
        )
        assert answer.status_code == 411
        assert says in answer.content.decode()


def test_a_stranger_is_told_it_without_a_menu():
    for path, told in (("/admin/login/", "请求过大"), ("/", "Too large")):
        answer = Client(headers={"Accept-Language": "zh-CN"}).generic(
            "POST", path, b"", CONTENT_LENGTH=str(1 << 30)
        )
        assert answer.status_code == 413
        assert told in answer.content.decode()
        assert "nav-sidebar" not in answer.content.decode()


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
