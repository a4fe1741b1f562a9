# SPDX-License-Identifier: GPL-2.0
"""Test results, one line each. run-session numbers them."""

import functools
import sys
import traceback


def say(text):
    print(text, flush=True)


def diag(text):
    for line in str(text).splitlines():
        say("# " + line)


def check(good, what, detail=""):
    say(("ok - " if good else "not ok - ") + what)
    if detail and not good:
        diag(detail)
    return bool(good)


class Failed(Exception):
    """Ends a group of checks: what follows would make no sense."""


def require(good, what, detail=""):
    if not check(good, what, detail):
        raise Failed(what)


def group(what, through=()):
    """A function whose failure to come to its end is a failed test, too, but for
    exceptions that are for the caller."""
    def decorate(function):
        @functools.wraps(function)
        def run(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except through:
                raise
            except Failed:
                diag(f"{what}: the rest is left out")
            except Exception as e:      # pylint: disable=broad-except
                where = traceback.extract_tb(sys.exc_info()[2])[-1]
                check(False, f"{what}: {e}", f"{type(e).__name__} at {where.name}:{where.lineno}")
            return None
        return run
    return decorate
