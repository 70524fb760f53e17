"""The middle: how a red packet is paid. Knows wallets, never packets."""
