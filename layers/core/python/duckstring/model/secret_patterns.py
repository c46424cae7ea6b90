"""What gives itself away as a secret whoever it belongs to: credentials in URLs and headers, tokens and keys of a known form."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAMES = (
    "password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|account[_-]?key"
    "|sharedaccesskey|credential|signature"
)
_NAMES_HAVE = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential", "signature", "authorization")
"""One of these is in each name: most texts have none, and are not searched for names, which is slow."""
_CODE = r"(?!\*\*\*|[{$]|(?:None|null|true|false)\b|[A-Za-z_][\w.]*[(\[])"
"""Not a secret but source code that gets one, as a traceback shows it; or masked already."""

_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (guards, re.compile(pattern, re.IGNORECASE))
    for guards, pattern in (
        # https://user:password@host, and a long token alone before the @
        (("://",), rf"://[^\s/?#\"'<>@:]{{0,256}}+:{_CODE}([^\s/?#\"'<>]{{1,1024}})@"),
        (("://",), r"://([A-Za-z0-9_~.-]{20,1024}+)@"),
        # ?X-Amz-Signature=..., &token=..., password=...
        (("=", "%3d"), rf"(?:{_NAMES})(?:=|%(?:25)?3D){_CODE}((?:(?!%(?:25)?26)[^\s&;,\"'<>()\[\]{{}}|])++)"),
        (("sig=", "sig%3d"), rf"(?<![A-Za-z0-9])sig(?:=|%(?:25)?3D){_CODE}((?:(?!%(?:25)?26)[^\s&;,\"'<>()\[\]{{}}|])++)"),
        # password='...' of Python's repr; "password" = '...'; --password ...; <password>...</password>
        (("'", '"'), rf"(?:{_NAMES})[\"']?\s{{0,4}}=\s{{0,4}}b?[\"']{_CODE}([^\"'\\]{{4,}}+)"),
        (("--",), rf"--(?:{_NAMES})\s++(?![-*{{$])([^\s\"'<>]++)"),
        (("</",), rf"<(?:{_NAMES})>(?!\*\*\*)([^<>\r\n]{{1,1024}}+)</"),
        # Lines of INI and YAML: what has digits, since source code and sentences look alike
        (("=", ":"), rf"(?:{_NAMES})(?:\s{{1,8}}=\s{{0,8}}|:\s{{1,8}}['\"]?){_CODE}(?=[^\s\d]{{0,256}}+\d)([^\s,;\"'(){{}}<>\[\]]{{8,}}+)"),
        # JSON, and what Python prints of a dict
        (('"', "'"), rf"(?:{_NAMES}|authorization)\\*+[\"']\s*+:\s*+b?\\*+[\"']{_CODE}([^\"'\\]{{4,}}+)"),
        # Authorization: Basic ..., Bearer ...
        (
            ("authorization",),
            r"authorization\W{1,4}(?:\W|b(?=['\"])){0,4}(?:bearer|basic|token|digest|negotiate|apikey)\s++(?!\*\*\*)([^\s\"',;]++)",
        ),
        (("-key:", "-token:"), r"(?:api-key|-token):\s*+(?!\*\*\*)([^\s\"',;]{8,}+)"),
        (("bearer", "basic"), r"\b(?:bearer|basic)\s++(?=[^\s\"',;]*[\d._~+/=-])(?!\*\*\*)([A-Za-z0-9._~+/=-]{8,}+)"),
        (("cookie",), r"cookie['\"]?+[:,]\s*+b?['\"]?+(?!\*\*\*)(\w[\w.-]*=[^\r\n\"']++)"),
        # DuckDB's CREATE SECRET
        (("secret '", "token '"), r"\b(?:SECRET|SESSION_TOKEN)\s++'(?!\*\*\*)([^']{16,}+)'"),
        # Private keys, JSON Web Tokens
        (
            ("private key-----",),
            r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[^-]++|-(?!----))*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?)",
        ),
        (("eyj",), r"\b(eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+)"),
    )
)
_CASED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (guards, re.compile(pattern))
    for guards, pattern in (
        # AWS: ids of access keys, session tokens
        (("AKIA", "ASIA"), r"(?<![A-Z0-9])((?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Z0-9])"),
        (("IQoJ", "FwoG", "FQoG"), r"(?<![A-Za-z0-9])((?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=%_-]{90,}+)"),
        # GitHub, GitLab, Slack, Databricks, Stripe, Google, PyPI
        (("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), r"\b((?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}+)"),
        (("glpat-", "xox", "dapi"), r"\b((?:glpat-|xox[a-z]-|dapi(?=[0-9a-f]{32}))[A-Za-z0-9-]{10,}+)"),
        (("sk_live_", "rk_live_", "AIza", "pypi-"), r"\b((?:[sr]k_live_|AIza|pypi-)[A-Za-z0-9_-]{20,}+)"),
        # OpenAI and Anthropic, Hugging Face, npm
        (("sk-", "hf_", "npm_"), r"(?<![A-Za-z0-9_-])((?:sk-(?=[A-Za-z_-]{0,64}+\d)|hf_|npm_)[A-Za-z0-9_-]{28,}+)"),
    )
)


_FEW = 1_000
"""Characters of a text of which it is quicker to ask once whether any guard is in it: most texts are names and numbers."""
_ANY_GUARD = re.compile("|".join(sorted({re.escape(guard.lower()) for guards, _ in _PATTERNS + _CASED for guard in guards})))


def find_known(text: str) -> Iterator[tuple[int, int]]:
    """Where in ``text`` secrets of a known form stand: start and end of each."""
    low = text.lower()
    if len(text) <= _FEW and not _ANY_GUARD.search(low):
        return
    has_names = any(name in low for name in _NAMES_HAVE)
    for where, patterns in ((low, _PATTERNS), (text, _CASED)):
        for guards, pattern in patterns:
            if _NAMES in pattern.pattern and not has_names:
                continue
            for guard in guards:
                if guard in where:
                    yield from (found.span(1) for found in pattern.finditer(text))
                    break
