"""The effect ledger and the money in it: what may be paid, posted, told and deleted, once."""
