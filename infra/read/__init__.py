"""The read side: questions about incidents, clocks, notices, protections and what is derived from them."""
