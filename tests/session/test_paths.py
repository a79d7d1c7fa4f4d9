"""Writing a file as a whole, or not at all."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from stepper.session.paths import Unsaved, is_there, named, obstacle, write


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    write(path, b"one")
    assert is_there(path) and path.read_bytes() == b"one"
    (tmp_path / "link").symlink_to(path)
    write(tmp_path / "link", b"two")
    assert path.read_bytes() == b"two" and (tmp_path / "link").is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"a file", "link"}


def test_home_is_a_folder_and_what_is_none_stays_as_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named(" ~/a.npy ") == tmp_path / "a.npy"
    assert named("~nobody-of-this-name/a") == Path("~nobody-of-this-name/a")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.EACCES, "there is no permission to write {path}; choose another place"),
        (errno.EROFS, "{folder} can only be read; choose another place"),
        (errno.ENOSPC, "there is no room for 3 bytes in {folder}; make some, or choose another place"),
        (errno.EIO, "{path} cannot be written: " + os.strerror(errno.EIO)),
    ],
)
def test_what_fails_on_the_way_leaves_what_was_there(
    code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "precious"
    path.write_bytes(b"mine")
    real = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        real(self, data[:1])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(Unsaved) as raised:
        write(path, b"new")
    assert str(raised.value) == told.format(path=path, folder=tmp_path)
    assert path.read_bytes() == b"mine" and [each.name for each in tmp_path.iterdir()] == ["precious"]


def _refuse(self: Path, data: bytes) -> int:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.mark.parametrize("size", [0, 2, 9000])
def test_a_file_that_may_be_written_is_in_a_folder_that_takes_no_new_one(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine"
    path.write_bytes(b"before")
    monkeypatch.setattr(Path, "write_bytes", _refuse)
    write(path, b"x" * size)
    assert path.read_bytes() == b"x" * size
    with pytest.raises(Unsaved):
        write(tmp_path / "new", b"x")


def test_where_there_is_no_room_to_write_over_a_file_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine"
    path.write_bytes(b"before")
    monkeypatch.setattr(Path, "write_bytes", _refuse)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(Unsaved):
            write(path, b"x" * 9000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"before"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="a folder that is there, and takes no file")
def test_a_folder_that_takes_no_file_is_not_said_to_be_missing() -> None:
    with pytest.raises(Unsaved, match=r"^/proc/new\.npy cannot be written: "):
        write(Path("/proc/new.npy"), b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_known_before(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "no permission" in (obstacle(tmp_path / "a") or "")
    finally:
        tmp_path.chmod(0o700)
