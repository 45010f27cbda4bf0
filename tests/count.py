# SPDX-License-Identifier: BSD-2-Clause
"""Counts the tests in Meson's logs: count.py BUILDS-BROKEN LOG...

A program with a runner's summary counts as many as it says, any other as one.
Prints "N passed, N failed"; exit status 1 if any failed or none ran.
"""
import json
import re
import sys

SUMMARY = re.compile(r"Tested:\D*(\d+)\D*Passing:\D*(\d+)\D*Failing:\D*(\d+)\D*Crashing:\D*(\d+)")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def count(test):
    """(passed, failed) of one entry of a log."""
    if test["result"] == "SKIP":
        return 0, 0
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    text = ESCAPES.sub("", test.get("stderr", "") + test.get("stdout", ""))
    summary = SUMMARY.search(text)
    if not summary:
        return int(good), int(not good)
    tested, passing, failing, crashing = map(int, summary.groups())
    failed = max(failing + crashing, tested - passing)
    # A program that dies after its summary has failed all the same.
    return passing, failed if good or failed else 1


def main():
    passed, failed = 0, int(sys.argv[1])
    for log in sys.argv[2:]:
        try:
            with open(log, encoding="utf-8") as lines:
                tests = [json.loads(line) for line in lines]
        except OSError as error:
            print(error, file=sys.stderr)
            failed += 1
            continue
        for test in tests:
            p, f = count(test)
            passed += p
            failed += f
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


main()
