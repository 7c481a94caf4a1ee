"""The effect ledger and the money in it: what may be paid, posted, sent and deleted, once."""
