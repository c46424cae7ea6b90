"""Text that an author's code, an external system or a published table may bring, and what must
be true of it afterwards.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

from hypothesis import strategies as st

from duckstring.model.foreign import Redactor, for_terminal

NEEDLE = "no rows in orders"
"""What a person has to find again in the text."""
SECRET = 'wh/s3cr3tC0re+42"x'
CORE = "s3cr3tC0re"
PASSWORD = "hunterTwo2"
ENTRIES = {"WAREHOUSE_TOKEN": SECRET, "SHORT": "1", "REGION": "us-east-1"}

_PIECES = [
    *(
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\link",
        "\x9b2J",
        "\r\n",
        "\t",
        "\b\b",
        "\x7f",
        "\0",
        "\x85",
    ),
    *(
        "\u202egnp.exe",
        "\u2066a\u2069",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\U000e0041",
        "\udcff\udc80",
        "\ud800",
        "\ufffe",
        "é漢字😀⚠\ufe0f",
    ),
    *(
        "[bold]",
        "[/]",
        "[link=http://x]y[/link]",
        "%s %d {0} {x}",
        "\\",
        "'",
        '"',
        "<b>",
        "=cmd()",
        "x" * 300,
        "\n" * 5,
    ),
    *(
        SECRET,
        repr(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(f"etl:{SECRET}".encode()).decode(),
        f"{SECRET}{SECRET}",
    ),
    *(
        f" https://etl:{PASSWORD}@warehouse.example.com/x ",
        f" ?token={PASSWORD}&x=1 ",
        f' {{"password": "{PASSWORD}"}} ',
    ),
]

hostile = st.lists(
    st.sampled_from(_PIECES) | st.text(st.characters(codec=None), max_size=8), max_size=6
).map(lambda pieces: f"{NEEDLE} {''.join(pieces)} {NEEDLE}")


def redactor() -> Redactor:
    made = Redactor()
    made.learn(ENTRIES)
    return made


def check_stored(text: str) -> None:
    """It is text that every store takes, without secrets, and it still says what it said."""
    text.encode()
    assert "\0" not in text
    assert NEEDLE in text
    check_secret(text)


def check_secret(text: str) -> None:
    for secret in (
        CORE,
        PASSWORD,
        quote(SECRET, safe=""),
        base64.b64encode(f"etl:{SECRET}".encode()).decode()[8:24],
    ):
        assert secret not in text


def check_shown(output: str, *, says: bool = True) -> None:
    """It does nothing to a terminal: colours of our own apart, it is text and line ends."""
    output.encode()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    assert plain == for_terminal(plain, lines=True)
    assert not says or NEEDLE in " ".join(plain.split())
