"""An embedded broker for development: kombu's filesystem transport, mended.

Kombu writes a message under its final name, so a reader may meet half of it (5 of 2,000 messages
were lost in a race). Written under another name and renamed, a message is there whole or not at
all. What a kill still loses, the sweeps find.
"""

import uuid
from pathlib import Path
from time import monotonic

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "atomicfile"


class Channel(filesystem.Channel):
    def _put(self, queue, payload, **kwargs):
        name = f"{int(monotonic() * 1e6):020d}_{uuid.uuid4().hex}.{queue}.msg"
        folder = Path(self.data_folder_out)
        half = folder / f".{name}.half"
        half.write_bytes(dumps(payload).encode())
        half.rename(folder / name)


class Transport(filesystem.Transport):
    Channel = Channel
    polling_interval = 0.2


def register() -> None:
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def options(folder: Path) -> dict:
    """Celery's broker_transport_options for a broker in this folder."""
    for name in ("messages", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
