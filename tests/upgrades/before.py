"""Which release is the one before this one, and what was released is never edited."""

# The last migrations of the release before. Set anew with each one; 1.0.0 is where the history
# begins, and is its own.
RELEASE = "1.0.0"
BASELINE = {
    "kit": "0001_initial",
    "office": "0001_initial",
    "packets": "0001_initial",
    "payments": "0001_initial",
    "wallets": "0001_initial",
}

# Every migration that was released, and its SHA-256. One more with each release.
RELEASED = {
    "kit/migrations/0001_initial.py": (
        "6dfc65bb7caa5c3cb76d97d2bedf61fe2034008cf2ef4e40c1cf71c850d38788"
    ),
    "office/migrations/0001_initial.py": (
        "40fbb4fcbbd0a4259d2c8d365113985e8e04d0d1bb764e14de6679e766abea7d"
    ),
    "packets/migrations/0001_initial.py": (
        "b2efa387dd1e983a57de46be26b45a71fbb69224b37d242d160cbc5b5014dfcf"
    ),
    "payments/migrations/0001_initial.py": (
        "9f8d742e8c422755080a5c78f5f3b4b1b05eb953d965361d3d57bf9e2c15a064"
    ),
    "sandbox/migrations/0001_initial.py": (
        "36712588fd11a5cfe3b9cd17f457ad041d49b75856984106e195a49797888535"
    ),
    "wallets/migrations/0001_initial.py": (
        "7b9f54b5b2948df2de392ba311944f1081ba7faefdb913061b0f737a33d43aee"
    ),
}
