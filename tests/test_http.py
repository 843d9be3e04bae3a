"""Proxies, certificates and addresses: what an HTTP client takes from its environment."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from mock_server import MockServer, Reply, refused, said
from teachback.errors import ReferenceError_
from teachback.teachers.http import Line, NoResponse, Response
from teachback.teachers.openai import OpenAITeacher

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def post(url: str, *, times: int = 1) -> list[Response]:
    async def run() -> list[Response]:
        line = Line(url, "", {"X-Own": "yes"}, connect_seconds=2)
        try:
            return [await line.post(b"{}") for _ in range(times)]
        finally:
            await line.aclose()

    return asyncio.run(run())


def test_a_proxy_of_the_environment_is_used_with_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with MockServer(lambda _asked: said("ok")) as proxy:
        address = proxy.url.removesuffix("/v1").replace("//", "//me:secret@")
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
            assert post("http://teacher.invalid/v1/chat?a=b")[0].status == 200
            monkeypatch.delenv(name)
    for asked in proxy.asked:
        assert asked.path == "http://teacher.invalid/v1/chat?a=b"
        assert asked.headers["host"] == "teacher.invalid"
        assert asked.headers["proxy-authorization"] == f"Basic {b64encode(b'me:secret').decode()}"
    assert len(proxy.asked) == 2


def test_no_proxy_leads_to_this_machine_or_to_what_no_proxy_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with MockServer(lambda _asked: said("ok")) as server, MockServer(lambda _asked: "") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert post(server.url)[0].status == 200
        monkeypatch.setenv("NO_PROXY", "example.com,.invalid")
        monkeypatch.setattr("socket.getaddrinfo", nowhere)
        with pytest.raises(NoResponse, match="nowhere") as caught:
            post("http://teacher.invalid/v1")
        assert not caught.value.sent
    assert proxy.asked == []


def nowhere(*_args: object, **_options: object) -> None:
    raise OSError("nowhere")


def test_a_proxy_that_fails_is_named_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with MockServer(lambda _asked: said("ok")) as proxy:
        url = proxy.url
    monkeypatch.setenv("HTTP_PROXY", url.replace("//", "//me:secret@"))
    with pytest.raises(NoResponse, match=r"^the proxy: .*Connect call failed") as caught:
        post("http://teacher.invalid/v1")
    assert not caught.value.sent
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_is_refused_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@127.0.0.1:1")
    with pytest.raises(ReferenceError_, match=r"socks5 proxy .* NO_PROXY=teacher\.invalid") as e:
        OpenAITeacher("m", base_url="http://teacher.invalid/v1")
    assert "secret" not in str(e.value)
    OpenAITeacher("m", base_url="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    "address",
    ["http://", "http://h:port", "http://h:99999", "http://[::1", "http://a b/v1", "ftp://a/b"],
)
def test_an_address_that_cannot_be_is_said_at_once(address: str) -> None:
    with pytest.raises(ReferenceError_, match="not an address"):
        OpenAITeacher("m", base_url=address)


def test_the_path_goes_before_the_query_of_an_address() -> None:
    with MockServer(lambda _asked: said("ok")) as server:
        teacher = OpenAITeacher("m", base_url=f"{server.url}/?api-version=3")
        asyncio.run(asked_once(teacher))
    assert server.asked[0].path == "/v1/chat/completions?api-version=3"


async def asked_once(teacher: OpenAITeacher) -> None:
    from test_teachers import request

    await teacher.complete(request())
    await teacher.aclose()


def test_connections_are_kept_and_redirects_are_not_followed() -> None:
    moved = Reply(307, headers={"Location": "http://127.0.0.1:1/"})
    with MockServer(lambda asked: moved if asked.number == 0 else said("ok")) as server:
        responses = post(server.url, times=3)
        assert len(server.connections) <= 1
    assert [response.status for response in responses] == [307, 200, 200]
    assert responses[0].headers["location"] == "http://127.0.0.1:1/"
    assert all(asked.headers["x-own"] == "yes" for asked in server.asked)


def test_a_compressed_body_is_unpacked() -> None:
    body = gzip.compress(b"packed")
    with MockServer(lambda _asked: Reply(body=body, headers={"Content-Encoding": "gzip"})) as it:
        assert post(it.url)[0].body == b"packed"
        assert "gzip" in it.asked[0].headers["accept-encoding"]


def test_how_a_body_failed_is_told() -> None:
    garbled = Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    for reply, is_garbled in ((garbled, True), (Reply(body=b"0123", cut=True), False)):
        server = MockServer(lambda _asked, reply=reply: reply)
        with server, pytest.raises(NoResponse) as caught:
            post(server.url)
        assert (caught.value.unusable, caught.value.sent) == (is_garbled, True)


def test_the_password_of_an_address_goes_into_the_header() -> None:
    with MockServer(lambda _asked: refused(404)) as server:
        post(server.url.replace("//", "//me%40x:sec%3Aret@"))
    expected = b64encode(b"me@x:sec:ret").decode()
    assert server.asked[0].headers["authorization"] == f"Basic {expected}"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_must_be_known_and_can_be_made_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with MockServer(lambda _asked: said("ok"), tls=tls) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(NoResponse, match="certificate verify failed") as caught:
            post(url)
        assert not caught.value.sent
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert post(url, times=2)[1].status == 200
