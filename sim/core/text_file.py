"""Reading text files that may be anything: too large, unreadable, not text."""

from __future__ import annotations

from pathlib import Path

from sim.core.errors import Place, Problems

MAX_BYTES = 100_000_000


def read_text(path: Path, problems: Problems, most: int | None = None, what: str = "") -> str:
    """The text of a file that must be UTF-8 and at most ``most`` bytes (:data:`MAX_BYTES`); empty after a problem.

    ``what`` says in messages what it was named as, such as ``--prompt``.
    """
    start = f"{what}: " if what else ""
    place, most = Place(str(path)), MAX_BYTES if most is None else most
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        problems.add(f"{start}cannot read the file: {error.strerror or error}", place)
        return ""
    if len(data) > most:
        problems.add(
            f"{start}the file is too large", place, found=f"more than {most} bytes", allowed=f"at most {most} bytes"
        )
        return ""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8", "replace")
        line, column = good.count("\n") + 1, len(good) - (good.rfind("\n") + 1) + 1
        problems.add(f"{start}not UTF-8 text", Place(str(path), line, column), found=f"byte 0x{data[error.start]:02x}")
        return ""
