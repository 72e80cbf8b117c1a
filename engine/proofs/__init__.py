"""What proves a log: the chain of its records, the Merkle tree over them and the signed checkpoints."""
