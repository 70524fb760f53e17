"""The ledger's lines."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from kit.telling import told
from office.frame import lists
from office.frame.columns import facts, shown_column, worded
from office.frame.dossier import Page, badge, found, page_of
from office.frame.find import SHOWN, Hit, finder
from office.frame.lists import BEFORE
from office.pages.wallets import held
from office.pages.wallets.day_filters import DayFilter, KindOfDayFilter, SidesOfDayFilter
from office.readonly import ReadOnlyAdmin
from office.shown.accounts import account, account_name, reference_name
from office.shown.payments import refunded_by
from office.shown.wallets import adjusted_by
from wallets import accounts, statement
from wallets.models import LedgerLine
from wallets.states import LineKind


@admin.register(LedgerLine)
class LedgerLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "amount", "kind", "out_of", "into", "created_at", "about"]
    search_fields = ["reference"]  # see get_search_results
    search_help_text = _("reference, account or user")
    list_filter = [
        ("kind", KindOfDayFilter),
        ("booked_on", DayFilter),
        ("source", SidesOfDayFilter),
    ]
    export_told = worded(
        source=account_name, target=account_name, note=told, reference=reference_name
    )
    totals = {"amount": _("amount")}
    sections = (adjusted_by, refunded_by)
    more_pages = [("account/<str:name>/", held.view, "account")]

    about = shown_column(lambda line: reference_name(line.reference), _("reference"))
    out_of = shown_column(lambda line: account(line.source), _("source"))
    into = shown_column(lambda line: account(line.target), _("target"))

    def name_of(self, line):
        return str(line.pk)

    def page(self, request, line):
        given = {
            "amount": f"{line.amount:,.2f}",
            "source": account_name(line.source),
            "target": account_name(line.target),
        }
        return Page(
            sentence=_("%(amount)s yuan moved from %(source)s to %(target)s.") % given,
            badges=[badge("kind", line.get_kind_display())],
            facts=[
                (_("number"), line.pk),
                (_("reference"), found(line.reference, reference_name(line.reference))),
                (_("source"), account(line.source)),
                (_("target"), account(line.target)),
                *facts(line, "amount"),
                (_("note"), told(line.note) or "-"),
                *facts(line, "created_at", "booked_on"),
            ],
        )

    def parts(self, changelist):
        """By sign where one account is asked for, else by kind."""
        word = "".join(changelist.query.split())
        if word and not by_reference_of(word).exists():
            name = _account(word)
            return {
                _("in"): (Q(target=name), None),
                _("out"): (Q(source=name), None),
            }
        has_day = bool(set(DayFilter.names("booked_on")) & set(changelist.filter_params))
        return {
            kind.label: (Q(kind=kind), {"kind__exact": kind.value} if has_day else None)
            for kind in LineKind
        }

    def get_search_results(self, request, queryset, search_term):
        """By reference, else by account on either side: each has an index."""
        word = "".join(search_term.split())
        if not word:
            return queryset, False
        if not word.isascii():
            return queryset.none(), False
        by_reference = by_reference_of(word)
        if by_reference.exists():
            return queryset.filter(kind__in=LineKind.values, reference=word), False
        newest = _newest(_account(word), request.GET.get(BEFORE, ""))
        return queryset.filter(pk__in=newest), False


def _account(word: str) -> str:
    """An account by its name, or a user's wallet."""
    is_name = ":" in word or word in (accounts.SUSPENSE, accounts.PLATFORM)
    return word if is_name else accounts.wallet(word)


def _newest(name: str, before: str) -> list[int]:
    """Keys of an account's newest lines, a window of them."""
    behind = int(before) if before.isascii() and before.isdigit() else None
    kinds = tuple(LineKind)
    return statement.newest(name, kinds=kinds, before=behind, count=lists.COUNTED + 1)


def by_reference_of(word: str):
    """Lines with this reference; the unique index begins with the kind, so each kind is named."""
    return LedgerLine.objects.filter(kind__in=LineKind.values, reference=word)


@finder(_("ledger lines"), "wallets.view_ledgerline", by="echo")
def lines(word):
    for line in by_reference_of(word)[:SHOWN]:
        yield Hit(page_of(line), line.get_kind_display(), f"{line.amount:,.2f}")
