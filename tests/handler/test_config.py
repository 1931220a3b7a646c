"""The environment becomes one configuration, or one text that names every problem in it."""

import dataclasses
from pathlib import Path

import certifi
import pytest

from handler.config import Auth, Config, ConfigError, Credentials
from parser.format import DEFAULT, Formats

URL = "https://search-flows-1a2b.eu-central-1.es.amazonaws.com"
DOMAIN = {"OPENSEARCH_URL": URL, "AWS_REGION": "eu-central-1"}
LOCAL = {"OPENSEARCH_URL": "http://127.0.0.1:9201", "OPENSEARCH_AUTH": "none"}
BASIC = {"OPENSEARCH_URL": URL, "OPENSEARCH_AUTH": "basic", "OPENSEARCH_USERNAME": "writer"}
BUNDLE = certifi.where()
SECRETS = ("wJalrXUtnFEMI", "IQoJb3JpZ2lu", "correct horse")

OF_A_DOMAIN = Config(
    url=URL,
    auth=Auth.IAM,
    service="es",
    region="eu-central-1",
    credentials=None,
    username="",
    password="",
    ca_bundle=None,
    index_prefix="cwl",
    formats=Formats.from_text(DEFAULT),
    keep_message=True,
    max_bulk_bytes=5_242_880,
    log_level="INFO",
)
OF_THIS_MACHINE = dataclasses.replace(OF_A_DOMAIN, url="http://127.0.0.1:9201", auth=Auth.NONE, region="")


def changed(**changes: object) -> Config:
    return dataclasses.replace(OF_A_DOMAIN, **changes)  # type: ignore[arg-type]  # each row says what it is


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param(DOMAIN, OF_A_DOMAIN, id="the least for a domain"),
        pytest.param(LOCAL, OF_THIS_MACHINE, id="the least for this machine"),
        pytest.param(
            DOMAIN
            | {
                "OPENSEARCH_AUTH": "iam",
                "OPENSEARCH_SERVICE": "es",
                "INDEX_PREFIX": "cwl",
                "LOG_FORMATS": DEFAULT,
                "KEEP_MESSAGE": "stored",
                "MAX_BULK_BYTES": "5242880",
                "LOG_LEVEL": "INFO",
            },
            OF_A_DOMAIN,
            id="the defaults written out",
        ),
        pytest.param(
            DOMAIN
            | dict.fromkeys(
                [
                    "OPENSEARCH_AUTH",
                    "OPENSEARCH_SERVICE",
                    "OPENSEARCH_USERNAME",
                    "OPENSEARCH_PASSWORD",
                    "OPENSEARCH_CA_BUNDLE",
                    "INDEX_PREFIX",
                    "LOG_FORMATS",
                    "KEEP_MESSAGE",
                    "MAX_BULK_BYTES",
                    "LOG_LEVEL",
                    "FAILURE_BUCKET",
                    "FAILURE_KMS_KEY",
                    "RETENTION_DAYS",
                    "AWS_LAMBDA_LOG_GROUP_NAME",
                    "OWN_LOG_PREFIX",
                    "OWN_ACCOUNT",
                ],
                "",
            ),
            OF_A_DOMAIN,
            id="empty is as good as not set",
        ),
        pytest.param(
            {
                "OPENSEARCH_URL": "https://abc123.eu-west-1.aoss.amazonaws.com:443/",
                "OPENSEARCH_SERVICE": "aoss",
                "AWS_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
                "AWS_SESSION_TOKEN": "IQoJb3JpZ2lu",
                "OPENSEARCH_CA_BUNDLE": BUNDLE,
                "INDEX_PREFIX": "vpc_flows-2",
                "LOG_FORMATS": "${srcaddr} ${bytes};${srcaddr} ${dstaddr} ${bytes}",
                "KEEP_MESSAGE": "unparsed",
                "MAX_BULK_BYTES": "65536",
                "LOG_LEVEL": "DEBUG",
                "FAILURE_BUCKET": "flows-failed",
                "FAILURE_KMS_KEY": "alias/flows",
                "RETENTION_DAYS": "3650",
                "WARM_AFTER_DAYS": "7",
            },
            Config(
                url="https://abc123.eu-west-1.aoss.amazonaws.com:443",
                auth=Auth.IAM,
                service="aoss",
                region="eu-west-1",
                credentials=Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "IQoJb3JpZ2lu"),
                username="",
                password="",
                ca_bundle=BUNDLE,
                index_prefix="vpc_flows-2",
                formats=Formats.from_text("srcaddr bytes;srcaddr dstaddr bytes"),
                keep_message=False,
                search_message=True,
                max_bulk_bytes=65_536,
                log_level="DEBUG",
                failure_bucket="flows-failed",
                failure_kms_key="alias/flows",
                retention_days=3650,
                warm_after_days=7,
            ),
            id="everything",
        ),
        pytest.param(
            BASIC | {"OPENSEARCH_PASSWORD": "correct horse"},
            changed(auth=Auth.BASIC, region="", username="writer", password="correct horse"),
            id="basic needs no Region",
        ),
        pytest.param(
            DOMAIN | {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"},
            changed(credentials=Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", None)),
            id="keys without a session",
        ),
        pytest.param(
            DOMAIN | {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, OF_A_DOMAIN, id="half a pair of keys is none"
        ),
        pytest.param(DOMAIN | {"MAX_BULK_BYTES": "9437184"}, changed(max_bulk_bytes=9_437_184), id="9 MiB"),
        pytest.param(
            DOMAIN | {"INDEX_PREFIX": "a" * 100}, changed(index_prefix="a" * 100), id="prefix of 100"
        ),
        pytest.param(DOMAIN | {"UNKNOWN": "x"}, OF_A_DOMAIN, id="other names are nobody's business"),
    ],
)
def test_an_environment_becomes_a_configuration(environ: dict[str, str], expected: Config) -> None:
    assert Config.from_environ(environ) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:9200",
        "http://127.0.0.1:9201",
        "http://[::1]:9200",
        "http://host.docker.internal:9201",
        "https://localhost:9200",
    ],
)
def test_this_machine_may_be_addressed_without_tls_and_without_signing_in(url: str) -> None:
    assert Config.from_environ({"OPENSEARCH_URL": url, "OPENSEARCH_AUTH": "none"}).url == url


