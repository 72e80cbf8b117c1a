"""Pages on which people prove who they are: second factors, tokens for programs."""
