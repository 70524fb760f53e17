"""What staff may read of wallets and the ledger."""

from django.contrib import admin
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.ids import is_outside_id
from kit.money import ZERO
from office.export.sheets import Column
from office.frame import lists
from office.frame.find import SHOWN, Hit, finder
from office.frame.lists import BEFORE
from office.frame.proposals import url_of
from office.pages.day_filters import DayFilter, KindOfDayFilter
from office.pages.wallets_acts import (
    ADJUSTMENT_ACTS,
    PROPOSE_ADJUSTMENT,
    FreezeWallet,
    UnfreezeWallet,
)
from office.readonly import (
    DateRangeFilter,
    Page,
    ReadOnlyAdmin,
    Section,
    badge,
    done_to,
    found,
    in_order,
    link,
    list_of,
    moment,
    page_of,
    yuan,
)
from wallets import accounts, daily, statement
from wallets.models import (
    Adjustment,
    AuditRun,
    DailyFigure,
    DailySummary,
    LedgerLine,
    Wallet,
)
from wallets.states import AdjustmentStatus, LineKind

FLOW_LINES = 25


def account(name: str) -> str:
    """An account in a table: a link to whose it is."""
    if user := accounts.owner(name):
        return found(name, user)
    if reference := accounts.held_for(name):
        return found(reference)
    return name


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "amount", "state", "frozen_reason", "opened"]
    list_filter = ["is_frozen"]
    search_fields = ["user_id"]
    search_help_text = gettext_lazy("user")
    ordering = ["pk"]
    acts = [FreezeWallet(), UnfreezeWallet()]
    sections = []
    offers = []

    @admin.display(description=gettext_lazy("balance"))
    def amount(self, wallet):
        return yuan(wallet.balance)

    @admin.display(description=gettext_lazy("state"))
    def state(self, wallet):
        return badge("frozen", _("frozen")) if wallet.is_frozen else badge("open", _("in use"))

    @admin.display(description=gettext_lazy("opened at"))
    def opened(self, wallet):
        return moment(wallet.created_at)

    def get_object(self, request, object_id, from_field=None):
        """A user who never had money has a page, too: he may have sent, or be owed, something."""
        wallet = super().get_object(request, object_id, from_field)
        if wallet is None and is_outside_id(object_id):
            return Wallet(user_id=object_id, balance=ZERO, created_at=None)
        return wallet

    def page(self, request, wallet):
        told = {"user": wallet.user_id, "balance": f"{wallet.balance:,.2f}"}
        done = in_order(done_to(wallet))
        page = Page(
            sentence=_("The wallet of %(user)s holds %(balance)s yuan.") % told,
            badges=[self.state(wallet)],
            facts=[
                (_("user"), wallet.user_id),
                (_("balance"), yuan(wallet.balance)),
                (_("opened at"), moment(wallet.created_at)),
            ],
            sections=[self._flow(request, wallet)],
        )
        if wallet.created_at is None:
            page.sentence = _("%(user)s has no wallet yet: no money has moved.") % told
        if wallet.is_frozen:
            page.warnings = [self._why_frozen(wallet, done)]
        if done:
            page.sections.append(Section(_("What staff did"), entries=done, name="staff"))
        return page

    @staticmethod
    def _why_frozen(wallet, done) -> str:
        why = _("Frozen: %(reason)s") % {"reason": wallet.frozen_reason or "-"}
        froze = [entry for entry in done if entry.text == FreezeWallet.title]
        if not froze:
            return why
        at = timezone.localtime(froze[-1].at).strftime("%Y-%m-%d %H:%M")
        return f"{why} ({froze[-1].who}, {at})"

    @staticmethod
    def _flow(request, wallet) -> Section:
        before = request.GET.get("before", "")
        before = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        lines = statement.flow(user_id=wallet.user_id, kind=None, before=before, limit=FLOW_LINES)
        shown, more = lines[:FLOW_LINES], len(lines) > FLOW_LINES
        return Section(
            _("flow"),
            name="flow",
            columns=[_("time"), _("kind"), _("amount"), _("packet or order")],
            rows=[
                [moment(line.time), line.title, yuan(line.money), found(line.packet or line.order)]
                for line in shown
            ],
            older=f"?{urlencode({'before': shown[-1].id})}#flow" if more else "",
        )


