"""POST to one address, on connections that are kept: aiohttp, and what the environment says of
proxies and certificates. What a server sends has a limit.

aiohttp reads the proxy settings again for every request, which takes longer than the rest of
the request; here they are read once.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from teachback.costs.prices import is_loopback
from teachback.references import is_secret_name
from teachback.teachers.connections import TRIAL_SECONDS, CleanConnector, WatchedResponse


@dataclass(frozen=True, slots=True)
class Response:
    """A response, decompressed. ``headers`` are looked up in any case. The body is whole where the
    status is one of success, and may be cut where it is not."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoResponse(Exception):
    """There was no whole response. ``sent``: the request may have reached the server;
    ``unusable``: a body came, and cannot be decompressed or is too long."""

    def __init__(self, what: str, *, sent: bool = True, unusable: bool = False) -> None:
        super().__init__(what)
        self.sent = sent
        self.unusable = unusable


class Line:
    """To one URL. Connections open as they are needed, and are kept until ``aclose``.

    Args:
        base: The URL without the end of its path, http or https; a user and password in it go
            into the header ``Authorization``. ``address`` is this without them.
        path: The end of its path, before a query that ``base`` may have.
        headers: Sent with every request.
        connect_seconds: For opening one connection.
        most_bytes: Of a body, decompressed; a longer one is given up.

    ``secrets`` are the passwords in the address and in the proxy's, and what may be a key in the
    address's query: not to be shown.

    Raises:
        ValueError: Not an address, or the environment names a proxy that cannot be used.
    """

    def __init__(
        self,
        base: str,
        path: str,
        headers: Mapping[str, str],
        connect_seconds: float,
        most_bytes: int = 8_000_000,
    ) -> None:
        parts = _parts(base)
        self._headers = dict(headers)
        secrets = [value for name, value in _parameters(parts) if is_secret_name(name)]
        if parts.username is not None:
            self._headers["Authorization"] = _basic(parts, secrets)
        self.host = parts.hostname or ""
        # Nothing that is shown or logged may hold the user and password.
        plain = _without_user(parts)
        self.address = plain.geturl()
        self._url = URL(plain._replace(path=plain.path.rstrip("/") + path).geturl())
        self._proxy: str | None = None
        self._tunnel_headers: dict[str, str] | None = None  # for a proxy that leads to https
        if proxy := _proxy_for(parts):
            self._proxy = _without_user(proxy).geturl()
            if proxy.username is not None:
                allowed = {"Proxy-Authorization": _basic(proxy, secrets)}
                if parts.scheme == "https":
                    self._tunnel_headers = allowed
                else:
                    self._headers |= allowed
        self.secrets = tuple(secrets)
        self._connect_seconds = connect_seconds
        self._most_bytes = most_bytes
        self._open: tuple[aiohttp.ClientSession, CleanConnector] | None = None

    async def post(self, content: bytes) -> Response:
        """Send once; no redirect is followed. Raises NoResponse. Has no time limit but that of
        connecting: cancel it."""
        session, connector = self._opened()
        try:
            async with session.post(
                self._url, data=content, allow_redirects=False, proxy_headers=self._tunnel_headers
            ) as response:
                body = await self._body_of(response)
                if not connector.has_ended(response):
                    raise NoResponse("the server sent more than one response to a request")
                return Response(response.status, response.headers, body)
        except aiohttp.ClientPayloadError as error:
            if isinstance(error.__cause__, ContentEncodingError):
                raise NoResponse("the body cannot be decompressed", unusable=True) from None
            raise NoResponse("the body ended too early") from None
        except aiohttp.ClientError as error:
            raise NoResponse(_said(error), sent=not isinstance(error, _UNSENT)) from None

    async def _body_of(self, response: aiohttp.ClientResponse) -> bytes:
        """The body, read piece by piece. An error's is cut where it is too long or broken: its
        status says enough."""
        is_success = 200 <= response.status < 300
        most = self._most_bytes if is_success else min(self._most_bytes, _MOST_BYTES_OF_AN_ERROR)
        body = bytearray()
        try:
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > most:
                    break
        except aiohttp.ClientPayloadError:
            if is_success:
                raise
        if len(body) > most and is_success:
            raise NoResponse(
                f"the body is longer than {most / 1e6:g} MB (teacher.max_reply_mb)", unusable=True
            )
        return bytes(body[:most])

    async def aclose(self) -> None:
        """Close the connections. A later ``post`` opens new ones, in whatever event loop."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened[0].close()

    def _opened(self) -> tuple[aiohttp.ClientSession, CleanConnector]:
        if self._open is None:
            tls = _tls() if self._url.scheme == "https" else True
            # The caller bounds what is in flight; names are looked up as other programs do.
            connector = CleanConnector(
                # Waiting for a connection counts as opening it.
                min(TRIAL_SECONDS, self._connect_seconds / 4),
                limit=0,
                ssl=tls,
                resolver=aiohttp.ThreadedResolver(),
            )
            session = aiohttp.ClientSession(
                connector=connector,
                response_class=WatchedResponse,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
            )
            self._open = session, connector
        return self._open


_MOST_BYTES_OF_AN_ERROR = 65_536
_OTHER_PROXIES = ("socks", "socks4", "socks4a", "socks5", "socks5h", "ftp")
_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)


def _parts(url: str) -> SplitResult:
    """Raises ValueError where it is no address, in words for the user and without any of it."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("not an address (it holds a space or a control character)")
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no port
        URL(url)  # raises where aiohttp could not use it
    except ValueError:
        raise ValueError("not an address (its host or port cannot be read)") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address like http://host:8000/v1")
    return parts


