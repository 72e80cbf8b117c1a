"""Security events from Kafka: Faust consumes, our own positions prove what was processed."""
