"""Events as syslog messages (RFC 5424), over TLS, TCP and UDP."""