def _parameters(parts: SplitResult) -> Iterator[tuple[str, str]]:
    """Names and values of the query, the values as written and as meant."""
    for part in re.split("[&;]", parts.query):
        name, _, value = part.partition("=")
        yield unquote(name), value
        yield unquote(name), unquote_plus(value)


def _without_user(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])


def _basic(parts: SplitResult, secrets: list[str]) -> str:
    """The header for the user and password of an address; both go to ``secrets``."""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    secrets += [f"{user}:{password}", password or user]
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _proxy_for(parts: SplitResult) -> SplitResult | None:
    """As HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, or the system's settings; no
    proxy leads to this machine. Raises ValueError, which shows nothing of the proxy's address."""
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    setting = f"{parts.scheme.upper()}_PROXY"
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    scheme = proxy.partition("://")[0].lower()
    if scheme not in ("http", "https"):
        # What is no scheme may be a part of a password.
        named = f"a {scheme} proxy" if scheme in _OTHER_PROXIES else "a proxy of a different kind"
        raise ValueError(
            f"the environment names {named} for it, and only http and https ones can be "
            f"used: set {setting} to one of these, or NO_PROXY={host}"
        )
    try:
        found = _parts(proxy)
        if "@" in f"{found.path}{found.query}{found.fragment}":
            raise ValueError("its password stands in the wrong place")
        return found._replace(path="", query="", fragment="")
    except ValueError:
        raise ValueError(
            f"the environment names a proxy for it whose address cannot be read: set {setting} "
            f"as in http://host:3128, with special characters of a password percent-encoded, or "
            f"NO_PROXY={host}"
        ) from None


def _tls() -> ssl.SSLContext:
    """Certificates where SSL_CERT_FILE or SSL_CERT_DIR say, else certifi's."""
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context()
    return ssl.create_default_context(cafile=certifi.where())


def _said(error: aiohttp.ClientError) -> str:
    """What went wrong, without addresses and objects that aiohttp adds."""
    if isinstance(error, aiohttp.ClientConnectorError):
        where = "the proxy: " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
        return where + (str(error.os_error) or type(error.os_error).__name__)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy refuses: HTTP {error.status} {error.message}"
    if isinstance(error, aiohttp.ClientResponseError):
        # Its words may end with half of what must not be shown.
        return "the response is not HTTP, or a line of its head is too long"
    return str(error) or type(error).__name__
