"""What people order: every command, checked and recorded in one unit of work."""
