"""What is done about a case: booking what a bill names, and its end."""

from django.utils.translation import gettext_lazy as _

from office.pages.payments.case_owner import LeaveCase, OnCase, TakeCase
from office.pages.payments.refund_acts import PROPOSE_REFUND
from office.shown.accounts import account_name
from payments import book, book_refund, cases


class ResolveCase(OnCase):
    name = "resolve_case"
    title = _("Mark the case resolved")
    key = "r"
    reason_label = _("What was done about it")

    def hindered(self, case):
        return cases.why_open(case)

    def preview(self, case, now):
        given = {"kind": case.get_kind_display(), "money": f"{case.amount:,.2f}"}
        return [
            _("The case leaves the queue: %(kind)s, %(money)s yuan.") % given,
            _("No money moves by this; a refund or an adjustment is proposed on its own."),
        ]

    def facts(self, case):
        return (case.status, str(case.held))

    def run(self, case, *, reason, now, also):
        return cases.resolve(
            case_id=case.pk, staff_id=also.user.pk, resolution=reason, now=now, also=also
        )


class BookSurplus(OnCase):
    name = "book_surplus"
    title = _("Book into suspense")

    def hindered(self, case):
        if book.is_bookable(case):
            return cases.why_open(case)
        if book.payment_of(case):
            return str(book.StillPayable.detail)
        return _("This case is about no payment of a bill.")

    def preview(self, case, now):
        given = {"money": f"{case.amount:,.2f}", "trade": case.trade_no}
        return [
            _("%(money)s yuan of trade %(trade)s go into suspense, with a case of their own.")
            % given,
            _("From there they leave by a refund or an adjustment, approved by another person."),
            _("A notification that comes late finds them booked."),
        ]

    def facts(self, case):
        return (case.status,)

    def run(self, case, *, reason, now, also):
        return book.book(case_id=case.pk, staff_id=also.user.pk, reason=reason, now=now, also=also)


class BookRefund(OnCase):
    name = "book_refund"
    title = _("Propose to book the refund")
    permission = PROPOSE_REFUND.permission

    def hindered(self, case):
        if not book_refund.is_bookable(case):
            return _("This case is about no refund of a bill, or its payment is not booked.")
        return ""

    def preview(self, case, now):
        payment = book_refund.payment_of(case)
        given = {
            "money": f"{case.amount:,.2f}",
            "source": account_name(payment.source) if payment else "",
        }
        return [
            _("Once another person approves it, %(money)s yuan leave %(source)s.") % given,
            _("The channel is told nothing: it has paid them back already."),
        ]

    def facts(self, case):
        payment = book_refund.payment_of(case)
        return (case.status, payment.source if payment else "")

    def run(self, case, *, reason, now, also):
        return book_refund.propose(
            case_id=case.pk, reason=reason, maker_id=also.user.pk, now=now, also=also
        )


BOOK_ACTS = [BookSurplus(), BookRefund()]
QUEUE_ACTS = [TakeCase(), LeaveCase(), ResolveCase()]
