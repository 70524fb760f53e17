"""The bottom: money at rest and money moving. Knows no packet and no payment."""
