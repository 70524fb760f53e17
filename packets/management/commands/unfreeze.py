from packets.management.freezing import FreezingCommand


class Command(FreezingCommand):
    help = "Unfreeze a wallet or a packet."
    verb = "unfreeze"
