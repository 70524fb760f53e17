"""What the sides of a bill are made of: the orders and refunds that it names, or that none does,
and the rows of it that stand apart from our books; its own sum, and what parts it from ours."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from kit.marks import sentences
from office.frame.dossier import Page, Section, found, link, table, yuan
from office.shown.payments import order_rows, refund_rows
from payments import sides
from payments.models import Apart, Bill
from payments.sides import Side

NAMED, UNNAMED, APART = "named", "unnamed", "apart"
THEIRS, LESS = "theirs", "less"
SHOWN = 1000  # orders, and refunds, and rows


def url_of(bill: Bill, word: str) -> str:
    return reverse("admin:payments_bill_side", args=[bill.pk, word])


def view(model_admin: Any, request: Any, pk: int, word: str) -> Any:
    bill = Bill.objects.filter(pk=pk).first()
    if bill is None or word not in PAGES or (word in OF_ROWS and not bill.is_told_apart):
        raise Http404
    return model_admin.told(request, PAGES[word](bill), model_admin.name_of(bill))


def both(bill: Bill) -> Section:
    """Each side, leading to what it is made of. What is apart in a bill that the release before
    compared nobody has kept."""
    ours = sides.named(bill) + sides.unnamed(bill)
    notes = [_("What parts them has its case: money in suspense is on the channel's side alone.")]
    if not bill.is_told_apart and bill.reconciled_at:
        notes.append(_("Compared again, this bill tells what its own sum is made of."))
    rows = [
        (to_theirs(bill, _("the channel's bill")), sides.theirs(bill)),
        _named(bill),
        (link(url_of(bill, UNNAMED), _("our books, in no bill")), sides.unnamed(bill)),
        (_led(bill, LESS, _("the bill less our books")), sides.theirs(bill) - ours),
    ]
    return Section(_("Both sides"), _columns(), _told(rows), note=sentences(notes), name="sides")


def to_theirs(bill: Bill, text: Any) -> Any:
    """A sum of the channel's own, leading to what it is made of."""
    return _led(bill, THEIRS, text)


def _led(bill: Bill, word: str, text: Any) -> Any:
    return link(url_of(bill, word), text) if bill.is_told_apart else text


# --- the pages


def _of_named(bill: Bill) -> Page:
    words = _("In this bill: %(paid)s yuan paid, %(refunded)s refunded.")
    return _of_ours(words, sides.named(bill), *sides.named_rows(bill))


def _of_unnamed(bill: Bill) -> Page:
    words = _("Of this day and in no bill: %(paid)s yuan paid, %(refunded)s refunded.")
    return _of_ours(words, sides.unnamed(bill), *sides.unnamed_rows(bill))


def _of_ours(words: str, side: Side, orders: QuerySet, refunds: QuerySet) -> Page:
    refunds = refunds.select_related("maker", "checker")
    page = Page(
        sentence=_in_words(words, side),
        sections=[
            order_rows(orders.order_by("pk")[:SHOWN]),
            refund_rows(refunds.order_by("pk")[:SHOWN]),
        ],
    )
    if max(orders[: SHOWN + 1].count(), refunds[: SHOWN + 1].count()) > SHOWN:
        page.warnings = [_("Only the first %(shown)d of each are shown here.") % {"shown": SHOWN}]
    return page


def _of_apart(bill: Bill) -> Page:
    words = _("Apart from our books: %(paid)s yuan paid, %(refunded)s refunded.")
    rows = sides.apart_rows(bill).order_by("pk")
    page = Page(
        sentence=_in_words(words, sides.apart(bill)),
        sections=[
            _apart_rows(rows.filter(is_refund=False)[:SHOWN], _("Payments"), "paid"),
            _apart_rows(rows.filter(is_refund=True)[:SHOWN], _("Refunds"), "refunded"),
        ],
    )
    if rows[: SHOWN + 1].count() > SHOWN:
        page.warnings = [_("Only the first %(shown)d of each are shown here.") % {"shown": SHOWN}]
    return page


def _apart_rows(rows: QuerySet[Apart], title: str, name: str) -> Section:
    cells: list[tuple[Any, Callable[[Any], Any]]] = [
        (_("number"), lambda row: found(row.number)),
        (_("order number"), lambda row: found(row.order_no)),
        (_("in the bill"), lambda row: yuan(row.amount)),
        (_("in our books"), lambda row: yuan(row.known)),
        (_("apart"), lambda row: yuan(row.amount - row.known)),
    ]
    return table(title, rows, cells, name)


def _of_theirs(bill: Bill) -> Page:
    words = _("The channel's bill: %(paid)s yuan paid, %(refunded)s refunded.")
    parts = [_named(bill), _apart(bill)]
    return _of_parts(words, sides.theirs(bill), parts)


def _of_less(bill: Bill) -> Page:
    words = _("The bill less our books: %(paid)s yuan paid, %(refunded)s refunded.")
    unnamed = sides.unnamed(bill)
    missing = link(url_of(bill, UNNAMED), _("less our books, in no bill"))
    parts = [_apart(bill), (missing, Side.nothing() - unnamed)]
    return _of_parts(words, sides.apart(bill) - unnamed, parts)


def _of_parts(words: str, whole: Side, parts: list[tuple[Any, Side]]) -> Page:
    rows = _told([*parts, (_("total"), whole)])
    made_of = Section(_("What it is made of"), _columns(), rows, name="made-of")
    return Page(sentence=_in_words(words, whole), sections=[made_of])


PAGES = {
    NAMED: _of_named,
    UNNAMED: _of_unnamed,
    APART: _of_apart,
    THEIRS: _of_theirs,
    LESS: _of_less,
}
OF_ROWS = (APART, THEIRS, LESS)  # made of what is kept of the rows themselves


def _named(bill: Bill) -> tuple[Any, Side]:
    return link(url_of(bill, NAMED), _("our books, in this bill")), sides.named(bill)


def _apart(bill: Bill) -> tuple[Any, Side]:
    words = _("in the bill alone, or by another amount")
    return link(url_of(bill, APART), words), sides.apart(bill)


def _columns() -> list[str]:
    return [_("side"), _("paid in all"), _("refunded in all"), _("paid less refunded")]


def _told(rows: list[tuple[Any, Side]]) -> list[list[Any]]:
    return [[text, yuan(side.paid), yuan(side.refunded), yuan(side.net)] for text, side in rows]


def _in_words(words: str, side: Side) -> str:
    return words % {"paid": f"{side.paid:,.2f}", "refunded": f"{side.refunded:,.2f}"}
