"""Chooses the index that the settings name."""

from __future__ import annotations

from typing import Any

from infra.search.port import SearchIndex
from infra.search.sql import sql_index
from infra.settings.search import SearchSettings
from infra.store.sql.database import Database

TIMEOUT_S = 30


def open_index(settings: SearchSettings, database: Database, log_id: str) -> SearchIndex:
    """Return the index in Elasticsearch where an address is set, else the embedded one. Connects when first asked.

    ``log_id`` tells our log from every other; an index keeps it, so that one of another log is never read.
    """
    if not settings.elasticsearch:
        return sql_index(database)
    from elasticsearch import Elasticsearch

    from infra.search.elastic import ElasticIndex

    options: dict[str, Any] = {}
    if settings.elasticsearch_user:
        options["basic_auth"] = (settings.elasticsearch_user, settings.elasticsearch_password or "")
    if settings.elasticsearch_api_key:
        options["api_key"] = settings.elasticsearch_api_key
    if settings.elasticsearch_ca:
        options["ca_certs"] = str(settings.elasticsearch_ca)
    hosts = [host.strip() for host in settings.elasticsearch.split(",")]
    client = Elasticsearch(hosts, request_timeout=TIMEOUT_S, max_retries=2, retry_on_timeout=False, **options)
    return ElasticIndex(database, client, settings.elasticsearch_prefix, log_id)
