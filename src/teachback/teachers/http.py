"""POST to one address, on connections that are kept: aiohttp, and what the environment says of
proxies and certificates.

aiohttp reads the proxy settings anew for every request, which takes longer than the rest of
the request; here they are read once.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from teachback.costs.prices import is_loopback


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response, decompressed. ``headers`` are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoResponse(Exception):
    """There was no whole response. ``sent``: the request may have reached the server;
    ``garbled``: a body came and cannot be decompressed."""

    def __init__(self, what: str, *, sent: bool = True, garbled: bool = False) -> None:
        super().__init__(what)
        self.sent = sent
        self.garbled = garbled


class Line:
    """To one URL. Connections open as they are needed, and are kept until ``aclose``.

    Args:
        base: The URL without the end of its path, http or https; a user and password in it go
            into the header ``Authorization``. ``address`` is this without them.
        path: The end of its path, before a query that ``base`` may have.
        headers: Sent with every request.
        connect_seconds: For opening one connection.

    Raises:
        ValueError: Not an address, or the environment names a proxy that cannot be used.
    """

    def __init__(
        self, base: str, path: str, headers: Mapping[str, str], connect_seconds: float
    ) -> None:
        parts = _parts(base)
        self._headers = dict(headers)
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        self.host = parts.hostname or ""
        # Nothing that is shown or logged may hold the user and password.
        plain = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        self.address = plain.geturl()
        self._url = URL(plain._replace(path=plain.path.rstrip("/") + path).geturl())
        self._proxy = _proxy_for(parts)
        self._connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    async def post(self, content: bytes) -> Response:
        """Send once; no redirect is followed. Raises NoResponse. Has no time limit but that of
        connecting: cancel it."""
        session = self._session or self._open()
        try:
            async with session.post(self._url, data=content, allow_redirects=False) as response:
                return Response(response.status, response.headers, await response.read())
        except aiohttp.ClientPayloadError as error:
            if isinstance(error.__cause__, ContentEncodingError):
                raise NoResponse("the body cannot be decompressed", garbled=True) from None
            raise NoResponse("the body ended too early") from None
        except aiohttp.ClientError as error:
            raise NoResponse(_said(error), sent=not isinstance(error, _UNSENT)) from None

    async def aclose(self) -> None:
        """Close the connections. A later ``post`` opens new ones, in whatever event loop."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        tls = _tls() if self._url.scheme == "https" else True
        self._session = aiohttp.ClientSession(
            # The caller bounds what is in flight; names are looked up as other programs do.
            connector=aiohttp.TCPConnector(limit=0, ssl=tls, resolver=aiohttp.ThreadedResolver()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            proxy=self._proxy,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
        )
        return self._session


_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)


def _parts(url: str) -> SplitResult:
    """Raises ValueError where it is no address, in words for the user."""
    try:
        if any(character <= " " or character == "\x7f" for character in url):
            raise ValueError("it holds a space or a control character")
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no port
    except ValueError as error:
        raise ValueError(f"not an address ({error})") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an address like http://host:8000/v1")
    return parts


def _proxy_for(parts: SplitResult) -> str | None:
    """As HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, or the system's settings; no
    proxy leads to this machine."""
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    if "://" not in proxy:
        return f"http://{proxy}"
    scheme = proxy.partition("://")[0]
    if scheme not in ("http", "https"):
        raise ValueError(
            f"the environment names a {scheme} proxy for it, and only http and https ones can be "
            f"used: set {parts.scheme.upper()}_PROXY to one of these, or NO_PROXY={host}"
        )
    return proxy


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
        return error.message or type(error).__name__
    return str(error) or type(error).__name__
