"""Commands about incidents, clocks, notices, protections, evidence and reports."""
