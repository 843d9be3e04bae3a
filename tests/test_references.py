"""The grammar of references: what is read, what is refused, and what a message may show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from teachback.config import StudentConfig, parse_config, read_config
from teachback.errors import ReferenceError_
from teachback.modelfiles.wheels import KNOWN
from teachback.references import (
    GgufReference,
    HubDatasetReference,
    HubModelReference,
    OpenAIReference,
    PathReference,
    RecordedReference,
    ScriptedReference,
    WheelsReference,
    hub_model,
    is_secret_name,
    parse_dataset,
    parse_student,
    parse_teacher,
    shown,
)

SOURCE = Path(__file__).parents[1] / "src" / "teachback"
PARSERS = {"teacher": parse_teacher, "student": parse_student, "dataset": parse_dataset}


def refused(role: str, text: str) -> str:
    """The one line with which a reference is refused."""
    with pytest.raises(ReferenceError_) as caught:
        PARSERS[role](text)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 600
    return line


# What is read


@pytest.mark.parametrize(
    ("role", "text", "expected"),
    [
        ("teacher", "openai:gpt-4o", OpenAIReference("gpt-4o")),
        ("teacher", "openai:llama3:8b", OpenAIReference("llama3:8b")),
        ("teacher", "openai:ft:gpt-4o:org::a1", OpenAIReference("ft:gpt-4o:org::a1")),
        (
            "teacher",
            "openai:org/m@http://host:8000/v1",
            OpenAIReference("org/m", "http://host:8000/v1"),
        ),
        (
            "teacher",
            "openai:@cf/m@v2@https://host/v1?api-version=1",
            OpenAIReference("@cf/m@v2", "https://host/v1?api-version=1"),
        ),
        ("teacher", "openai:m@http://[::1]:9/v1", OpenAIReference("m", "http://[::1]:9/v1")),
        ("teacher", "recorded:a.jsonl,d/b.jsonl", RecordedReference(("a.jsonl", "d/b.jsonl"))),
        ("teacher", r"recorded:a\,b,c", RecordedReference(("a,b", "c"))),
        ("teacher", "scripted", ScriptedReference()),
        ("teacher", "scripted:It is: no.", ScriptedReference("It is: no.")),
        ("teacher", "gguf:a@b:c.gguf", GgufReference("a@b:c.gguf")),
        ("student", "gguf:m.gguf", GgufReference("m.gguf")),
        ("teacher", "pypi:n", WheelsReference("n")),
        ("student", "pypi:n", WheelsReference("n")),
        ("student", "hf:o/n", HubModelReference("o/n")),
        ("student", "hf:o/n@refs/pr/1", HubModelReference("o/n", "refs/pr/1")),
        ("student", "models/tiny@1:b?", PathReference("models/tiny@1:b?")),
        ("student", "gguf", PathReference("gguf")),
        ("dataset", "hf:o/n", HubDatasetReference("o/n")),
        ("dataset", "hf:o/n/main:test", HubDatasetReference("o/n", "main", "test")),
        ("dataset", "hf:o/n:test", HubDatasetReference("o/n", None, "test")),
        ("dataset", "train.jsonl", PathReference("train.jsonl")),
    ],
)
def test_what_is_read_is_written_the_same(role: str, text: str, expected: object) -> None:
    named = PARSERS[role](text)
    assert named == expected
    assert str(named) == text


@pytest.mark.parametrize("scheme", ["HTTP", "Http", "HTTPS"])
def test_an_address_s_scheme_and_host_are_read_in_any_case(scheme: str) -> None:
    named = parse_teacher(f"openai:M@{scheme}://Host.Example:80/V1")
    assert named == OpenAIReference("M", f"{scheme.lower()}://host.example:80/V1")


def test_which_files_are_named_and_what_is_remote() -> None:
    remote = ("openai:m@http://localhost/v1", "openai:m"), ("hf:o/n",), ("hf:o/n",)
    local: tuple[dict[str, tuple[str, ...]], ...] = (
        {"recorded:a,b": ("a", "b"), "gguf:f": ("f",), "pypi:n": (), "scripted": ()},
        {"gguf:f": ("f",), "pypi:n": (), "folder": ("folder",)},
        {"d.csv": ("d.csv",)},
    )
    for role, far, near in zip(PARSERS, remote, local, strict=True):
        assert all(PARSERS[role](text).is_remote for text in far)
        assert not any(PARSERS[role](text).files for text in far)
        assert not any(PARSERS[role](text).is_remote for text in near)
        assert {text: PARSERS[role](text).files for text in near} == near


def test_relative_files_are_meant_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    def anchored(role: str, text: str) -> str:
        return str(PARSERS[role](text).anchored(tmp_path / "sub"))

    inner = tmp_path / "sub"
    assert anchored("teacher", "recorded:a,../b,/c") == f"recorded:{inner}/a,{tmp_path}/b,/c"
    comma = tmp_path / "a,b"  # the comma of a folder separates no files
    named = parse_teacher("recorded:x.jsonl,y.jsonl").anchored(comma)
    assert parse_teacher(str(named)).files == (f"{comma}/x.jsonl", f"{comma}/y.jsonl")
    assert anchored("student", "gguf:~/m.gguf") == "gguf:/home/somebody/m.gguf"
    assert anchored("student", "models/tiny") == f"{inner}/models/tiny"
    assert anchored("dataset", "d.csv") == f"{inner}/d.csv"
    for role, text in (
        ("teacher", "openai:m@http://h/v1"),
        ("teacher", "scripted:x"),
        ("student", "hf:o/n"),
        ("student", "pypi:n"),
        ("dataset", "hf:o/n:test"),
    ):
        assert anchored(role, text) == text


def test_a_home_that_is_not_known_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReferenceError_, match="there is no such home folder"):
        parse_student("~nobody-has-this-name/m").anchored(tmp_path)


def test_a_bare_hub_name() -> None:
    assert hub_model("o/n") == HubModelReference("o/n")
    for text in ("o", "o/n/m", "../n", "o/..", "./n", "-o/n", "o/n@main", "/n", "o/"):
        assert hub_model(text) is None


# The address of a teacher


@pytest.mark.parametrize(
    "after",
    [
        "localhost:11434/v1",
        "http//localhost/v1",
        "http:/localhost/v1",
        "http:localhost/v1",
        "htp://localhost/v1",
        "ftp://localhost/v1",
        "//localhost/v1",
        "://localhost/v1",
        " http://localhost/v1",
        "host.example",
        "127.0.0.1",
        "[::1]:8000/v1",
        "unix:/run/server",
        "v2",
        "",
        "me:s3cr3t@localhost:11434/v1",
        "http//me:s3cr3t@host/v1",
        "host/v1?api_key=s3cr3t",
        "htp://host/v1?key=s3cr3t",
        "s3cr3t",
    ],
)
@pytest.mark.parametrize("model", ["m", "org/m:8b", "m@v2"])
def test_what_follows_an_at_sign_is_an_address_or_refused(model: str, after: str) -> None:
    line = refused("teacher", f"openai:{model}@{after}")
    assert "what follows the @ must be an address that begins with http:// or https://" in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("openai:m@localhost:11434/v1", "did you mean openai:m@http://localhost:11434/v1?"),
        ("openai:m@127.0.0.1/v1", "did you mean openai:m@http://127.0.0.1/v1?"),
        ("openai:m@my-host:80", "did you mean openai:m@http://my-host:80?"),
        ("openai:m@what", "as in openai:MODEL[@http://host/v1]"),
    ],
)
def test_a_server_s_name_without_its_scheme_is_understood(text: str, hint: str) -> None:
    assert hint in refused("teacher", text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("openai:m@http://", "what follows the @ is not an address"),
        ("openai:m@http:///v1", "what follows the @ is not an address"),
        ("openai:m@http://:80/v1", "what follows the @ is not an address"),
        ("openai:m@http://host:port/v1", "its host or port cannot be read"),
        ("openai:m@http://host:99999/v1", "its host or port cannot be read"),
        ("openai:m@http://[::1/v1", "its host or port cannot be read"),
        ("openai:m@http://a b/v1", "holds a space"),
        ("openai:m@http://good\\evil/v1", "a backslash"),
        ("openai:m@http://host/\x1b[2J", "a control character"),
        ("openai:m@http://a/v1@http://b/v1", "must be a single one"),
        ("openai:m@http://a/v1#x", "must be a single one, without #"),
        ("openai:@http://host/v1", "the model's name is missing"),
        ("openai: @http://host/v1", "the model's name is missing"),
        ("openai:http://host/v1", "the model's name is missing"),
        ("openai:m@htp://a@http://b", "the model's name is missing"),
        ("openai:localhost:11434/v1", "looks like an address"),
        ("openai:localhost", "looks like an address"),
        ("openai:127.0.0.1:8000/v1", "looks like an address"),
        ("openai:[::1]:8000/v1", "looks like an address"),
        ("openai:my.host:8000/v1", "looks like an address"),
        ("openai:m @http://host/v1", "begins or ends with a space"),
        ("openai:m\x1b[2J", "a control character"),
        ("openai:m\nn", "a control character"),
    ],
)
def test_what_is_no_model_and_address_is_refused(text: str, says: str) -> None:
    assert says in refused("teacher", text)


@pytest.mark.parametrize(
    "address",
    [
        "http://me:s3cr3t@host/v1",
        "http://s3cr3t@host/v1",
        "HTTPS://me:s3cr3t@host/v1",
        "https://host/v1?api_key=s3cr3t",
        "https://host/v1?a=1&CODE=s3cr3t",
        "https://host/v1?a=1;pwd=s3cr3t",
        "https://host/v1?%6b%65y=s3cr3t",
        "https://host/v1?x-auth=s3cr3t",
        "http://me:s3cr3t@host:port/v1",
        "http://me:s3cr3t@http://host/v1",
        "http://me:s3cr3t@[::1/v1",
        "http://me:s3cr3t @host/v1",
        "http://host/v1?key=s3cr3t#x",
    ],
)
def test_a_password_or_key_in_an_address_is_refused_and_not_repeated(
    address: str, tmp_path: Path
) -> None:
    assert "s3cr3t" not in refused("teacher", f"openai:m@{address}")
    assert "s3cr3t" not in refused("teacher", f"opnai:m@{address}")
    path = tmp_path / "run.toml"
    path.write_text(
        f"[data]\ntrain = 't.jsonl'\n[teacher]\nreference = 'openai:m@{address}'\n", "utf-8"
    )
    with pytest.raises(ReferenceError_) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: teacher.reference: openai:m: ")
    assert "s3cr3t" not in str(caught.value)


def test_names_of_secrets() -> None:
    for name in ("api_key", "apiKey", "code", "auth", "pwd", "sig", "X-Token", "password"):
        assert is_secret_name(name)
    for name in ("api-version", "deployment", "region", "model", "v"):
        assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("openai:m@https://host/v1?api-version=1", "openai:m@https://host/v1"),
        ("openai:m", "openai:m"),
        ("recorded:a@b?.jsonl", "recorded:a@b?.jsonl"),
        (f"recorded:{'x' * 500}", f"recorded:{'x' * 191}…"),
        ("gguf:a\x1bb", "gguf:a\\x1bb"),
    ],
)
def test_what_is_shown_of_a_teacher(text: str, display: str) -> None:
    assert parse_teacher(text).shown == display


def test_an_address_made_by_hand_is_shown_without_its_password() -> None:
    named = OpenAIReference("m", "http://me:s3cr3t@host/v1?key=s3cr3t")
    assert named.shown == "openai:m@http://host/v1"


def test_what_is_shown_of_any_text() -> None:
    assert shown("gpt-4o") == "gpt-4o"
    for text in ("me:s3cr3t@host", "x:me:s3cr3t@host", "x:http://me:s3cr3t@h", "h?key=s3cr3t"):
        assert "s3cr3t" not in shown(text)
    assert len(shown("x" * 50_000)) < 300


# Everything else that is refused


@pytest.mark.parametrize(
    ("role", "text", "says"),
    [
        ("teacher", "", "a teacher is openai:MODEL"),
        ("teacher", "hf:o/n", "hf:o/n does not name a teacher: a teacher is openai:MODEL"),
        ("teacher", "recorded:a,,b", "the name of a file is missing"),
        ("teacher", "recorded:a,", "the name of a file is missing"),
        ("teacher", "gguf: ", "the name of a file is missing"),
        ("teacher", "gguf:a\0b", "a file's name cannot contain a NUL"),
        ("teacher", "pypi:", "write pypi:NAME"),
        ("teacher", "gguff:x", "did you mean gguf:FILE?"),
        ("student", "openai:gpt-4o", "does not name a student: a student is hf:owner/name"),
        ("student", "recorded:a", "does not name a student"),
        ("student", "scripted:a", "does not name a student"),
        ("student", "hf:gemma", "hf:gemma is not a model of the hub: write hf:owner/name"),
        ("student", "hf:o/n@", "is not a model of the hub"),
        ("student", "hf:../n", "is not a model of the hub"),
        ("student", "hf:", "write hf:owner/name[@revision]"),
        ("student", "gguf:", "write gguf:FILE"),
        ("student", "", "the name of a file is missing"),
        ("student", "a\0b", "a file's name cannot contain a NUL"),
        ("dataset", "hf:own", "hf:own is not a dataset of the hub: write hf:owner/name[/config]"),
        ("dataset", "hf:o/n@main", "is not a dataset of the hub"),
        ("dataset", "hf:https://me:s3cr3t@hub/o/n", "is not a dataset of the hub"),
        ("dataset", "pypi:n", "does not name a dataset: a dataset is JSON lines, CSV"),
    ],
)
def test_what_is_refused_says_what_exists(role: str, text: str, says: str) -> None:
    line = refused(role, text)
    assert says in line
    assert "s3cr3t" not in line


# One home


def test_the_default_student_stands_once_and_is_known() -> None:
    default = StudentConfig().reference
    named = parse_student(default)
    assert isinstance(named, WheelsReference)
    assert named.name in KNOWN
    found = [
        f"{file.relative_to(SOURCE)}: {line.strip()}"
        for file in sorted(SOURCE.rglob("*.py"))
        for line in file.read_text("utf-8").splitlines()
        if default in line and "purpose=" not in line
    ]
    assert [line.partition(":")[0] for line in found] == ["config/sections.py"], found


def test_no_other_module_takes_a_reference_apart() -> None:
    schemes = "hf|openai|recorded|gguf|pypi|scripted"
    taken_apart = re.compile(
        rf"(?:startswith|removeprefix|partition|split)\(\(?[\"'](?:{schemes})|"
        rf"[\"'](?:{schemes}):[\"']|f[\"'](?:hf|openai|recorded|gguf):\{{(?!model|setup)"
    )
    found = [
        f"{file.relative_to(SOURCE)}, line {number}: {line.strip()}"
        for file in sorted(SOURCE.rglob("*.py"))
        if "references" not in file.relative_to(SOURCE).parts
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if taken_apart.search(line)
    ]
    assert found == []


def test_a_configuration_s_reference_is_refused_by_file_and_key(tmp_path: Path) -> None:
    values = {"data": {"train": "t.jsonl"}, "student": {"reference": "openai:m"}}
    with pytest.raises(ReferenceError_, match=r"^x\.toml: student\.reference: openai:m does not"):
        parse_config(values, source="x.toml", folder=tmp_path)
