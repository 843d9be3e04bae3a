"""Keys and passwords: what a server repeats, in whatever spelling, is neither stored nor shown;
and an address that is not one leads nowhere, least of all to the default host."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raw_server import RawServer, Turn, chat, response
from teachback.cli import cli
from teachback.errors import ReferenceError_
from teachback.explaining.asking import Asking
from teachback.records import Example
from teachback.store import CompletionStore
from teachback.teachers.openai import OpenAITeacher
from teachback.teachers.prompts import Prompts
from teachback.teachers.redaction import Redaction
from tiny_run import write_data

KEY = "sk-pl/anted=4f9c1+e7a2b8d6053"


def escaped(character: str, how: int) -> str:
    """One character as itself or in an escape of JSON or of percent-encoding, or in two."""
    ways = [
        character,
        f"\\u{ord(character):04x}",
        f"\\u{ord(character):04X}",
        f"%{ord(character):02x}",
        f"%{ord(character):02X}",
        f"%25{ord(character):02x}",
        f"\\\\u{ord(character):04x}",
        "\\/" if character == "/" else character,
    ]
    return ways[how % len(ways)]


def encoded(key: str) -> st.SearchStrategy[str]:
    """The key in some spelling."""
    mixed = st.lists(st.integers(0, 7), min_size=len(key), max_size=len(key)).map(
        lambda ways: "".join(map(escaped, key, ways))
    )
    whole = st.sampled_from(
        [
            key,
            json.dumps(key)[1:-1],
            quote(key),
            quote(key, safe=""),
            quote(quote(key, safe="")),
            base64.b64encode(key.encode()).decode(),
            base64.urlsafe_b64encode(key.encode()).decode(),
            base64.b64encode(f"Bearer {key}".encode()).decode(),
            base64.b64encode(f"me:{key}".encode()).decode(),
            quote(base64.b64encode(f"x{key}\n".encode()).decode(), safe=""),
        ]
    )
    return mixed | whole


def reveals(text: str, key: str = KEY) -> bool:
    """Whether somebody who undoes the escapes in a text finds the key, or most of its base64."""
    for _ in range(3):
        if key in text:
            return True
        for before in range(3):
            inner = base64.b64encode(bytes(before) + key.encode()).decode()[4:-4]
            if inner in text or inner.replace("+", "-").replace("/", "_") in text:
                return True
        undone = unquote(text).replace("\\/", "/")
        text = re.sub(r"\\+u(00[2-7]\w)", lambda found: chr(int(found[1], 16)), undone)
    return False


def test_the_test_sees_a_key() -> None:
    assert reveals(f"a{KEY}b")
    assert reveals("".join(escaped(character, 6) for character in KEY))
    assert reveals(base64.b64encode(f"me:{KEY}".encode()).decode())
    assert not reveals("sk-planted")


@settings(deadline=None)
@given(st.text(max_size=20), encoded(KEY), st.text(max_size=20))
def test_a_key_is_redacted_in_any_spelling(before: str, key: str, after: str) -> None:
    found = Redaction([KEY])(f"{before}{key}{after}")
    assert not reveals(found)
    assert "[key]" in found


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=8), st.text())
def test_a_password_of_any_characters_is_redacted(password: str, text: str) -> None:
    redact = Redaction([password])
    assert password not in redact(text + password)
    for spelling in (json.dumps(password)[1:-1], quote(password, safe="")):
        assert spelling not in redact(f"{spelling}!")


def test_other_texts_stay_as_they_are() -> None:
    text = 'A "quoted" 100% \\u2019 answer /\\/ of sk-pl'
    assert Redaction([KEY, "", "short"])(text) == text
    assert Redaction([])(text) == text
    assert Redaction(["none"])("none of these") == "none of these"


def test_no_text_takes_long() -> None:
    redact = Redaction([KEY])
    began = time.monotonic()
    for text in ("\\" * 10**6, "%25" * 10**6, "\\\\u0073" * 10**5, "sk-pl%2" * 10**5):
        redact(f"{text}\\u")
    assert time.monotonic() - began < 20


def lines_of(turn: Turn, spelling: str) -> bytes:
    """A response that has the spelling in a place that depends on the request's number."""
    quoted = f'"{spelling}"'
    asked = turn.number % 9 if turn.number < 18 else 8
    if asked == 0:
        return response(f'{{"error": {{"message": {quoted}}}}}'.encode(), status="429 -")
    if asked == 1:
        return response(f'{{"error": {{"message": {quoted}, "code": 1}}}}'.encode(), status="400 -")
    if asked == 2:
        # What is cut at 200 characters must not leave the half of a key.
        return response(f"<p>{'x' * (190 - 3)}{spelling}".encode(), status="400 -")
    if asked == 3:
        return response(b"<html>", f"Content-Type: text/{spelling}")
    if asked == 4:
        return response(b"{}", status=f"503 {spelling}")
    if asked == 5:
        return response(b"{}", f"Retry-After: {spelling}", status="503 -")
    if asked == 6:
        return response(f'{{"choices": [], "error": {quoted}}}'.encode())
    body = chat("TEXT\nThe answer is yes.").replace(b"TEXT", spelling.encode())
    if asked == 7:
        message = b'"reasoning_content": ' + quoted.encode() + b', "role"'
        body = body.replace(b'"role"', message)
    return response(body)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(encoded(KEY))
