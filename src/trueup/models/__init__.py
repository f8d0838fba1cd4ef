"""Models: what is learned from the brand's own past, each held beside the rule below it."""

import os

# Before numpy is loaded. The matrices here are small: threads of one model would wait for each
# other on cores that the hub's other processes use, and one thread sums in one order.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
