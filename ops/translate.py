"""Bring locale/ up to date with the source, and compile it.

python ops/translate.py           extract, merge, compile
python ops/translate.py --check   fail when a text has no Chinese or cannot be rendered in it, or
                                  when the .mo is not the .po's
"""

import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
SOURCES = ("h5", "packets", "payments", "wallets", "kit", "office", "sandbox", "redpacket_site")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "sentence": None,
}


# %s, %d, %(name)s: what a text wants to be given; %% is none.
PLACE = re.compile(r"%(?:\((\w+)\))?[-0-9.,]*([a-z])")


class Text(NamedTuple):
    """What the source says; a pair has a plural, and a word of two meanings says which it has."""

    id: str | tuple[str, str]
    meaning: str | None = None


def messages() -> list[Text]:
    """Every text of the source, as often as it stands there."""
    found = []
    for source in SOURCES:
        rows = extract_from_dir(
            ROOT / source,
            method_map=[("**/tests/**", "ignore"), ("**.py", "python")],
            keywords=KEYWORDS,
        )
        found += [Text(message, meaning) for _, _, message, _, meaning in rows]
    for page in (*ROOT.glob("templates/**/*.html"), *ROOT.glob("*/templates/**/*.html")):
        found += map(Text, re.findall(r'{% translate "([^"]+)" %}', page.read_text()))
    return found


def extracted(found: Iterable[Text]) -> Catalog:
    catalog = Catalog()
    for text in found:
        catalog.add(text.id, context=text.meaning)
    return catalog


def clashes(found: Iterable[Text]) -> set[Text]:
    """Texts with a plural in one place and without in another: gettext has one entry for both, and
    who asks for the plain one gets the other's words, with places that nobody fills."""
    plain = {text for text in found if isinstance(text.id, str)}
    return plain & {Text(text.id[0], text.meaning) for text in found if text not in plain}


def places(text: str) -> set[tuple[str, str]]:
    """(name, conversion) of whatever the text wants to be given."""
    return set(PLACE.findall(text.replace("%%", "")))


def unfillable(known: Catalog) -> list[str]:
    """Chinese texts that want to be given what the English ones are not."""
    wrong = []
    for message in known:
        ours = [message.id] if isinstance(message.id, str) else message.id
        theirs = [message.string] if isinstance(message.string, str) else message.string
        given = set.union(*map(places, ours))
        wrong += [text for text in theirs if message.id and not places(text) <= given]
    return wrong


def _chinese(known: Catalog, message: Message) -> str | tuple[str, ...] | None:
    entry = known.get(message.id, message.context)
    return entry and entry.string


def compiled(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> None:
    known = read_po(CATALOG.open("rb"), locale="zh_Hans")
    found = messages()
    wanted = extracted(found)
    if clashing := clashes(found):
        sys.exit(f"with a plural and without: {sorted(clashing)}")
    if "--check" in sys.argv:
        missing = [m.id for m in wanted if m.id and not _chinese(known, m)]
        if missing:
            sys.exit(f"no Chinese for: {missing}")
        if wrong := unfillable(known):
            sys.exit(f"the English does not have these places: {wrong}")
        if CATALOG.with_suffix(".mo").read_bytes() != compiled(known):
            sys.exit("django.mo is not what django.po compiles to: run ops/translate.py")
        return
    known.update(wanted, no_fuzzy_matching=True)
    known.obsolete.clear()
    with CATALOG.open("wb") as out:
        write_po(out, known, omit_header=False, no_location=True, sort_output=True, width=100)
    CATALOG.with_suffix(".mo").write_bytes(compiled(known))
    print("without Chinese:", [m.id for m in known if m.id and not m.string])


if __name__ == "__main__":
    main()
