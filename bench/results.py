"""Where a run keeps what it measures, and how contestants take turns."""

import subprocess
import sys

from contestants import program
from measure import Failure

# What a program or a tool may do to a measurement; anything else is a fault of ours and ends the run.
EXPECTED = (Failure, OSError, subprocess.SubprocessError, KeyError, ValueError, IndexError, ZeroDivisionError)


def turned(items, number):
    """The items in the order of this round: begun elsewhere, and every other time backwards."""
    first = int(number * 0.618 * len(items)) % max(1, len(items))
    order = items[first:] + items[:first]
    return order[::-1] if number % 2 else order


class Results:
    def __init__(self, quick):
        self.quick = quick
        self.round_number = 0
        self.results = {}  # workload -> form -> contestant -> figure -> one value a round
        self.failures = []  # what should have been measured
        self.skipped = []  # what cannot be measured here

    def count(self, count, least=100):
        """How often to do what is done `count` times in a run that is not --quick."""
        return max(least, count // 200) if self.quick else count

    def keep(self, workload, form, contestant, values):
        kept = self.results.setdefault(workload, {}).setdefault(form, {}).setdefault(contestant, {})
        for name, value in values.items():
            kept.setdefault(name, []).append(value)

    def attempt(self, workload, form, contestant, function):
        """Keeps the figures that `function` gives, or says why there are none."""
        try:
            self.keep(workload, form, contestant, function())
        except EXPECTED as error:
            self.failures.append(f"{workload}, {form}, {contestant}: {type(error).__name__}: {error}")
            print(f"failed: {self.failures[-1]}", file=sys.stderr, flush=True)

    def skip(self, text):
        if text not in self.skipped:
            self.skipped.append(text)
            print(f"skipped: {text}", flush=True)

    def turns(self, workload, who, once, program_of=None):
        """Measures each form of a workload with each contestant; who begins changes with the round, and so does the direction: nobody
        is always early, or always after the same one. `who` has the contestants of each form, `once(form, contestant, program)`
        measures one of them."""
        for form, names in who.items():
            present = [(name, path) for name in names if (path := program(program_of or workload, name))]
            for name, path in turned(present, self.round_number):
                self.attempt(workload, form, name, lambda: once(form, name, path))
