"""The bills that have not come, a row each, until they do."""

from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kit import clock
from kit.telling import told
from office.frame import staff
from office.frame.dossier import Page, Section, link, moment, to
from office.frame.proposals import url_of
from office.waiting import late_bills
from payments import bills
from payments.models import Bill
from payments.states import PayType


def url() -> str:
    return reverse("admin:payments_bill_late")


def view(model_admin: Any, request: Any) -> Any:
    return model_admin.told(request, page(model_admin, request, clock.now()), _("late ones"))


def page(model_admin: Any, request: Any, now: datetime) -> Page:
    late = late_bills(now)
    days = {day for day, _channel in late}
    known = {(bill.day, bill.pay_type): bill for bill in Bill.objects.filter(day__in=days)}
    makes = [one for one in model_admin.proposals if staff.may(request.user, one.permission)]
    rows = [_row(day, channel, known.get((day, channel)), makes) for day, channel in late]
    words = ngettext("%(number)d bill has not come.", "%(number)d bills have not come.", len(late))
    columns = [_("day"), _("channel"), _("usually there at"), _("state"), _("tries")]
    columns += [_("next try at"), _("says"), *(one.title for one in makes)]
    return Page(
        sentence=words % {"number": len(late)},
        sections=[Section(_("bills that have not come"), columns, rows, name="late")],
    )


def _row(day: date, channel: PayType, bill: Bill | None, makes: list[Any]) -> list[Any]:
    given = {"channel": channel.value, "day": day.isoformat()}
    return [
        to(bill, day.isoformat()) if bill else day.isoformat(),
        channel.label,
        moment(bills.usual(day)),
        bill.get_state_display() if bill else _("not asked for yet"),
        bill.tries if bill else 0,
        moment(bill.due_at) if bill else "-",
        (told(bill.says) if bill else "") or "-",
        *(link(url_of(Bill, one, **given), one.title) for one in makes),
    ]
