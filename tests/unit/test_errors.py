"""Foreign text in messages: names of files and classes, and what servers answer."""

import logging
import os

import pytest

from kd.errors import UserError, shown, without_password
from kd.io.atomic import NotWritten
from kd.io.log import logger

TEXTS = [
    ("a cat", "a cat"),
    ("狗 é ™", "狗 é ™"),
    ("a\x1b[31mb\x07", "a\\x1b[31mb\\x07"),
    ("a\u202eb", "a\\u202eb"),
    ("a\U000e0001b", "a\\U000e0001b"),
    (os.fsdecode(b"\xff.png"), "\\udcff.png"),
]


@pytest.mark.parametrize(("text", "expected"), [*TEXTS, ("a\nb\tc", "a\\nb\\tc")])
def test_text_of_others_is_one_line_of_printable_signs(text, expected):
    assert shown(text) == expected
    assert shown(expected) == expected


@pytest.mark.parametrize("kind", [UserError, NotWritten])
@pytest.mark.parametrize(("text", "expected"), [*TEXTS, ("one: a\ntwo: b", "one: a\ntwo: b")])
def test_no_message_writes_on_the_terminal(kind, text, expected):
    assert str(kind(text)) == expected


def test_no_line_of_the_log_writes_on_the_terminal(caplog):
    caplog.set_level(logging.INFO, "kd")
    logger.info("%s: %d %%", "a\x1b]0;b\x07", 7)
    logger.info("100 % of a\nb")
    assert caplog.messages == ["a\\x1b]0;b\\x07: 7 %", "100 % of a\nb"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:s3c@ret@host/a@b", "https://host/a@b"),
        ("no http://token@host:80?x=1 or //a/b@c", "no http://host:80?x=1 or //a/b@c"),
        ("me@host", "me@host"),
    ],
)
def test_addresses_are_shown_without_name_and_password(text, expected):
    assert without_password(text) == expected
