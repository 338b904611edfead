"""Files and folders: read with limits and checks (`reading`), written whole or not at all (`writing`).

Nothing else in tsdsl opens a JSON, JSON lines, TOML or text file that may come from somebody else.
"""

from tsdsl.files.reading import (
    changes,
    decode,
    first_fault,
    flattened,
    json_lines,
    open_regular,
    parse_json,
    read_bytes,
    read_json,
    read_text,
    read_toml,
    require_regular,
)
from tsdsl.files.writing import (
    LOCK_NAME,
    copy_file,
    exclusive,
    open_in_place,
    write_bytes,
    write_json,
    write_text,
    write_with,
)

__all__ = [
    "LOCK_NAME",
    "changes",
    "copy_file",
    "decode",
    "exclusive",
    "first_fault",
    "flattened",
    "json_lines",
    "open_in_place",
    "open_regular",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_text",
    "read_toml",
    "require_regular",
    "write_bytes",
    "write_json",
    "write_text",
    "write_with",
]
