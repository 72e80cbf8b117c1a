"""The witness: a program of its own, with a key of its own, run by another user or on another machine.

It keeps the last checkpoint of each log it knows and signs a new one only when it is proved that the new log begins
with the old. So nobody can rewrite a log unseen, not even who holds the log's database and its signing key.
"""
