"""Full-text search: one query language over the embedded index and over Elasticsearch."""
