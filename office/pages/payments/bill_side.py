"""What our side of a bill is made of: the orders and refunds that it names, or that none does."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from office.frame.dossier import Page
from office.shown.payments import order_rows, refund_rows
from payments import sides
from payments.models import Bill

NAMED, UNNAMED = "named", "unnamed"
SHOWN = 1000  # orders, and refunds


def url_of(bill: Bill, word: str) -> str:
    return reverse("admin:payments_bill_side", args=[bill.pk, word])


def view(model_admin: Any, request: Any, pk: int, word: str) -> Any:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    bill = Bill.objects.filter(pk=pk).first()
    if bill is None or word not in (NAMED, UNNAMED):
        raise Http404
    return model_admin.told(request, _page(bill, word), model_admin.name_of(bill))


def _page(bill: Bill, word: str) -> Page:
    if word == NAMED:
        side, (orders, refunds) = sides.named(bill), sides.named_rows(bill)
        words = _("In this bill: %(paid)s yuan paid, %(refunded)s refunded.")
    else:
        side, (orders, refunds) = sides.unnamed(bill), sides.unnamed_rows(bill)
        words = _("Of this day and in no bill: %(paid)s yuan paid, %(refunded)s refunded.")
    refunds = refunds.select_related("maker", "checker")
    given = {"paid": f"{side.paid:,.2f}", "refunded": f"{side.refunded:,.2f}"}
    page = Page(
        sentence=words % given,
        sections=[
            order_rows(orders.order_by("pk")[:SHOWN]),
            refund_rows(refunds.order_by("pk")[:SHOWN]),
        ],
    )
    if max(orders[: SHOWN + 1].count(), refunds[: SHOWN + 1].count()) > SHOWN:
        page.warnings = [_("Only the first %(shown)d of each are shown here.") % {"shown": SHOWN}]
    return page
