"""The fault campaign: `make faults COUNT=1000 SEED=7` (docs/faults.md)."""
