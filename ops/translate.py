"""Bring locale/ up to date with the source, and compile it.

python ops/translate.py           extract, merge, compile
python ops/translate.py --check   fail when a text has no Chinese, or the .mo is not the .po's
"""

import io
import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
SOURCES = ("packets", "payments", "wallets", "redpacket_site")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}


def extracted() -> Catalog:
    catalog = Catalog()
    for source in SOURCES:
        found = extract_from_dir(
            ROOT / source,
            method_map=[("**/tests/**", "ignore"), ("**.py", "python")],
            keywords=KEYWORDS,
        )
        for _, _, message, _, _ in found:
            catalog.add(message)
    for page in (ROOT / "templates").rglob("*.html"):
        for text in re.findall(r'{% translate "([^"]+)" %}', page.read_text()):
            catalog.add(text)
    return catalog


def compiled(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> None:
    known = read_po(CATALOG.open("rb"), locale="zh_Hans")
    wanted = extracted()
    if "--check" in sys.argv:
        missing = [
            m.id for m in wanted if m.id and not (known.get(m.id) and known.get(m.id).string)
        ]
        if missing:
            sys.exit(f"no Chinese for: {missing}")
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
