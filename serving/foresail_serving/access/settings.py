"""Who may ask, as the environment tells it; part of the server's settings."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?|\*")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _words(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    lowered = tuple(name.lower() for name in names)
    wrong = [name for name in lowered if not _HOST.fullmatch(name)]
    if wrong:
        raise ValueError(
            "expected names such as foresail.example.com or *.example.com, without scheme and "
            f"port, got {wrong[0]}"
        )
    return lowered


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    lowered = tuple(origin.lower() for origin in origins)
    wrong = [origin for origin in lowered if not _ORIGIN.fullmatch(origin)]
    if wrong:
        raise ValueError(
            f"expected origins such as https://grafana.example.com, without a path, got {wrong[0]}"
        )
    return lowered


_Split = BeforeValidator(_words)


class AccessSettings(BaseSettings):
    """Of the server; the variable is `FORESAIL_` and the field's name in upper case.

    Attributes:
        tokens_file: Whoever asks needs one of these tokens; without the file nobody needs one.
        open_scopes: What needs no token all the same.
        url_keys: Whether a token may stand in the URL of a forecast file.
        rate_limit: Work that one client may ask for, per second; 0 is any.
        rate_burst: Work that one client may ask for at once.
        trusted_proxies: Whose `X-Forwarded-For` is believed.
        allowed_hosts: Names that this server goes by; `*.` stands for any name below.
        cors_origins: Pages that may ask from a browser.
        access_log: Whether each request is logged; unset, it is unless a terminal would be flooded.
    """

    tokens_file: Path | None = None
    open_scopes: Annotated[tuple[Literal["health", "metrics"], ...], NoDecode, _Split] = ()
    url_keys: bool = False
    rate_limit: float = Field(default=0, ge=0, allow_inf_nan=False)
    rate_burst: float = Field(default=60, ge=1, allow_inf_nan=False)
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, _Split] = ()
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, _Split, AfterValidator(_hosts)] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode, _Split, AfterValidator(_origins)] = ()
    access_log: bool | None = None

    @model_validator(mode="after")
    def _tokens_for_keys(self) -> "AccessSettings":
        if self.url_keys and self.tokens_file is None:
            raise ValueError(
                "FORESAIL_URL_KEYS: expected FORESAIL_TOKENS_FILE beside it, which holds the keys"
            )
        return self