NO_HOST = "it must start with https:// and a host name"
NO_NAME = "a host name has letters, digits, '-' and '.' only"
NO_PORT = "the port must be a number from 1 to 65535"
NO_REGION = "it must be the name of a Region, such as eu-central-1"
NO_TLS = "without TLS only this machine may be addressed; use https://"
NO_PATH = "it must end after the host and port"
NO_PREFIX = "allowed are lower-case letters, digits, '-' and '_', with a letter or digit first"
NO_NUMBER = "it must be a whole number of bytes"
ONE_LENGTH = "two formats have 1 fields each, so that their lines cannot be told apart"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OPENSEARCH_URL", "search.example.com", NO_HOST),
        ("OPENSEARCH_URL", "ftp://search.example.com", NO_HOST),
        ("OPENSEARCH_URL", "https://", NO_HOST),
        ("OPENSEARCH_URL", "https://[::1", "Invalid IPv6 URL"),
        ("OPENSEARCH_URL", f"{URL}/_dashboards", NO_PATH),
        ("OPENSEARCH_URL", f"{URL}?x=1", NO_PATH),
        ("OPENSEARCH_URL", f"{URL}:99999", NO_PORT),
        ("OPENSEARCH_URL", "https://h:0", NO_PORT),
        ("OPENSEARCH_URL", "https://h:", NO_PORT),
        ("OPENSEARCH_URL", "https://h:/", NO_PORT),
        ("OPENSEARCH_URL", "https://h:x", NO_PORT),
        ("OPENSEARCH_URL", "https://h x", NO_NAME),
        ("OPENSEARCH_URL", "https://h\\x", NO_NAME),
        ("OPENSEARCH_URL", "https://h;x", NO_NAME),
        ("OPENSEARCH_URL", "https://*", NO_NAME),
        ("OPENSEARCH_URL", "https://*.example.com", NO_NAME),
        ("OPENSEARCH_URL", "https://h.", NO_NAME),
        ("OPENSEARCH_URL", "https://höst", NO_NAME),
        ("OPENSEARCH_URL", "https://:9200", NO_HOST),
        ("OPENSEARCH_URL", "http://search.example.com", NO_TLS),
        ("OPENSEARCH_URL", "http://127.0.0.1.example.com:9200", NO_TLS),
        ("OPENSEARCH_AUTH", "IAM", "allowed are iam, basic, none"),
        ("OPENSEARCH_SERVICE", "s3", "allowed are es, aoss"),
        ("INDEX_PREFIX", "CWL", NO_PREFIX),
        ("INDEX_PREFIX", "_cwl", NO_PREFIX),
        ("INDEX_PREFIX", "cwl\n", NO_PREFIX),
        ("INDEX_PREFIX", "cwl-*", NO_PREFIX),
        ("INDEX_PREFIX", "a" * 101, NO_PREFIX),
        ("LOG_FORMATS", "srcaddr;dstaddr", f"{ONE_LENGTH}: '${{srcaddr}}' and '${{dstaddr}}'"),
        ("LOG_FORMATS", " ", "format is empty: it must name at least one field"),
        ("KEEP_MESSAGE", "never", "allowed are stored, indexed, unparsed, always"),
        ("MAX_BULK_BYTES", "5 MiB", NO_NUMBER),
        ("MAX_BULK_BYTES", "-70000", NO_NUMBER),
        ("MAX_BULK_BYTES", "\u0667" * 5, NO_NUMBER),
        ("MAX_BULK_BYTES", "65535", "allowed are 65536 to 9437184 bytes"),
        ("MAX_BULK_BYTES", "9437185", "allowed are 65536 to 9437184 bytes"),
        ("LOG_LEVEL", "info", "allowed are DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("RETENTION_DAYS", "a month", "it must be a whole number of days, 0 for ever"),
        ("RETENTION_DAYS", "3651", "allowed are 0 to 3650 days, 0 for ever"),
        ("RETENTION_DAYS", "9" * 5000, "allowed are 0 to 3650 days, 0 for ever"),
        ("AWS_REGION", " ", NO_REGION),
        ("AWS_REGION", "eu-central-1 ", NO_REGION),
        ("OPENSEARCH_CA_BUNDLE", "/nonexistent", "the file cannot be read: No such file or directory"),
        ("OPENSEARCH_CA_BUNDLE", "/", "the file cannot be read: Is a directory"),
        ("OPENSEARCH_CA_BUNDLE", __file__, "the file holds no certificates that can be read (PEM)"),
    ],
)
def test_a_problem_is_named_with_its_value_and_what_is_allowed(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(DOMAIN | {name: value})

    assert caught.value.problems == (f"{name} is {value!r}: {sentence}",)
    assert str(caught.value) == f"{name} is {value!r}: {sentence}"


def test_no_authentication_is_refused_beyond_this_machine() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(DOMAIN | {"OPENSEARCH_AUTH": "none"})

    sentence = "OPENSEARCH_AUTH=none is for this machine only; use iam or basic"
    assert caught.value.problems == (f"OPENSEARCH_URL is '{URL}': {sentence}",)


@pytest.mark.parametrize("environ", [LOCAL, BASIC | {"OPENSEARCH_PASSWORD": "correct horse"}])
def test_a_collection_takes_signed_requests_only(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(environ | {"OPENSEARCH_SERVICE": "aoss"})

    sentence = "a serverless collection takes signed requests only; use OPENSEARCH_AUTH=iam"
    assert caught.value.problems == (f"OPENSEARCH_SERVICE is 'aoss': {sentence}",)


@pytest.mark.parametrize(
    ("value", "kept", "searched"),
    [
        ("", True, False),
        ("stored", True, False),
        ("indexed", True, True),
        ("always", True, True),
        ("unparsed", False, True),
    ],
)
def test_a_message_is_kept_and_searched_as_it_is_said(value: str, kept: bool, searched: bool) -> None:
    config = Config.from_environ(DOMAIN | {"KEEP_MESSAGE": value})

    assert (config.keep_message, config.search_message) == (kept, searched)


def test_the_region_is_nobodys_business_where_nothing_is_signed() -> None:
    assert Config.from_environ(LOCAL | {"AWS_REGION": " "}).auth is Auth.NONE


def test_basic_authentication_needs_both_name_and_password() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ({"OPENSEARCH_URL": URL, "OPENSEARCH_AUTH": "basic"})

    assert caught.value.problems == (
        "OPENSEARCH_USERNAME is not set, and OPENSEARCH_AUTH=basic needs it",
        "OPENSEARCH_PASSWORD is not set, and OPENSEARCH_AUTH=basic needs it",
    )


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(
            {
                "OPENSEARCH_URL": "http://search.example.com",
                "OPENSEARCH_SERVICE": "opensearch",
                "OPENSEARCH_CA_BUNDLE": str(tmp_path),
                "INDEX_PREFIX": "*",
                "LOG_FORMATS": "$srcaddr",
                "KEEP_MESSAGE": "yes",
                "MAX_BULK_BYTES": "1",
                "LOG_LEVEL": "loud",
                "RETENTION_DAYS": "99999",
            }
        )

    assert [problem.split(" is ")[0] for problem in caught.value.problems] == [
        "OPENSEARCH_URL",
        "OPENSEARCH_SERVICE",
        "AWS_REGION",
        "OPENSEARCH_CA_BUNDLE",
        "INDEX_PREFIX",
        "LOG_FORMATS",
        "KEEP_MESSAGE",
        "MAX_BULK_BYTES",
        "LOG_LEVEL",
        "RETENTION_DAYS",
    ]
    assert str(caught.value) == "; ".join(caught.value.problems)


@pytest.mark.parametrize(("warm", "kept"), [("30", "30"), ("31", "30")])
def test_an_index_is_not_deleted_before_it_is_warm(warm: str, kept: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(DOMAIN | {"WARM_AFTER_DAYS": warm, "RETENTION_DAYS": kept})

    assert caught.value.problems == (f"WARM_AFTER_DAYS is {warm}: it must be less than RETENTION_DAYS",)


def test_an_empty_environment_names_all_that_is_needed() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ({})

    assert caught.value.problems == (
        "OPENSEARCH_URL is not set",
        "AWS_REGION is not set, and OPENSEARCH_AUTH=iam needs it",
    )


def test_a_configuration_shows_no_secret() -> None:
    config = Config.from_environ(
        BASIC
        | {
            "OPENSEARCH_PASSWORD": "correct horse",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
            "AWS_SESSION_TOKEN": "IQoJb3JpZ2lu",
        }
    )

    shown = f"{config!r} {config}"
    assert "AKIDEXAMPLE" in shown  # the credentials are there, without what is secret
    assert [secret for secret in SECRETS if secret in shown] == []


def test_no_problem_shows_a_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(
            BASIC
            | {
                "OPENSEARCH_URL": "nonsense",
                "OPENSEARCH_USERNAME": "",
                "OPENSEARCH_PASSWORD": "correct horse",
                "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
                "AWS_SESSION_TOKEN": "IQoJb3JpZ2lu",
            }
        )

    assert [secret for secret in SECRETS if secret in repr(caught.value)] == []


@pytest.mark.parametrize(
    ("url", "shown", "reason"),
    [
        (
            "https://writer:s3cret@search.example.com",
            "https://***@search.example.com",
            "it must not hold a user name or password; use OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD",
        ),
        (
            "https://writer:s3cret@@search.example.com",
            "https://***@search.example.com",
            "it must not hold a user name or password; use OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD",
        ),
        (
            "https://@search.example.com",
            "https://***@search.example.com",
            "it must not hold a user name or password; use OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD",
        ),
        (
            "https://:@search.example.com",
            "https://***@search.example.com",
            "it must not hold a user name or password; use OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD",
        ),
        (
            "https://writer:half/s3cret@search.example.com",
            "https://***@search.example.com",
            "it must end after the host and port",
        ),
        (
            "writer:s3cret@search.example.com",
            "***@search.example.com",
            "it must start with https:// and a host name",
        ),
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(url: str, shown: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_environ(DOMAIN | {"OPENSEARCH_URL": url})

    assert caught.value.problems == (f"OPENSEARCH_URL is '{shown}': {reason}",)
    assert "s3cret" not in repr(caught.value)


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        OF_A_DOMAIN.url = "https://elsewhere.example.com"  # type: ignore[misc]  # which is the point
