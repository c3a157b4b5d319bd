"""Rows of medians, ratios between them, and the bars that they are held against."""

import os
import statistics
import sys

FAR = 1.5   # times the bar: complained of
COLOURS = {'good': '32', 'over': '33', 'FAR OVER': '31', 'bold': '1', 'dim': '2'}
results = []    # (what, how far: 1.0 is the bar) of every bar so far


def paint(text, colour):
    if not sys.stdout.isatty() or os.environ.get('NO_COLOR') or os.environ.get('TERM', 'dumb') == 'dumb':
        return text
    return '\033[%sm%s\033[0m' % (COLOURS[colour], text)


def heading(text):
    print('\n' + paint(text, 'bold'), flush=True)


def held(what, value, limit, shown):
    """One bar: VALUE should be at most LIMIT. SHOWN says both for people."""
    far = value / limit
    word = 'good' if far <= 1 else 'over' if far <= FAR else 'FAR OVER'
    results.append((what, far))
    print('  %-46s %-34s %s' % (what, shown, paint(word, word)), flush=True)


class Table:
    """add() a value for each row in each round, then show(). One unit; more columns by their own format."""

    def __init__(self, title, unit, extra=()):
        self.title, self.unit, self.extra = title, unit, extra
        self.values = {}
        self.bars = []

    def add(self, name, *values):
        self.values.setdefault(name, []).append(values)

    def median(self, name, column=0):
        return statistics.median(v[column] for v in self.values[name])

    def bar(self, name, factor, other):
        """NAME should be at most FACTOR times OTHER, another row; not held where that row is missing."""
        self.bars.append((name, factor, other))

    def show(self):
        heading(self.title)
        longest = max(self.median(name) for name in self.values)
        for name in self.values:
            self._row(name, longest)
        for name, factor, other in self.bars:
            if other in self.values:
                ratio = self.median(name) / self.median(other)
                held('%s / %s' % (name, other), ratio, factor, '%.2f, the bar is %.2f' % (ratio, factor))

    def _row(self, name, longest):
        first = [v[0] for v in self.values[name]]
        median = self.median(name)
        stroke = '#' * max(1, round(20 * median / longest))
        more = ''.join('  ' + form % self.median(name, i + 1) for i, form in enumerate(self.extra)
                       if len(self.values[name][0]) > i + 1)
        spread = '%.2f .. %.2f' % (min(first), max(first)) if len(first) > 1 else ''
        print('  %-26s %9.3f %s  %-20s %s%s' % (name, median, self.unit, stroke, paint('%-18s' % spread, 'dim'), more))


def summary():
    far = [what for what, far in results if far > FAR]
    over = [what for what, far in results if 1 < far <= FAR]
    print('\n%d bars: %d good, %d over, %d far over (beyond %g x the bar)'
          % (len(results), len(results) - len(far) - len(over), len(over), len(far), FAR))
    for word, names in (('over', over), ('FAR OVER', far)):
        for name in names:
            print('  %s: %s' % (paint(word, word), name))
