"""The folder of the server: made once, whoever comes first."""

import threading
from pathlib import Path

from trueup.db.server_files import make_folder


def test_processes_that_start_at_once_make_the_folder_together(tmp_path: Path) -> None:
    failed: list[BaseException] = []
    gate = threading.Barrier(8)

    def start() -> None:
        for n in range(200):
            gate.wait()
            try:
                make_folder(tmp_path / f"{n}" / "data" / "postgres")
            except BaseException as error:  # noqa: BLE001 - told by the test
                failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
