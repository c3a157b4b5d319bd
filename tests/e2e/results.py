"""Counting: rows that passed and failed, by group, with what went wrong."""

import sys
import threading
import time


class Results:
    def __init__(self):
        self.groups, self.inapplicable, self.lock = {}, {}, threading.Lock()
        self.started = time.monotonic()

    def row(self, group, label, faults):
        """One row. faults: what is wrong, as lines; none: it passed."""
        with self.lock:
            passed, failed = self.groups.setdefault(group, [0, 0])
            self.groups[group] = [passed + (not faults), failed + bool(faults)]
            if faults:
                print('FAIL  %s: %s' % (group, label))
                for fault in faults[:8]:
                    print('      %s' % fault)
                sys.stdout.flush()

    def no_row(self, group, label, why):
        """What cannot be for one mail server, and why: neither passed nor failed."""
        self.inapplicable.setdefault((group, why), []).append(label)

    def check(self, group, label, good, why=''):
        self.row(group, label, [] if good else [why or 'it is not so'])

    @property
    def failed(self):
        return sum(failed for _, failed in self.groups.values())

    def show_groups(self):
        print('%-44s %8s %8s' % ('group', 'passed', 'failed'))
        for group, (passed, failed) in self.groups.items():
            print('%-44s %8d %8d' % (group, passed, failed))
        for (group, why), labels in self.inapplicable.items():
            print('not there: %s: %s: %s' % (group, ', '.join(labels), why))

    def show_sum(self):
        passed = sum(p for p, _ in self.groups.values())
        print('end to end: %.0f s' % (time.monotonic() - self.started))
        print('%d passed, %d failed' % (passed, self.failed))

    def show(self):
        self.show_groups()
        self.show_sum()
