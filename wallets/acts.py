"""What staff may do to a wallet."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from redpacket_site.kit.actions import ReasonAction
from wallets import freeze


class FreezeWallet(ReasonAction):
    name = "freeze_wallet"
    title = gettext_lazy("Freeze the wallet")
    permission = "wallets.freeze_wallet"
    is_bulk = is_grave = True

    def refusal(self, wallet, now):
        return _("This wallet is frozen already.") if wallet.is_frozen else ""

    def preview(self, wallet, now):
        balance = {"user": wallet.user_id, "balance": f"{wallet.balance:,.2f}"}
        return [
            _("%(user)s can no longer pay or grab; the balance of %(balance)s yuan stays.")
            % balance,
            _("What is owed to the wallet still arrives: refunds, settled shares, top-ups."),
        ]

    def facts(self, wallet):
        return (wallet.is_frozen,)

    def run(self, wallet, *, reason, now, also):
        return freeze.freeze(user_id=wallet.user_id, reason=reason, now=now, also=also)


class UnfreezeWallet(ReasonAction):
    name = "unfreeze_wallet"
    title = gettext_lazy("Unfreeze the wallet")
    permission = "wallets.freeze_wallet"
    is_bulk = True

    def refusal(self, wallet, now):
        return "" if wallet.is_frozen else _("This wallet is not frozen.")

    def preview(self, wallet, now):
        return [
            _("%(user)s can pay and grab again, at once.") % {"user": wallet.user_id},
            _("It was frozen because: %(reason)s") % {"reason": wallet.frozen_reason or "-"},
        ]

    def facts(self, wallet):
        return (wallet.is_frozen, wallet.frozen_reason)

    def run(self, wallet, *, reason, now, also):
        return freeze.unfreeze(user_id=wallet.user_id, reason=reason, now=now, also=also)
