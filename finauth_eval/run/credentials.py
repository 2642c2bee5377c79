"""The account's key and secret, from the environment or a .env file, never from an option."""

from __future__ import annotations

import hashlib

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from finauth_eval.errors import CredentialsError

__all__ = ["Credentials", "load_credentials"]


class Credentials(BaseSettings):
    """Key and secret; neither appears when this is printed.

    Example:
        >>> Credentials(api_key="demo-key", api_secret="demo-secret")
        Credentials(api_key=SecretStr('**********'), api_secret=SecretStr('**********'))
    """

    model_config = SettingsConfigDict(
        env_prefix="FINAUTH_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    api_key: SecretStr
    api_secret: SecretStr

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that tell two keys apart and reveal neither."""
        return hashlib.sha256(b"finauth-eval/key/1:" + self.api_key.get_secret_value().encode()).hexdigest()[
            :8
        ]


def load_credentials() -> Credentials:
    """The credentials of this environment.

    Raises:
        CredentialsError: A variable is missing or blank.
    """
    try:
        credentials = Credentials()
    except (ValidationError, SettingsError, UnicodeDecodeError):
        credentials = None
    # ``from None`` and no detail of the failure: a validation error may quote what it has seen
    if credentials is None or not all(
        secret.get_secret_value().strip() for secret in (credentials.api_key, credentials.api_secret)
    ):
        raise CredentialsError(
            "the API key or secret is missing: set FINAUTH_API_KEY and FINAUTH_API_SECRET in the environment or in a"
            " .env file in this folder (the local sandbox takes demo-key and demo-secret)"
        )
    for name, secret in (
        ("FINAUTH_API_KEY", credentials.api_key),
        ("FINAUTH_API_SECRET", credentials.api_secret),
    ):
        if not secret.get_secret_value().isprintable():  # a lone surrogate is not printable either
            raise CredentialsError(f"{name} holds characters that no key has; expected printable UTF-8 text")
    return credentials
