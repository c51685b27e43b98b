"""Single sign-on fields of a network configuration (03, 3.5): for the host, not for packets."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.dictionary import Dictionary

DEFAULT_PROVIDER = "default"

_MAX_URL = 2047
_MAX_NONCE = 127
_MAX_STATE = 255
_MAX_CLIENT_ID = 255
_MAX_PROVIDER = 63

_URL_FLOW = 0
_OIDC_FLOW = 1


@dataclass(frozen=True, slots=True)
class SignOn:
    """Flow version 0 is one URL, version 1 is OpenID Connect; others are carried by number only."""

    enabled: bool = False
    version: int = _URL_FLOW
    authentication_url: str = ""
    authentication_expires_at: int = 0
    """ms; 0 is never."""
    issuer_url: str = ""
    central_url: str = ""
    nonce: str = ""
    state: str = ""
    client_id: str = ""
    provider: str = DEFAULT_PROVIDER

    @classmethod
    def read(cls, dictionary: Dictionary) -> SignOn:
        """Read what the version and the switch leave to read."""
        version = dictionary.get_int("ssov")
        enabled = dictionary.get_bool("ssoe")
        if version == _URL_FLOW:
            return cls._read_url_flow(dictionary) if enabled else cls()
        if version == _OIDC_FLOW:
            if enabled:
                return cls._read_oidc_flow(dictionary)
            return cls(version=_OIDC_FLOW, provider="")
        return cls(enabled=enabled, version=version)

    @classmethod
    def _read_url_flow(cls, dictionary: Dictionary) -> SignOn:
        return cls(
            enabled=True,
            authentication_url=_read_text(dictionary, "aurl", _MAX_URL),
            authentication_expires_at=dictionary.get_int("aexpt"),
        )

    @classmethod
    def _read_oidc_flow(cls, dictionary: Dictionary) -> SignOn:
        return cls(
            enabled=True,
            version=_OIDC_FLOW,
            authentication_url=_read_text(dictionary, "aurl", _MAX_URL),
            issuer_url=_read_text(dictionary, "iurl", _MAX_URL),
            central_url=_read_text(dictionary, "ssoce", _MAX_URL),
            nonce=_read_text(dictionary, "sson", _MAX_NONCE),
            state=_read_text(dictionary, "ssos", _MAX_STATE),
            client_id=_read_text(dictionary, "ssocid", _MAX_CLIENT_ID),
            provider=_read_text(dictionary, "ssop", _MAX_PROVIDER, DEFAULT_PROVIDER),
        )

    def write(self, dictionary: Dictionary) -> None:
        """Add the keys of our version, in the order of stock controllers."""
        if self.version not in (_URL_FLOW, _OIDC_FLOW):
            return
        dictionary.set_int("ssov", self.version)
        dictionary.set_bool("ssoe", self.enabled)
        if self.version == _OIDC_FLOW:
            self._write_oidc_flow(dictionary)
        elif self.enabled:
            if self.authentication_url:
                dictionary.set_text("aurl", self.authentication_url)
            dictionary.set_int("aexpt", self.authentication_expires_at)

    def _write_oidc_flow(self, dictionary: Dictionary) -> None:
        for key, text in (
            ("iurl", self.issuer_url),
            ("ssoce", self.central_url),
            ("sson", self.nonce),
            ("ssos", self.state),
            ("ssocid", self.client_id),
            ("ssop", self.provider),
        ):
            dictionary.set_text(key, text)


def _read_text(dictionary: Dictionary, key: str, limit: int, default: str = "") -> str:
    value = dictionary.get(key)
    return default if value is None else value[:limit].decode("utf-8", "ignore")
