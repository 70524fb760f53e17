from packets.management.freezing import FreezingCommand


class Command(FreezingCommand):
    help = "Freeze a wallet or a packet."
    verb = "freeze"
