"""The composition root, the worker, the election of the leader, the machine's time."""
