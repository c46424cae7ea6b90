"""Whether a name says that its value is secret: ``PGPASSWORD``, ``apiKeys``, ``TOKEN_V2``; not
``TOKEN_URL``, ``SORT_KEY``, ``COMPASS``.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|\d+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "apikey",
    "credential",
)
"""Words that are also written together with what is before them: ``DBPASSWORD``."""
_SECRETS = _words(
    "pass pw pgpass cred auth authorization bearer jwt otp totp dsn cookie signature sas pat pin"
) | set(_ENDS)
_PASS_OF = _words("""
    db database ssh my mysql pg sql smtp imap ftp sftp ldap mail email user root admin redis
    http proxy key store keystore truststore cert login ansible sudo vnc wifi
""")
"""``SSHPASS``, but not ``COMPASS`` and ``BYPASS``."""

_KEY_OF = _words("""
    api access private secret signing sign encryption encrypt decryption wrapping account master
    shared service ssh client auth token app application admin root deploy license licence webhook
    session cookie storage write consumer
    fernet hmac rsa dsa ecdsa ed25519 aes des jwt jwe jwk pgp gpg tls ssl cipher crypto crypt
    aws azure gcp google openai anthropic mistral cohere gemini groq huggingface deepl stripe
    sendgrid mailgun twilio datadog pagerduty sentry algolia github gitlab slack snowflake
    databricks cosmos eventhub servicebus honeycomb mapbox airtable notion hubspot segment
    amplitude mixpanel fivetran airbyte dbt tavily pinecone
""")
"""Whose ``KEY`` is a secret. Others are fields of tables and of maps: ``SORT_KEY``."""

_AFTER = _words("""
    prod prd production stage staging stg dev test qa uat live sandbox local
    ro rw read write readonly readwrite
    old new current previous prev next primary secondary backup main default v a b
    pem der base64 base b64 hex json txt raw plain plaintext value val string str
""")
"""Words after a name that leave it what it is: ``DB_PASSWORD_PROD``, ``PRIVATE_KEY_PEM``."""
_CONNECTIONS = {("connection", "string"), ("conn", "string"), ("conn", "str")}


@lru_cache(maxsize=2_000)
def is_secret_name(name: str) -> bool:
    """Whether a name says that its value is secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and (words[-1] in _AFTER or words[-1].isdigit()):
        if tuple(words[-2:]) in _CONNECTIONS:
            return True
        words.pop()
    if not words:
        return False
    last = _singular(words[-1])
    if last == "key":
        return len(words) > 1 and _singular(words[-2]) in _KEY_OF
    return _is_secret_word(last)


def _is_secret_word(word: str) -> bool:
    if word in _SECRETS or word.endswith(_ENDS) or word == "connectionstring":
        return True
    return (word[-4:] == "pass" and word[:-4] in _PASS_OF) or (
        word[-3:] == "key" and word[:-3] in _KEY_OF
    )


def _singular(word: str) -> str:
    return word if word in _SECRETS or not word.endswith("s") or word.endswith("ss") else word[:-1]
