"""Keeps the tests from taking each other's cores."""

from __future__ import annotations

import os

# Before torch is imported, here and in what the tests start: models here are tiny, and two threads
# that wait for each other beside other processes take 20 times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