@admin.register(LedgerLine)
class LedgerLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "reference", "out_of", "into", "money", "at"]
    search_fields = ["reference"]  # see get_search_results
    search_help_text = gettext_lazy("reference, account (wallet:…, escrow:…) or user")
    list_filter = [("kind", KindOfDayFilter), ("booked_on", DayFilter)]
    totals = {"amount": gettext_lazy("amount")}
    sections = []

    @admin.display(description=gettext_lazy("amount"))
    def money(self, line):
        return yuan(line.amount)

    @admin.display(description=gettext_lazy("source"))
    def out_of(self, line):
        return account(line.source)

    @admin.display(description=gettext_lazy("target"))
    def into(self, line):
        return account(line.target)

    @admin.display(description=gettext_lazy("time"))
    def at(self, line):
        return moment(line.created_at)

    def page(self, request, line):
        told = {"amount": f"{line.amount:,.2f}", "source": line.source, "target": line.target}
        return Page(
            sentence=_("%(amount)s yuan moved from %(source)s to %(target)s.") % told,
            badges=[badge("kind", line.get_kind_display())],
            facts=[
                (_("number"), line.pk),
                (_("reference"), found(line.reference)),
                (_("source"), account(line.source)),
                (_("target"), account(line.target)),
                (_("amount"), yuan(line.amount)),
                (_("note"), line.note or "-"),
                (_("time"), moment(line.created_at)),
                (_("booked on"), line.booked_on or "-"),
            ],
        )

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
        name = word if ":" in word or word in (accounts.SUSPENSE, accounts.PLATFORM) else ""
        name = name or accounts.wallet(word)
        return queryset.filter(pk__in=_newest(name, request.GET.get(BEFORE, ""))), False


def _newest(name: str, before: str) -> list[int]:
    """Keys of an account's newest lines, a window of them."""
    behind = int(before) if before.isascii() and before.isdigit() else None
    kinds = tuple(LineKind)
    return statement.newest(name, kinds=kinds, before=behind, count=lists.COUNTED + 1)


def by_reference_of(word: str):
    """Lines with this reference; the unique index begins with the kind, so each kind is named."""
    return LedgerLine.objects.filter(kind__in=LineKind.values, reference=word)


_ADJUSTMENT_TONES = {
    AdjustmentStatus.PROPOSED: "awaiting",
    AdjustmentStatus.APPROVED: "open",
    AdjustmentStatus.REJECTED: "closed",
    AdjustmentStatus.WITHDRAWN: "closed",
}


def adjustment_status(row) -> str:
    return badge(_ADJUSTMENT_TONES[row.status], row.get_status_display())


