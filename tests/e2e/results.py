"""Counting: rows that passed and failed, by group, with what went wrong."""

import sys
import time


class Results:
    def __init__(self):
        self.groups = {}
        self.started = time.monotonic()

    def row(self, group, label, faults):
        """One row. faults: what is wrong, as lines; none: it passed."""
        passed, failed = self.groups.setdefault(group, [0, 0])
        self.groups[group] = [passed + (not faults), failed + bool(faults)]
        if faults:
            print('FAIL  %s: %s' % (group, label))
            for fault in faults[:8]:
                print('      %s' % fault)
            sys.stdout.flush()

    def check(self, group, label, good, why=''):
        self.row(group, label, [] if good else [why or 'it is not so'])

    @property
    def failed(self):
        return sum(failed for _, failed in self.groups.values())

    def show(self):
        print('%-44s %8s %8s' % ('group', 'passed', 'failed'))
        for group, (passed, failed) in self.groups.items():
            print('%-44s %8d %8d' % (group, passed, failed))
        passed = sum(p for p, _ in self.groups.values())
        print('end to end: %.0f s' % (time.monotonic() - self.started))
        print('%d passed, %d failed' % (passed, self.failed))
