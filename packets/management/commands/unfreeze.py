from packets.management.commands import freeze


class Command(freeze.Command):
    help = "Unfreeze a wallet or a packet."
    verb = "unfreeze"
