"""Secrets that are recognised by their form: credentials in URLs and headers, tokens and keys of
known kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from duckstring.model.secret_fields import STEMS, find_fields

_USER = r"[^\s/?#\"'<>@:]{0,256}+"
_CODE = r"(?!\*\*\*|[{$]|(?:none|null|true|false)\b|[a-z_][\w.]*[(\[])"
"""Not a secret but source code that gets one, as a traceback shows it; or masked already."""
_SENTENCE = (
    r"(?!(?:authentic\w*|authoriz\w*|tokens?|credentials?|challenges?|schemes?|requests?"
    r"|provider|security|strategy)(?![\w.~+/=-]))"
)
_PEM = "[a-z0-9 ]{0,40}private key(?: block)?"

_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (guards, re.compile(pattern))
    for guards, pattern in (
        # https://user:password@host; what has a sign that belongs into no URL only where no port
        # can be meant
        (("://",), rf"://{_USER}:{_CODE}([^\s/?#\"'<>]{{1,1024}})@"),
        (
            ("://",),
            (
                rf"://(?!\[){_USER}:(?!\d{{1,5}}(?!\w)|[\s/]){_CODE}"
                r"([^\s\"'<>@][^\r\n\"'<>@]{0,63})@(?=[\w\[])"
            ),
        ),
        # The same, encoded
        (
            ("%3a%2f%2f", "%253a%252f%252f"),
            (
                r"%(?:25)?3a%(?:25)?2f%(?:25)?2f"
                r"(?:(?!%(?:25)?(?:3a|2f|3f|40))[^\s&;\"'<>]){0,256}%(?:25)?3a"
                r"((?:(?!%(?:25)?(?:2f|3f|40))[^\s&;\"'<>@*]){1,1024})%(?:25)?40"
            ),
        ),
        # A long token alone before the @
        (("://",), r"://([a-z0-9_~.-]{20,1024}+)@"),
        # Authorization: Basic ..., Bearer ..., of a scheme with parameters, of none that is known
        (
            ("authorization",),
            (
                r"authorization\W{1,4}(?:\W|b(?=['\"])){0,4}"
                r"(?:bearer|basic|token|digest|negotiate|api-?key|ssws|oauth)\s++"
                r"(?!\*\*\*|[\w-]{1,64}=)([^\s\"',;]++)"
            ),
        ),
        (("authorization:",), r"authorization:\s*+[a-z][\w-]{1,40}\s++(?=[\w-]{1,64}=)([^\r\n]++)"),
        (
            ("authorization:",),
            (
                r"authorization:\s*+(?!\S++\s++\*\*\*)(?:[a-z][a-z-]{1,40}\s++)?(?!\*\*\*)"
                r"(?=[^\s\"',;\d]{0,256}+\d|[^\s\"',;]{16}|[^\s\"',;]++[ "
                r"\t]*+(?:[\r\n]|\Z))([^\s\"',;]{3,}+)"
            ),
        ),
        (("-key:", "-token:"), r"(?:api-key|-token):\s*+(?!\*\*\*)([^\s\"',;]{8,}+)"),
        (
            ("bearer",),
            (
                rf"\bbearer\s++{_SENTENCE}(?=[^\s\"',;]*[\d._~+/=-]|[a-z]++(?!\s++[a-z]))"
                r"(?!\*\*\*)([a-z0-9._~+/=-]{8,}+)"
            ),
        ),
        (("cookie",), r"cookie['\"]?+[:,]\s*+b?['\"]?+(?!\*\*\*)(\w[\w.-]*=[^\r\n\"']++)"),
        (("cookie",), r"cookie['\"]?+[:,]\s*+\[(?!\*\*\*)([^\[\]\r\n]++)"),
        # Private keys of PEM, PGP and SSH2; JSON Web Tokens and what is encrypted like them
        (
            ("private key",),
            rf"(-----begin {_PEM}-----(?:[^-]++|-(?!----))*+(?:-----end {_PEM}-----)?)",
        ),
        (
            ("private key",),
            rf"((?<!-)---- begin {_PEM} ----(?:[^-]++|-(?!---))*+(?:---- end {_PEM} ----)?)",
        ),
    )
)
_CASED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (guards, re.compile(pattern))
    for guards, pattern in (
        (
            ("asic", "ASIC"),
            (
                r"\b(?:[Bb]asic|BASIC)\s++(?=[^\s\"',;]*(?:[\d._~+/=-]|[a-z][A-Z]))"
                r"(?!\*\*\*)([A-Za-z0-9._~+/=-]{8,}+)"
            ),
        ),
        (
            ("eyJ",),
            (
                r"\b(eyJ[\w-]{8,}+\.(?:[\w-]{8,}+\.[\w-]*+|\.[\w-]++|eyJ[\w-]{8,}+)"
                r"(?:\.[\w-]++\.[\w-]++)?)"
            ),
        ),
        # AWS: ids of access keys, session tokens
        (("AKIA", "ASIA"), r"(?<![A-Z0-9])((?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Z0-9])"),
        (("IQoJ", "FwoG", "FQoG"), r"(?<![A-Za-z0-9])((?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=%_-]{90,}+)"),
        # GitHub, GitLab, Slack, Databricks, Stripe, Google, PyPI
        (
            ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            r"\b((?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}+)",
        ),
        (
            ("glpat-", "xox", "dapi"),
            r"\b((?:glpat-|xox[a-z]-|dapi(?=[0-9a-f]{32}))[A-Za-z0-9-]{10,}+)",
        ),
        (
            ("sk_live_", "rk_live_", "AIza", "pypi-"),
            r"\b((?:[sr]k_live_|AIza|pypi-)[A-Za-z0-9_-]{20,}+)",
        ),
        # OpenAI and Anthropic, Hugging Face, npm
        (
            ("sk-", "hf_", "npm_"),
            r"(?<![A-Za-z0-9_-])((?:sk-(?=[A-Za-z_-]{0,64}+\d)|hf_|npm_)[A-Za-z0-9_-]{28,}+)",
        ),
    )
)


_FEW = 1_000
"""Characters of a text of which it is quicker to ask once whether any guard is in it: most texts
are names and numbers.
"""
_GUARDS = {*STEMS, *(guard.lower() for guards, _ in _PATTERNS + _CASED for guard in guards)}
_ANY_GUARD = re.compile("|".join(re.escape(guard) for guard in sorted(_GUARDS)))


def find_known(text: str) -> Iterator[tuple[int, int]]:
    """Where in ``text`` secrets of a known form stand: start and end of each."""
    low = text.lower()
    if len(low) != len(text):
        # The only letter of which two are made.
        low = text.replace("\u0130", "i").lower()
    if len(text) <= _FEW and not _ANY_GUARD.search(low):
        return
    yield from find_fields(low)
    for where, patterns in ((low, _PATTERNS), (text, _CASED)):
        for guards, pattern in patterns:
            if any(guard in where for guard in guards):
                yield from (found.span(1) for found in pattern.finditer(where))
