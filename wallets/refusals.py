"""What a wallet refuses."""

from django.utils.translation import gettext_lazy as _

from kit.refusals import Conflict, Problem


class WalletFrozen(Problem):
    status, code, title = 403, "wallet_frozen", _("Wallet frozen")
    detail = _("This wallet is frozen; please contact support.")


class InsufficientBalance(Conflict):
    code, detail = "insufficient_balance", _("The wallet's balance is not sufficient.")
