"""What other systems, the engine and the facts say, in the words of a reader."""
