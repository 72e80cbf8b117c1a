"""Other systems of a lender, small and real: they speak the documented contracts over HTTP, and refuse on demand."""