def eyes(row) -> Section:
    """Who proposed and who decided, why, and on what evidence: on a ledger line's page, too."""
    return Section(
        _("Four eyes"),
        [_("step"), _("who"), _("when"), _("reason"), _("attachment")],
        [
            [
                _("proposed"),
                row.maker or _("system"),
                moment(row.proposed_at),
                row.reason,
                row.attachment or "-",
            ],
            [
                row.get_status_display() if row.decided_at else _("to be decided"),
                row.checker or "-",
                moment(row.decided_at),
                "",
                "",
            ],
        ],
        name="eyes",
    )


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    list_display = ["reference", "state", "money", "out_of", "into", "maker", "checker", "at"]
    list_filter = ["status", ("proposed_at", DateRangeFilter)]
    list_select_related = ["maker", "checker"]
    search_fields = ["reference"]
    search_help_text = gettext_lazy("reference")
    totals = {"amount": gettext_lazy("amount")}
    acts = ADJUSTMENT_ACTS
    proposals = [PROPOSE_ADJUSTMENT]
    sections = []

    @admin.display(description=gettext_lazy("status"))
    def state(self, row):
        return adjustment_status(row)

    @admin.display(description=gettext_lazy("amount"))
    def money(self, row):
        return yuan(row.amount)

    @admin.display(description=gettext_lazy("source"))
    def out_of(self, row):
        return account(row.source)

    @admin.display(description=gettext_lazy("target"))
    def into(self, row):
        return account(row.target)

    @admin.display(description=gettext_lazy("proposed at"))
    def at(self, row):
        return moment(row.proposed_at)

    def page(self, request, row):
        told = {"money": f"{row.amount:,.2f}", "source": row.source, "target": row.target}
        sentences = {
            AdjustmentStatus.PROPOSED: _(
                "%(money)s yuan are to move from %(source)s to %(target)s."
            ),
            AdjustmentStatus.APPROVED: _("%(money)s yuan moved from %(source)s to %(target)s."),
            AdjustmentStatus.REJECTED: _(
                "%(money)s yuan were not moved from %(source)s to %(target)s."
            ),
        }
        sentences[AdjustmentStatus.WITHDRAWN] = sentences[AdjustmentStatus.REJECTED]
        lines = LedgerLine.objects.filter(kind=LineKind.ADJUSTMENT, reference=row.reference)
        page = Page(
            sentence=sentences[row.status] % told,
            badges=[self.state(row)],
            facts=[
                (_("reference"), row.reference),
                (_("amount"), yuan(row.amount)),
                (_("source"), account(row.source)),
                (_("target"), account(row.target)),
                (_("reason"), row.reason),
                (_("attachment"), row.attachment or "-"),
                *((_("ledger line"), link(page_of(line), line.pk)) for line in lines),
            ],
            sections=[eyes(row)],
        )
        if row.status == AdjustmentStatus.PROPOSED and row.maker_id == request.user.pk:
            page.warnings = [_("You proposed this: another person has to decide.")]
        if done := in_order(done_to(row)):
            page.sections.append(Section(_("What staff did"), entries=done, name="staff"))
        return page


def _adjusted(request, line):
    """On a ledger line's page: the adjustment behind it."""
    row = Adjustment.objects.filter(reference=line.reference).select_related("maker", "checker")
    return eyes(row[0]) if line.kind == LineKind.ADJUSTMENT and row else None


def _adjust(request, wallet):
    if not request.user.has_perm(PROPOSE_ADJUSTMENT.permission):
        return None
    return PROPOSE_ADJUSTMENT.title, url_of(Adjustment, PROPOSE_ADJUSTMENT, user_id=wallet.user_id)


LedgerLineAdmin.sections.append(_adjusted)
WalletAdmin.offers.append(_adjust)


def account_group(name: str) -> str:
    """A group of accounts as the daily summary names it, in words."""
    words = {
        "wallets": _("wallets"),
        "escrow": _("escrow (in packets)"),
        accounts.SUSPENSE: _("suspense"),
        accounts.PLATFORM: _("platform"),
    }
    if name.startswith(accounts.clearing("")):
        return _("clearing: %(channel)s") % {"channel": name.removeprefix(accounts.clearing(""))}
    return words.get(name, name)


SHOWN_KINDS = {
    "issued": (LineKind.SEND, LineKind.CHANNEL_PAY),
    "taken": (LineKind.GRAB,),
    "returned": (LineKind.EXPIRY_REFUND,),
    "topped_up": (LineKind.TOPUP,),
}


