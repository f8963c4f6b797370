"""What another version of a plugin would change: its tables row by row, and past inputs report by report.

The rule of this package: two versions never meet in one process. Each is loaded by a process of its own, which tells
in plain values what it has and what it reads; only those are compared. The core never imports it, and
nothing of it is public: it is what the command line does.
"""
