"""Which release is the one before this one."""

# Set anew with each release, to the last migrations of the one before. Before the first release it
# is where the history begins.
BASELINE = {
    "kit": "0001_initial",
    "office": "0001_initial",
    "packets": "0001_initial",
    "payments": "0001_initial",
    "wallets": "0001_initial",
}
