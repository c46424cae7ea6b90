"""The access key of a local Catchment, which permits everything in it, as a key of AWS does.
Standard library only: part of the server.

It is made at random for each Catchment and lies in its folder, for the eyes of its owner only. What
is sent over the wire are signatures made with it, never the secret. A program that listens on the
port while the server is stopped learns nothing of use.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_FILE = "access-key.json"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_VALID_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An AWS access key, as SDKs take it."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def random(cls, kind: str) -> AccessKey:
        """A new one; ``kind``: the first four letters of its id, which tell what it is for."""
        return cls(
            kind + "".join(secrets.choice(_ALPHABET) for _ in range(16)), secrets.token_urlsafe(30)
        )

    def sign(self, *parts: str) -> str:
        """A signature over the parts, in hexadecimal."""
        text = json.dumps(parts)
        return hmac.new(self.secret_access_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def key_file(folder: Path) -> Path:
    """Where the key of the Catchment in ``folder`` lies."""
    return folder / _FILE


def read_key(folder: Path) -> AccessKey | None:
    """The Catchment's key; None: it has none (it was made by an earlier release), or the file is
    damaged.
    """
    try:
        held = json.loads(key_file(folder).read_text(encoding="utf-8"))
        return AccessKey(str(held["access_key_id"]), str(held["secret_access_key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ensure_key(folder: Path) -> AccessKey:
    """The Catchment's key, made if there is none. The caller holds the folder's lock."""
    if held := read_key(folder):
        return held
    made = AccessKey.random("DUCK")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = key_file(folder).with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(made), file)
    unfinished.replace(key_file(folder))
    return made


def ask_header(key: AccessKey, method: str) -> tuple[str, str]:
    """What a request to the server's own page is signed with: the header's value, and the nonce
    that the answer must sign.
    """
    nonce = f"{time.time():.3f}-{secrets.token_hex(16)}"
    return f"Duckstring {nonce} {key.sign('ask', method, nonce)}", nonce


def asked_nonce(key: AccessKey, method: str, header: str) -> str:
    """The nonce of a request whose signature is right and not old; empty: it is not."""
    scheme, _, rest = header.partition(" ")
    nonce, _, signature = rest.partition(" ")
    if scheme != "Duckstring" or not hmac.compare_digest(
        signature.encode(), key.sign("ask", method, nonce).encode()
    ):
        return ""
    return nonce if abs(time.time() - float(nonce.partition("-")[0])) < _VALID_SECONDS else ""


def answer_signature(key: AccessKey, nonce: str, body: str) -> str:
    """What proves that the answer comes from the Catchment's own server."""
    return key.sign("answer", nonce, body)


def make_private(folder: Path) -> None:
    """Take everything in ``folder`` away from other users of this machine."""
    for path in (folder, *_below(folder)):
        try:
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & _OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
        except FileNotFoundError:
            continue


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        yield from (Path(root) / name for name in (*folders, *files))
