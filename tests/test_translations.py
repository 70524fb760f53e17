"""Every text has its Chinese, and can be rendered in both languages."""

import gettext
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import django
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

from testing.wide import narrow

TOOL = settings.BASE_DIR / "ops/translate.py"
_spec = importlib.util.spec_from_file_location("translate", TOOL)
translate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(translate)


@pytest.mark.once
def test_every_text_is_translated_and_compiled():
    check = [sys.executable, str(TOOL), "--check"]

    done = subprocess.run(check, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def filled(text: str, like: tuple[str, ...]) -> str:
    """The text with what the code gives to the English ones; KeyError for anything else."""
    given = set.union(*map(translate.places, like))
    if any(name for name, _ in given):
        return text % {name: 7 for name, _ in given}
    return text % tuple(7 for _ in given) if given else text


@pytest.mark.once
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_text_is_rendered_as_the_code_asks_for_it(language):
    """Through gettext itself, singular or plural as the source has it."""
    found = set(translate.messages())
    assert len(found) > 500

    with translation.override(language):
        for text, meaning in found:
            if meaning:
                assert filled(translation.pgettext(meaning, text), (text,))
            elif isinstance(text, str):
                assert filled(translation.gettext(text), (text,))
            else:
                for number in (1, 2):
                    assert filled(translation.ngettext(*text, number), text)


@pytest.mark.once
def test_a_text_with_a_plural_and_without_is_found():
    plural = ("%(title)s: done.", "%(title)s: done for %(number)d.")
    found = [*map(translate.Text, (plural[0], plural, "else")), translate.Text("else", "person")]

    assert translate.clashes(found) == {translate.Text("%(title)s: done.")}
    assert not translate.clashes([translate.Text(plural), translate.Text(plural[0], "person")])


AS_PROGRAMS_READ = re.compile("Content-Type: application/json|[.] : @")


@pytest.mark.once
def test_every_chinese_text_has_chinese_marks():
    told = {
        text
        for message in read_po(translate.CATALOG.open("rb"), locale="zh_Hans")
        for text in ([message.string] if isinstance(message.string, str) else message.string)
        if message.id
    }

    assert {text: marks for text in told if (marks := narrow(AS_PROGRAMS_READ.sub("", text)))} == {}


# Said differently on purpose, and the same is meant.
OURS_AS_WELL = {"Any date", "Past 7 days", "Search", "This field is required."}


@pytest.mark.once
def test_no_word_of_ours_takes_the_place_of_anothers():
    """Our catalogue comes before Django's: "group" of a chat would be a group of permissions."""
    ours = read_po(translate.CATALOG.open("rb"), locale="zh_Hans")
    theirs = [
        gettext.GNUTranslations(path.open("rb"))
        for path in Path(django.__file__).parents[1].glob("*/**/zh_Hans/LC_MESSAGES/django.mo")
    ]
    assert len(theirs) > 5

    taken = {
        message.id
        for message in ours
        for catalog in theirs
        if message.id and isinstance(message.id, str) and not message.context
        if catalog.gettext(message.id) not in (message.id, message.string)
    }
    assert taken == OURS_AS_WELL


@pytest.mark.once
def test_a_place_that_the_english_does_not_have_is_found():
    known = Catalog(locale="zh_Hans")
    known.add("%(user)s pays %(money)s yuan, 100%% of it.", "%(user)s付款100%%")
    known.add("%(user)s takes it.", "%(who)s领取")
    known.add("%(days)d days", "%(days)s天")
    known.add(("%d share", "%d shares"), ("%d份",))

    assert translate.unfillable(known) == ["%(who)s领取", "%(days)s天"]
