"""An embedded broker for development: kombu's filesystem transport, mended.

Kombu writes a message under its final name, so a reader may meet half of it (5 of 2,000 messages
were lost in a race). Written under another name and renamed, a message is there whole or not at
all; so is the table of queues. What a kill still loses, the sweeps find.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "atomicfile"


class Channel(filesystem.Channel):
    _exchange_file: Callable[[str], Path]

    def _queue_bind(self, exchange: str, *args: Any) -> None:
        """Kombu makes the table of an exchange empty, then fills it: a reader in between fails."""
        table = self._exchange_file(exchange)
        if not table.exists():
            whole = table.with_name(f".{uuid.uuid4().hex}.whole")
            whole.write_text("[]")
            with suppress(FileExistsError):
                table.hardlink_to(whole)
            whole.unlink()
        super()._queue_bind(exchange, *args)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
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
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
