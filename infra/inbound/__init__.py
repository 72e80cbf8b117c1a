"""How events come in: the intake, parser processes, Kafka, syslog, bounced mail."""
