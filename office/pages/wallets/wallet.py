"""A user's wallet: its page, its acts."""

from django.contrib import admin
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kit.ids import is_outside_id
from kit.money import ZERO
from office.frame import freezing, staff
from office.frame.columns import money_column, when_column
from office.frame.dossier import Page, Section, badge, found, in_order, moment, page_of, yuan
from office.frame.find import Hit, finder
from office.frame.proposals import url_of
from office.pages.wallets.adjustment_acts import PROPOSE_ADJUSTMENT
from office.readonly import ReadOnlyAdmin, done_to
from office.shown.packets import disputed, sent, taken
from office.shown.payments import orders_of
from wallets import accounts, freeze, statement
from wallets.models import Adjustment, Wallet


class _OnWallet:
    permission = "wallets.freeze_wallet"
    verbs = freeze

    def key(self, wallet):
        return {"user_id": wallet.user_id}


class FreezeWallet(_OnWallet, freezing.Freeze):
    name = "freeze_wallet"
    title = gettext_lazy("Freeze the wallet")
    refused = gettext_lazy("This wallet is frozen already.")

    def preview(self, wallet, now):
        balance = {"user": wallet.user_id, "balance": f"{wallet.balance:,.2f}"}
        return [
            _("%(user)s can no longer pay or grab; the balance of %(balance)s yuan stays.")
            % balance,
            _("What is owed to the wallet still arrives: refunds, settled shares, top-ups."),
        ]


class UnfreezeWallet(_OnWallet, freezing.Unfreeze):
    name = "unfreeze_wallet"
    title = gettext_lazy("Unfreeze the wallet")
    refused = gettext_lazy("This wallet is not frozen.")

    def goes_on(self, wallet):
        return _("%(user)s can pay and grab again, at once.") % {"user": wallet.user_id}


def _adjust(request, wallet):
    if not staff.may(request.user, PROPOSE_ADJUSTMENT.permission):
        return None
    return PROPOSE_ADJUSTMENT.title, url_of(Adjustment, PROPOSE_ADJUSTMENT, user_id=wallet.user_id)


FLOW_LINES = 25


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ["user_id", "amount", "state", "frozen_reason", "opened"]
    list_filter = ["is_frozen"]
    search_fields = ["user_id"]
    search_help_text = gettext_lazy("user")
    ordering = ["pk"]
    acts = [FreezeWallet(), UnfreezeWallet()]
    sections = (orders_of, disputed, sent, taken)
    offers = (_adjust,)

    amount = money_column("balance", gettext_lazy("balance"))

    @admin.display(description=gettext_lazy("state"))
    def state(self, wallet):
        return badge("frozen", _("frozen")) if wallet.is_frozen else badge("open", _("in use"))

    opened = when_column("created_at", gettext_lazy("opened at"))

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


@finder(gettext_lazy("wallets"), "wallets.view_wallet")
def wallets(word):
    user_id = accounts.owner(word) or word
    for wallet in Wallet.objects.filter(user_id=user_id):
        yield Hit(page_of(wallet), wallet.user_id, f"{wallet.balance:,.2f}")