def test_what_a_server_repeats_is_not_stored(tmp_path: Path, spelling: str) -> None:
    async def talk(turn: Turn) -> bool:
        await turn.write(lines_of(turn, spelling))
        return True

    path = tmp_path / f"{time.monotonic_ns()}.sqlite"
    questions = [Example(f"q{i}", f"Does {i} follow?", "yes", "yes-no") for i in range(18)]
    with RawServer(talk) as server, CompletionStore(path) as store:
        teacher = OpenAITeacher(
            "m", base_url=server.url, api_key=KEY, attempts=2, first_wait=0.001, concurrency=1
        )
        Asking(teacher=teacher, prompts=Prompts(), strategy="cote", store=store).run(questions)
        said = [failure.error for failure in store.failures()]
        said += [f"{row.completion.text}\n{row.completion.thinking}" for row in store]
    assert len(said) == len(questions)
    assert not any(map(reveals, said)), said
    assert not reveals(path.read_bytes().decode("latin-1"))


@pytest.mark.parametrize(
    ("where", "spelling"),
    [
        ("location", KEY),
        ("location", quote(KEY, safe="")),
        ("401", KEY.replace("/", "\\/")),
        ("401", "".join(f"\\u{ord(character):04X}" for character in KEY)),
        ("all", KEY.replace("=", "\\u003d").replace("/", "\\/")),
    ],
)
def test_what_a_server_repeats_is_not_shown(tmp_path: Path, where: str, spelling: str) -> None:
    async def talk(turn: Turn) -> bool:
        if where == "location":
            to = f"https://else.example/v1?{'x' * 150}={spelling}"
            await turn.write(response(b"", f"Location: {to}", status="302 -"))
        elif where == "401":
            body = f'{{"error": {{"message": "{"x" * 190}{spelling}"}}}}'.encode()
            await turn.write(response(body, status="401 -"))
        else:
            await turn.write(lines_of(turn, spelling))
        return True

    write_data(tmp_path)
    with RawServer(talk) as server:
        teacher = f"openai:big@{server.url}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "teachback", "generate", "train.jsonl", "--kind"),
                *("multiple-choice", "--teacher", teacher, "--concurrency", "2", "-o", "out"),
            ],
            cwd=tmp_path,
            env={**os.environ, "OPENAI_API_KEY": KEY},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if where == "all" else 1), done.stderr
    written = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert str(tmp_path / "out" / "completions.sqlite") in written
    said = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode(), **written}
    assert [name for name, text in said.items() if reveals(text.decode("latin-1"))] == []
    assert [name for name, text in said.items() if KEY[:12].encode() in text] == []


