"""Guards that more than one twin takes away."""

from kit import lease


def without_the_fence(monkeypatch) -> None:
    """Who has taken a lease goes on although another one has taken it since."""
    take = lease.take

    def unfenced(due, key, **changes):
        held = take(due, key, **changes)
        return held and lease.Lease(due.model._default_manager.filter(pk=key))

    monkeypatch.setattr(lease, "take", unfenced)
