#!/usr/bin/env python3
"""Runs a shell command and prints: wall seconds, CPU seconds of it and its children, CPU seconds of the servers meanwhile, peak MiB.

usage: measure.py FOLDER NAME COMMAND      its output goes to FOLDER/NAME.out and .err; the servers' processes stand in SERVER_PIDS

Peak is that of the largest process. A server's CPU counts with that of its children that have ended.
"""
import os
import resource
import subprocess
import sys
import time

folder, name, command = sys.argv[1:4]
tick = os.sysconf("SC_CLK_TCK")


def servers():
    total = 0
    for pid in os.environ["SERVER_PIDS"].split():
        with open(f"/proc/{pid}/stat") as stat:
            total += sum(map(int, stat.read().rpartition(")")[2].split()[11:15]))
    return total / tick


before, begin = servers(), time.monotonic()
with open(f"{folder}/{name}.out", "w") as out, open(f"{folder}/{name}.err", "w") as err:
    status = subprocess.run(["bash", "-o", "pipefail", "-c", command], stdout=out, stderr=err).returncode
wall = time.monotonic() - begin
if status:
    with open(f"{folder}/{name}.err") as err:
        sys.exit(f"error: {name} ended with {status}: {err.read()[-2000:]}")
time.sleep(0.3)  # a session on the server ends after its client
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{wall:.2f} {used.ru_utime + used.ru_stime:.2f} {servers() - before:.2f} {used.ru_maxrss / 1024:.0f}")