# Addresses


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:{}@h:port",
        "http://me:{}#x@h:80",
        "http://me:{}/x@h:80",
        "http://me:{}@[h",
        "me:{}@",
        "http:/me:{}@h",
        "{}://me@h",
        "http://me:{} @h",
        "http://me:{}@h:99999",
        "socks5://me:{}@h",
    ],
)
def test_a_proxy_that_cannot_be_is_not_shown(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    secret = "plantedword4f9c"
    monkeypatch.setenv("ALL_PROXY", proxy.format(secret))
    with pytest.raises(ReferenceError_) as caught:
        OpenAITeacher("m", base_url="http://teacher.invalid/v1", api_key=KEY)
    assert secret not in str(caught.value)
    assert "HTTP_PROXY" in str(caught.value)


@pytest.mark.parametrize("address", ["http://me:{}@h:port/v1", "http://me:{} @h", "http://h{}:x"])
def test_a_password_in_an_address_that_cannot_be_is_not_shown(address: str) -> None:
    secret = "plantedword4f9c"
    with pytest.raises(ReferenceError_, match="not an address") as caught:
        OpenAITeacher("m", base_url=address.format(secret), api_key=KEY)
    if "@" in address:
        assert secret not in str(caught.value)


def test_a_password_of_an_address_that_the_server_repeats_is_not_stored(tmp_path: Path) -> None:
    basic = base64.b64encode(b"me:plantedword4f9c").decode()

    async def talk(turn: Turn) -> bool:
        assert basic.encode() in turn.head
        body = chat(f"{basic} and me:plantedword4f9c and apikeyvalue77")
        await turn.write(response(body))
        return True

    with RawServer(talk) as server, CompletionStore(tmp_path / "completions.sqlite") as store:
        url = server.url.replace("//", "//me:plantedword4f9c@") + "?api-version=3&sig=apikeyvalue77"
        teacher = OpenAITeacher("m", base_url=url)
        question = Example("q", "Does it follow?", "yes", "yes-no")
        Asking(teacher=teacher, prompts=Prompts(), strategy="cote", store=store).run([question])
        assert next(iter(store)).completion.text == "[key] and [key] and [key]"


NOWHERE = [
    "m@localhost:11434/v1",
    "m@HTTP//host/v1",
    "m@http//host/v1",
    "m@http:/host/v1",
    "m@http:host/v1",
    "m@htp://host/v1",
    "m@https:/" + "/host:port/v1",
    "m@ http://host/v1",
    "m@http://ho st/v1",
    "m@http://",
    "m@http:///v1",
    "m@//host/v1",
    "m@host",
    "m@127.0.0.1:8000",
    "m@[::1]:8000/v1",
    "m＠http://host/v1",
    "m@http：//host/v1",
    "m＠localhost:11434/v1",
    "http://host/v1",
    "localhost:11434/v1",
    "m@ftp://host/v1",
    "m@http://user:{key}@host/v1",
    "m@user:{key}@host/v1",
    "m:{key}@host/v1",
    "m@https://host/v1?key={key}",
    "m@https://host/v1?api-version=3&code={key}",
    "m@https://host/v1?auth={key}",
    "m@https://host/v1?pwd={key}",
    "m@https://host/v1?sig={key}",
    "m@https://host/v1?token={key}",
    "m@https://host/v1?t%6Fken={key}",
    "m@http://host/v1@http://other/v1",
    "m@http://host/v1#http://other",
    "m@\thttp://host/v1",
    "m\n@http://host/v1",
]


@pytest.mark.parametrize("reference", NOWHERE)
def test_what_is_no_address_is_refused_and_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    """With a key in the environment, so that the default host would be asked, and get it."""
    monkeypatch.chdir(write_data(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    looked_up: list[object] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *_a, **_o: looked_up.append(host))
    secret = "plantedword4f9c"
    teacher = f"openai:{reference.format(key=secret)}"
    (tmp_path / "run.toml").write_text(
        f"[data]\ntrain = 'train.jsonl'\n[teacher]\nreference = {json.dumps(teacher)}\n", "utf-8"
    )
    commands = [
        ["generate", "train.jsonl", "--teacher", teacher, "-o", "out"],
        ["generate", "train.jsonl", "--teacher", teacher, "--dry-run"],
        ["generate", "train.jsonl", "--teacher", teacher, "--pilot", "2", "-o", "out"],
        ["evaluate", "train.jsonl", "--teacher", teacher, "-o", "out"],
        ["run", "run.toml", "-o", "out"],
    ]
    for words in commands:
        ended = CliRunner().invoke(cli, words)
        assert ended.exit_code == 2, (words, ended.output, ended.exception)
        assert len(ended.output.strip().splitlines()) == 1
        assert secret not in ended.output
        assert KEY not in ended.output
    assert looked_up == []
    assert not (tmp_path / "out").exists()
