"""One writer at a time: who holds a lock, how it ends, and what its file never destroys."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from teachback.errors import RunFolderError, StoreError
from teachback.files.locks import Held, Lock
from teachback.store import CompletionStore

HOLD = (
    "import sys, time; from pathlib import Path; from teachback.files.locks import Lock\n"
    "lock = Lock(Path(sys.argv[1]))\n"
    "print('held', flush=True)\n"
    "time.sleep(60)\n"
)


def holding(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_held_by_one_object_until_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path) as lock:
        assert path.read_text() == str(os.getpid())
        with pytest.raises(Held) as held:
            Lock(path)
        assert held.value.holder == f"process {os.getpid()}"
    assert not path.exists()
    lock.release()
    with Lock(path):
        lock.release()  # once more, while somebody else holds it
        assert path.exists()
        with pytest.raises(Held):
            Lock(path)


def test_other_processes_are_named_and_their_deaths_end_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path) as process:
        with pytest.raises(Held, match=rf"^process {process.pid}$"):
            Lock(path)
        # An attempt that fails changes nothing for the next one.
        with pytest.raises(Held, match=rf"^process {process.pid}$"):
            Lock(path)
        process.kill()
    assert path.read_text() == str(process.pid)
    with Lock(path):
        assert path.read_text() == str(os.getpid())


def test_a_holder_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path):
        os.truncate(path, 0)
        with pytest.raises(Held, match=r"^another process$"):
            Lock(path)


def test_a_lock_taken_in_one_thread_is_released_in_another(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    Lock(tmp_path / "lock").release()


def test_a_forked_child_leaves_the_lock_to_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import os, sys; from pathlib import Path; from teachback.files.locks import Held, Lock\n"
        "path = Path(sys.argv[1])\n"
        "with Lock(path) as lock:\n"
        "    if (child := os.fork()) == 0:\n"
        "        lock.release()\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    try:\n"
        "        Lock(path)\n"
        "    except Held as held:\n"
        "        print(held.holder == f'process {os.getpid()}')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "True\n"


def test_a_link_is_refused_and_what_it_points_to_stays(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    for content in ("a thesis", "7", ""):
        precious.write_text(content)
        path = tmp_path / "lock"
        path.symlink_to(precious)
        with pytest.raises(RunFolderError, match=r"lock is a link: remove it"):
            Lock(path)
        assert precious.read_text() == content
        assert path.is_symlink()
        path.unlink()
    path.symlink_to(tmp_path / "nothing")
    with pytest.raises(RunFolderError, match=r"lock is a link: remove it"):
        Lock(path)
    assert not (tmp_path / "nothing").exists()


def test_something_else_of_that_name_stays(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("my notes")
    with pytest.raises(RunFolderError, match=r"lock is not a lock file: remove it"):
        Lock(path)
    assert path.read_text() == "my notes"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RunFolderError, match=r"lock is not a lock file"):
        Lock(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RunFolderError, match=r"lock is not a lock file"):
        Lock(path)


def test_a_store_says_what_is_in_the_way_of_its_lock(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("a thesis")
    (tmp_path / "completions.sqlite-lock").symlink_to(precious)
    with pytest.raises(StoreError, match=r"sqlite-lock is a link: remove it"):
        CompletionStore(tmp_path / "completions.sqlite")
    assert precious.read_text() == "a thesis"


def test_no_folder_is_made_for_a_lock(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"cannot write .*lock: No such file or directory"):
        Lock(tmp_path / "none" / "lock")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    import fcntl

    def refused(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    path = tmp_path / "lock"
    with Lock(path), Lock(path):
        pass
    assert os.listdir(tmp_path) == []


def test_many_takers_hold_it_one_after_the_other(tmp_path: Path) -> None:
    """Taken and released 4 × 50 times by 4 processes: never by two at a time."""
    program = (
        "import os, sys, time; from pathlib import Path\n"
        "from teachback.files.locks import Held, Lock\n"
        "folder, taken = Path(sys.argv[1]), 0\n"
        "while taken < 50:\n"
        "    try:\n"
        "        with Lock(folder / 'lock'):\n"
        "            os.close(os.open(folder / 'inside', os.O_CREAT | os.O_EXCL))\n"
        "            os.unlink(folder / 'inside')\n"
        "            taken += 1\n"
        "    except Held:\n"
        "        time.sleep(0.001)\n"
    )
    takers = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(4)]
    assert [taker.wait() for taker in takers] == [0, 0, 0, 0]
    assert os.listdir(tmp_path) == []
