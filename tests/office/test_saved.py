"""Lists as somebody narrowed them, under names of his own: nobody else's, and nothing in a name
does anything."""

import pytest

from office.frame.queues import saved
from office.models import SavedFilter
from packets.models import RedPacket
from testing import desk
from wallets.models import Wallet

FROZEN = "is_frozen__exact=1"


def keep(sitting, name: str, query: str = FROZEN, model=Wallet):
    return sitting.post(f"{desk.list_of(model)}saved/?{query}", {"name": name}, follow=True)


def shown(sitting, query: str = "", model=Wallet) -> str:
    return sitting.get(f"{desk.list_of(model)}?{query}").content.decode()


@pytest.mark.parametrize(
    ("language", "save", "forget"),
    [("en", "Save filter", "Forget"), ("zh-hans", "保存筛选", "删除")],
)
def test_kept_found_and_forgotten_in_the_readers_language(maker, language, save, forget):
    maker.cookies["django_language"] = language
    assert save in shown(maker, FROZEN) and save not in shown(maker)

    keep(maker, "冻结的 <b>")
    text = shown(maker)

    assert "冻结的 &lt;b&gt;" in text and f'href="?{FROZEN}"' in text and forget in text
    assert save not in shown(maker, FROZEN), "it is kept already"
    assert 'aria-current="true">冻结的' in shown(maker, FROZEN)
    kept = SavedFilter.objects.get()
    maker.post(f"{desk.list_of(Wallet)}saved/{kept.pk}/drop/")
    assert not SavedFilter.objects.exists() and "冻结的" not in shown(maker)


def test_it_is_for_whoever_kept_it_alone_and_for_its_list(maker, checker):
    keep(maker, "mine")
    kept = SavedFilter.objects.get()

    assert "mine" not in shown(checker)
    assert ">mine<" not in shown(maker, model=RedPacket)
    checker.post(f"{desk.list_of(Wallet)}saved/{kept.pk}/drop/")
    maker.post(f"{desk.list_of(RedPacket)}saved/{kept.pk}/drop/")
    assert SavedFilter.objects.filter(pk=kept.pk).exists()


def test_nobody_keeps_one_of_a_list_that_he_may_not_see(support):
    answer = support.post("/admin/office/staffaction/saved/?q=x", {"name": "mine"})

    assert answer.status_code == 403
    assert support.get(f"{desk.list_of(Wallet)}saved/").status_code == 405
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x1b[31m", "\u202e00.1", "a\nb", "a\x00b"])
def test_a_name_that_steers_a_screen_or_is_none_is_refused(maker, name):
    text = keep(maker, name).content.decode()

    assert "A name of 1 to 40 characters" in text
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    "name", ['"><script>alert(1)</script>', "{{ 7|add:7 }}", "%(name)s", "=1+1", "👨‍👩‍👧 恭喜"]
)
def test_any_other_name_is_shown_as_it_was_given(maker, name):
    from django.utils.html import escape

    keep(maker, name)

    assert escape(name) in shown(maker)
    assert "<script>alert" not in shown(maker)


def test_a_name_given_again_and_a_filter_kept_again_are_one_each(maker):
    keep(maker, "one")
    keep(maker, "two")
    keep(maker, "two", "q=bob")

    kept = list(SavedFilter.objects.order_by("pk").values_list("name", "query"))
    assert kept == [("two", FROZEN), ("two", "q=bob")]


def test_only_what_narrows_the_list_is_kept(maker):
    keep(maker, "one", f"{FROZEN}&p=3&before=7&seed__startswith=a&q=")
    keep(maker, "nothing", "p=3&next=//evil.example")

    assert [kept.query for kept in SavedFilter.objects.all()] == [FROZEN]


def test_one_whose_filter_is_gone_leads_nowhere_and_can_be_forgotten(maker):
    """A wider list under its name would be acted upon as if it were the narrow one."""
    gone = SavedFilter.objects.create(
        user=maker.user, model="wallets.wallet", name="old", query=f"{FROZEN}&level__exact=3"
    )
    off = SavedFilter.objects.create(
        user=maker.user, model="wallets.wallet", name="off", query="is_frozen__exact=maybe"
    )

    text = shown(maker)

    assert "level__exact" not in text and "This list has no such filter any more." in text
    assert maker.get(f"{desk.list_of(Wallet)}?{off.query}").status_code in (200, 302)
    maker.post(f"{desk.list_of(Wallet)}saved/{gone.pk}/drop/")
    assert not SavedFilter.objects.filter(pk=gone.pk).exists()


def test_nobody_has_more_than_so_many(maker, monkeypatch):
    monkeypatch.setattr(saved, "MOST", 2)
    for number in range(2):
        keep(maker, str(number), f"q={number}")

    text = keep(maker, "3", "q=3").content.decode()

    assert "as many as there can be" in text
    assert SavedFilter.objects.count() == 2
