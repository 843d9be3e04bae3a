"""Reading and writing files: JSON lines, JSON, text, the records' files, manifests, folders.

The package gives the names; a module of it says where each is made. Locks stand apart, in
`teachback.files.locks`.
"""

from teachback.files.atomic import is_disk_full, write_error, write_text, writing
from teachback.files.json_object import read_json, write_json
from teachback.files.jsonl import MAX_LINE_BYTES, read_jsonl, scan_jsonl, write_jsonl, writing_jsonl
from teachback.files.manifests import manifest, package_version, sha256_of
from teachback.files.output_folders import (
    made_whole,
    make_folder,
    new_folder,
    one_writer,
    remove_folder,
)
from teachback.files.reading import is_file, is_folder, is_there, read_text, require_file
from teachback.files.record_files import (
    read_explanations,
    read_predictions,
    read_rejections,
    row_of,
    write_explanations,
    write_predictions,
    write_rejections,
)
from teachback.files.rows import Fields, Row, bad_line, json_name
from teachback.files.toml import parse_toml, read_toml

__all__ = [
    "MAX_LINE_BYTES",
    "Fields",
    "Row",
    "bad_line",
    "is_disk_full",
    "is_file",
    "is_folder",
    "is_there",
    "json_name",
    "made_whole",
    "make_folder",
    "manifest",
    "new_folder",
    "one_writer",
    "package_version",
    "parse_toml",
    "read_explanations",
    "read_json",
    "read_jsonl",
    "read_predictions",
    "read_rejections",
    "read_text",
    "read_toml",
    "remove_folder",
    "require_file",
    "row_of",
    "scan_jsonl",
    "sha256_of",
    "write_error",
    "write_explanations",
    "write_json",
    "write_jsonl",
    "write_predictions",
    "write_rejections",
    "write_text",
    "writing",
    "writing_jsonl",
]
