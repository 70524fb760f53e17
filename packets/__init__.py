"""The top: what people see. Knows payments and wallets."""
