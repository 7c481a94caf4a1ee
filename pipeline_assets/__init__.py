"""WHAT is made: the asset graph, its checks, jobs and schedules. `definitions` is the only assembler.

Asset bodies gather what their resources built, call one service of `dayreel`, and say what a person wants to see.
"""
