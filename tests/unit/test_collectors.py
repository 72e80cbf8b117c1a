"""The configurations for collectors name what there is: our address, our topics, our token."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import yaml

from engine.events.syslog import ELEMENT
from infra.settings.settings import Settings
from infra.web.api.ingest import router

FOLDER = Path(__file__).parents[2] / "infra" / "deploy" / "collectors"
PREFIX = Settings.model_fields["kafka_prefix"].default
PATH = next(route.path for route in router.routes)  # type: ignore[attr-defined]


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf8")


def test_vector_posts_lines_with_a_token_and_waits() -> None:
    sink = tomllib.loads(read("vector.toml"))["sinks"]["qorgau"]
    assert sink["uri"].endswith(PATH)
    assert sink["request"]["headers"]["Authorization"].startswith("Bearer ")
    assert (sink["framing"]["method"], sink["encoding"]["codec"]) == ("newline_delimited", "text")
    assert sink["buffer"]["when_full"] == "block" and sink["batch"]["max_bytes"] < 8 * 1024 * 1024


def test_logstash_posts_arrays_and_tries_again() -> None:
    text = read("logstash.conf")
    assert f'{PATH}"' in text and 'format => "json_batch"' in text
    codes = re.search(r"retryable_codes => \[([^]]+)\]", text)
    assert codes is not None and {"429", "503"} <= set(codes[1].replace(" ", "").split(","))
    assert text.count("{") == text.count("}")


def test_filebeat_writes_each_line_to_the_topic_of_its_source() -> None:
    document = yaml.safe_load(read("filebeat.yml"))
    output = document["output.kafka"]
    assert output["topic"] == f"{PREFIX}.%{{[fields.source]}}"
    assert output["codec.format"] == {"string": "%{[message]}"} and output["required_acks"] == -1
    assert all(it["fields"]["source"] for it in document["filebeat.inputs"])


def test_kafka_connect_routes_to_our_topics_and_leaves_the_event_alone() -> None:
    config = json.loads(read("kafka-connect.json"))["config"]
    assert config["transforms.outbox.route.topic.replacement"] == f"{PREFIX}.${{routedByValue}}"
    assert config["transforms.outbox.table.expand.json.payload"] == "false"
    assert config["value.converter"].endswith("StringConverter")


def test_rsyslog_counts_its_messages_and_keeps_them_on_disk() -> None:
    text = read("rsyslog.conf")
    assert 'TCP_Framing="octet-counted"' in text and "RSYSLOG_SyslogProtocol23Format" in text
    assert ELEMENT.partition("@")[0] + "@" in text and "queue.filename" in text
