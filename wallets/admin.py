"""What staff may read of wallets and the ledger."""

from django.contrib import admin
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from redpacket_site.kit import lists
from redpacket_site.kit.admin import (
    Page,
    ReadOnlyAdmin,
    Section,
    badge,
    done_to,
    found,
    in_order,
    moment,
    page_of,
    yuan,
)
from redpacket_site.kit.find import SHOWN, Hit, finder
from redpacket_site.kit.ids import is_outside_id
from redpacket_site.kit.lists import BEFORE
from redpacket_site.kit.money import ZERO
from wallets import accounts, statement
from wallets.acts import FreezeWallet, UnfreezeWallet
from wallets.models import Kind, LedgerLine, Wallet

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
            columns=[_("time"), _("kind"), _("for"), _("amount")],
            rows=[
                [moment(line.time), line.title, found(line.packet or line.order), yuan(line.money)]
                for line in shown
            ],
            older=f"?{urlencode({'before': shown[-1].id})}#flow" if more else "",
        )


@admin.register(LedgerLine)
class LedgerLineAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "reference", "out_of", "into", "money", "at"]
    search_fields = ["reference"]  # see get_search_results
    search_help_text = gettext_lazy("reference, account (wallet:…, escrow:…) or user")

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
            return queryset.filter(kind__in=Kind.values, reference=word), False
        name = word if ":" in word or word in (accounts.SUSPENSE, accounts.PLATFORM) else ""
        name = name or accounts.wallet(word)
        return queryset.filter(pk__in=_newest(name, request.GET.get(BEFORE, ""))), False


def _newest(name: str, before: str) -> list[int]:
    """Keys of an account's newest lines, a window of them: each side from its own index. One query
    over both would sort all lines of a busy account."""
    sides = (LedgerLine.objects.filter(source=name), LedgerLine.objects.filter(target=name))
    if before.isascii() and before.isdigit():
        sides = tuple(side.filter(pk__lt=before) for side in sides)
    window = lists.COUNTED + 1
    keys = [
        key for side in sides for key in side.order_by("-pk").values_list("pk", flat=True)[:window]
    ]
    return sorted(keys, reverse=True)[:window]


def by_reference_of(word: str):
    """Lines with this reference; the unique index begins with the kind, so each kind is named."""
    return LedgerLine.objects.filter(kind__in=Kind.values, reference=word)


@finder(gettext_lazy("wallets"), "wallets.view_wallet")
def wallets(word):
    user_id = accounts.owner(word) or word
    for wallet in Wallet.objects.filter(user_id=user_id):
        yield Hit(page_of(wallet), wallet.user_id, f"{wallet.balance:,.2f}")


@finder(gettext_lazy("ledger lines"), "wallets.view_ledgerline", is_echo=True)
def lines(word):
    for line in by_reference_of(word)[:SHOWN]:
        yield Hit(page_of(line), line.get_kind_display(), f"{line.amount:,.2f}")
