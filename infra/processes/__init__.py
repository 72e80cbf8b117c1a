"""The stages that follow the logs: each keeps its position in the same transaction as what it writes.

No stage calls another; they meet only in what they write. A crash at any point neither loses nor repeats anything.
"""
