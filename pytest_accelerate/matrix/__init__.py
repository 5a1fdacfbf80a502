"""From results to what people see: store, merge, compare, and the page, badges and summary.

``store`` writes and reads runs, ``merge`` makes one matrix of any number of them, ``diff`` compares
two, ``expectations`` is the ratchet, and ``render``, ``badges`` and ``summary`` show it all.
"""
