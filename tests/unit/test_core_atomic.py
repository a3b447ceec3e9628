"""Files are replaced whole; what is no file, or stands for an open one, is written into and stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from sim.core.atomic import check_writable, write_files
from sim.core.errors import InputError


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    check_writable([pipe])
    write_files({pipe: ["one\n", b"two\n"]})
    reader.join(timeout=10)
    assert got == [b"one\ntwo\n"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_stands_for_an_open_file_is_written_into(tmp_path: Path) -> None:
    """As /dev/stdout does, a link to /proc/self/fd/1; the file goes on where whoever opened it left off."""
    with open(tmp_path / "out", "w") as file:
        file.write("before\n")
        file.flush()
        link = tmp_path / "stdout"
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        write_files({link: ["text\n"], Path(f"/proc/self/fd/{file.fileno()}"): ["more\n"]})
        assert link.is_symlink() and os.fstat(file.fileno()).st_nlink == 1
    assert (tmp_path / "out").read_text() == "before\ntext\nmore\n"


def test_a_full_device_is_told_and_no_other_file_has_changed(tmp_path: Path) -> None:
    full, other = tmp_path / "full", tmp_path / "other"
    full.symlink_to("/dev/full")
    other.write_text("old")
    with pytest.raises(InputError, match="full: cannot write the file: No space left on device"):
        write_files({other: ["new"], full: ["x" * 100_000]})
    assert full.is_symlink() and other.read_text() == "old" and sorted(os.listdir(tmp_path)) == ["full", "other"]