@admin.register(DailySummary)
class DailySummaryAdmin(ReadOnlyAdmin):
    list_display = ["day", "issued", "taken", "returned", "topped_up", "lines", "closed"]
    list_filter = [("day", DateRangeFilter)]

    def prepare(self, rows):
        """All figures of a page's days in one query."""
        figures = list(DailyFigure.objects.filter(summary__in=[row.pk for row in rows]))
        for row in rows:
            own = [figure for figure in figures if figure.summary_id == row.pk]
            row.moved = {
                word: sum((f.amount for f in own if f.kind in kinds), ZERO)
                for word, kinds in SHOWN_KINDS.items()
            }
            row.line_count = sum(figure.lines for figure in own)

    def export_columns(self):
        words = {
            "issued": _("issued"),
            "taken": _("taken"),
            "returned": _("returned"),
            "topped_up": _("topped up"),
        }
        moved = [
            Column(title, lambda row, word=word: row.moved[word], "money")
            for word, title in words.items()
        ]
        return [*super().export_columns(), *moved]

    @admin.display(description=gettext_lazy("issued"))
    def issued(self, row):
        return yuan(row.moved["issued"])

    @admin.display(description=gettext_lazy("taken"))
    def taken(self, row):
        return yuan(row.moved["taken"])

    @admin.display(description=gettext_lazy("returned"))
    def returned(self, row):
        return yuan(row.moved["returned"])

    @admin.display(description=gettext_lazy("topped up"))
    def topped_up(self, row):
        return yuan(row.moved["topped_up"])

    @admin.display(description=gettext_lazy("lines"))
    def lines(self, row):
        return row.line_count

    @admin.display(description=gettext_lazy("closed at"))
    def closed(self, row):
        return moment(row.closed_at)

    def page(self, request, row):
        self.prepare([row])
        figures = row.figures.order_by("kind", "source", "target")
        day = {"booked_on__day": row.day.isoformat()}
        moved = sum((figure.amount for figure in figures), ZERO)
        balances = daily.held(row)
        told = {
            "day": row.day,
            "issued": f"{row.moved['issued']:,.2f}",
            "taken": f"{row.moved['taken']:,.2f}",
            "returned": f"{row.moved['returned']:,.2f}",
        }
        return Page(
            sentence=_(
                "On %(day)s %(issued)s yuan were issued, %(taken)s taken, %(returned)s returned."
            )
            % told,
            facts=[
                (_("closed at"), moment(row.closed_at)),
                (_("lines"), row.line_count),
                (_("moved in all"), yuan(moved)),
            ],
            sections=[
                Section(
                    _("What moved"),
                    [_("kind"), _("source"), _("target"), _("lines"), _("amount")],
                    [
                        [
                            link(
                                f"{list_of(LedgerLine)}?"
                                f"{urlencode({**day, 'kind__exact': figure.kind})}",
                                figure.get_kind_display(),
                            ),
                            account_group(figure.source),
                            account_group(figure.target),
                            figure.lines,
                            yuan(figure.amount),
                        ]
                        for figure in figures
                    ]
                    + [[_("total"), "", "", row.line_count, yuan(moved)]],
                    name="moved",
                ),
                Section(
                    _("Held at the close"),
                    [_("account"), _("balance")],
                    [
                        [account_group(name), yuan(balance)]
                        for name, balance in sorted(balances.items())
                    ]
                    + [[_("all together"), yuan(sum(balances.values(), ZERO))]],
                    note=_("Every yuan is somewhere: all accounts together hold nothing."),
                    name="held",
                ),
            ],
        )


@admin.register(AuditRun)
class AuditRunAdmin(ReadOnlyAdmin):
    list_display = ["at", "result", "rules", "findings", "took_ms"]

    @admin.display(description=gettext_lazy("began at"))
    def at(self, run):
        return moment(run.began_at)

    @admin.display(description=gettext_lazy("result"))
    def result(self, run):
        return badge("void", _("findings")) if run.findings else badge("open", _("clean"))

    def page(self, request, run):
        told = {"rules": run.rules, "findings": run.findings}
        page = Page(
            sentence=_("%(rules)d rules were checked: %(findings)d findings.") % told,
            badges=[self.result(run)],
            facts=[(_("began at"), moment(run.began_at)), (_("took (ms)"), run.took_ms)],
        )
        if run.says:
            page.sections.append(Section(_("Findings"), raw="\n".join(run.says), name="findings"))
        return page


@finder(gettext_lazy("adjustments"), "wallets.view_adjustment")
def adjustments(word):
    for row in Adjustment.objects.filter(reference=word):
        yield Hit(page_of(row), row.reference, f"{row.amount:,.2f}")


@finder(gettext_lazy("wallets"), "wallets.view_wallet")
def wallets(word):
    user_id = accounts.owner(word) or word
    for wallet in Wallet.objects.filter(user_id=user_id):
        yield Hit(page_of(wallet), wallet.user_id, f"{wallet.balance:,.2f}")


@finder(gettext_lazy("ledger lines"), "wallets.view_ledgerline", is_echo=True)
def lines(word):
    for line in by_reference_of(word)[:SHOWN]:
        yield Hit(page_of(line), line.get_kind_display(), f"{line.amount:,.2f}")
