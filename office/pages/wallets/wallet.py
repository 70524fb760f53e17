"""A customer: his wallet, his page with all that concerns him, and what is done to the wallet."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from kit.ids import is_outside_id
from kit.money import ZERO
from office.frame import freezing, reader
from office.frame.columns import facts
from office.frame.dossier import (
    Page,
    Section,
    badge,
    in_order,
    link,
    list_of,
    page_of,
    yuan,
)
from office.frame.find import Hit, finder
from office.pages.wallets import flow, timeline
from office.pages.wallets.adjustment_acts import PROPOSE_ADJUSTMENT
from office.pages.wallets.customer import Customer
from office.readonly import ReadOnlyAdmin, done_to
from office.shown.packets import disputed, sent, taken
from office.shown.payments import LATEST, case_rows, orders_of, refund_rows
from packets.models import GroupMember
from packets.profiles import people
from wallets import accounts, freeze
from wallets.models import Adjustment, Wallet


class _OnWallet:
    permission = "wallets.freeze_wallet"
    verbs, known_by = freeze, "user_id"


class FreezeWallet(_OnWallet, freezing.Freeze):
    name = "freeze_wallet"
    title = _("Freeze the wallet")
    refused = _("This wallet is frozen already.")

    def preview(self, wallet, now):
        balance = {"user": wallet.user_id, "balance": f"{wallet.balance:,.2f}"}
        return [
            _("%(user)s can no longer pay or grab; the balance of %(balance)s yuan stays.")
            % balance,
            _("What is owed to the wallet still arrives: refunds, settled shares, top-ups."),
        ]


class UnfreezeWallet(_OnWallet, freezing.Unfreeze):
    name = "unfreeze_wallet"
    title = _("Unfreeze the wallet")
    refused = _("This wallet is not frozen.")

    def goes_on(self, wallet):
        return _("%(user)s can pay and grab again, at once.") % {"user": wallet.user_id}


GROUPS = 10


def _groups(user_id: str) -> list[tuple]:
    """The chats that he is in, for those who may look at them."""
    if not reader.may_open(GroupMember):
        return []
    rows = GroupMember.objects.filter(user_id=user_id).order_by("pk")
    ids = list(rows.values_list("group_id", flat=True)[: GROUPS + 1])
    links = [link(f"{list_of(GroupMember)}?{urlencode({'q': each})}", each) for each in ids]
    more = ["…"] if len(ids) > GROUPS else []
    shown = format_html_join(" ", "{}", ((one,) for one in [*links[:GROUPS], *more]))
    return [(pgettext("chat", "groups"), shown or "-")]


def _cases(request, wallet):
    """About his newest orders, the newest first."""
    if not request.user.has_perm("payments.view_case"):
        return None
    cases = list(Customer.of(wallet).cases().order_by("-pk")[:LATEST])
    return case_rows(cases) if cases else None


def _refunds(request, wallet):
    if not request.user.has_perm("payments.view_paymentorder"):
        return None
    refunds = list(Customer.of(wallet).refunds().order_by("-pk")[:LATEST])
    return refund_rows(refunds) if refunds else None


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "balance", "state", "frozen_reason", "created_at"]
    list_filter = ["is_frozen"]
    search_fields = ["user_id"]
    search_help_text = _("user")
    ordering = ["pk"]
    acts = [FreezeWallet(), UnfreezeWallet()]
    sections = (sent, taken, orders_of, _cases, _refunds, disputed)
    offers = [(Adjustment, PROPOSE_ADJUSTMENT, lambda wallet: {"user_id": wallet.user_id})]

    @admin.display(description=_("state"))
    def state(self, wallet):
        return badge("frozen", _("frozen")) if wallet.is_frozen else badge("open", _("in use"))

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
            title=_("customer"),
            facts=[
                (_("nickname"), people([wallet.user_id])[wallet.user_id]["nickname"] or "-"),
                *facts(wallet, "user_id"),
                (_("balance"), link("#flow", yuan(wallet.balance))),
                *facts(wallet, "created_at"),
                *_groups(wallet.user_id),
            ],
            sections=[
                timeline.timeline(
                    Customer.of(wallet), request.GET.get("only", ""), request.GET.get("until", "")
                ),
                flow.section(wallet.user_id, request.GET.get("before", "")),
            ],
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
        return _("%(why)s (%(who)s, %(at)s)") % {"why": why, "who": froze[-1].who, "at": at}


@finder(_("wallets"), "wallets.view_wallet")
def wallets(word):
    user_id = accounts.owner(word) or word
    for wallet in Wallet.objects.filter(user_id=user_id):
        nickname = people([wallet.user_id])[wallet.user_id]["nickname"] or ""
        yield Hit(page_of(wallet), wallet.user_id, f"{nickname} {wallet.balance:,.2f}")
