"""The warden: a small process that stops the embedded server when nobody is left who uses it.

Whoever leaves in good order stops the server itself. The warden is for the others: it sees that
the last holder was killed, ends the server cleanly, and ends. It is started by the file's path
with the bare standard library, so it costs a few megabytes and no start-up time.
"""

import fcntl
import os
import signal
import sys
import time

INTERVAL_S = 0.5


def try_lock(handle: int) -> bool:
    """Lock an open file exclusively, if that is possible at once."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def watch(holders: int, server: int, pid: int) -> None:
    """Wait until nobody holds `holders`, then stop the server; end early when it is gone.

    Args:
        holders: open file that each user of the server locks shared.
        server: open file that the server's processes lock for as long as they live.
        pid: number of the postmaster.
    """
    while True:
        time.sleep(INTERVAL_S)
        if try_lock(server):
            return
        if not try_lock(holders):
            continue
        # Newcomers wait for this lock until the server is gone, then start a new one.
        os.kill(pid, signal.SIGINT)
        while not try_lock(server):
            time.sleep(INTERVAL_S)
        return


if __name__ == "__main__":
    watch(
        os.open(sys.argv[1], os.O_RDWR | os.O_CLOEXEC),
        os.open(sys.argv[2], os.O_RDWR | os.O_CLOEXEC),
        int(sys.argv[3]),
    )
