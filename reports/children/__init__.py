"""How child processes are started and limited."""
