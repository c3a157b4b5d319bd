"""Address fields in every form, behind each mail server: the signature holds, or the log has named the risk.

The rows, and what Sendmail makes of each, are those that the unit test of core/rewrites has.
"""

import os
import re

import judge
from jobs import ALGORITHMS, WHOLE
from lib.room import Failed
from lib.smtp import Refused

ROWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../unit/sendmail-addresses')


def rows():
    with open(ROWS) as f:
        for line in f:
            if not line.startswith('#'):
                value = line[8:].rstrip('\n').encode().decode('unicode_escape').encode('latin-1')
                yield line[:8].strip(), line[8:].strip(), value


class Addresses:
    def __init__(self, results, stand, judge_of):
        self.results, self.stand, self.judge = results, stand, judge_of
        self.rows = list(enumerate(rows()))

    def run(self):
        for domain in WHOLE:
            self._send(domain)
        for domain in WHOLE:
            for number, (what, label, _) in self.rows:
                try:
                    faults = self._faults(number, what, domain)
                except Failed as e:
                    faults = str(e).splitlines()
                self.results.row('addresses, %s, %s' % (self.stand.label, domain.partition('.')[0]), label, faults)

    def _to(self, number, domain):
        return 'a%d-%d-%s@sink.example' % (number, self.stand.number, domain.partition('.')[0])

    def _send(self, domain):
        with self.stand.mta.client() as client:
            for number, (_, label, value) in self.rows:
                message = (b'From: ann@%s\r\nTo:%s\r\nSubject: addresses\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\n'
                           b'Message-ID: <a@x.example>\r\n\r\ntext\r\n' % (domain.encode(), value))
                try:
                    client.send('ann@' + domain, [self._to(number, domain)], message)
                except Refused as e:
                    self.results.row('addresses, ' + self.stand.label, label, [str(e)])
                    client.reset()

    def _faults(self, number, what, domain):
        message = self.stand.arrived(self._to(number, domain))
        broken = [f for f in self.judge.faults(message, domain, ALGORITHMS, damages=())]
        wanted = self.stand.server == 'Sendmail' and (what == 'changed' or (what == 'folded' and domain == 'simple.example'))
        named = any(re.search(r'risks=[\w,-]*\baddress\b', line) for line in self.stand.lines_of(judge.queue_id(message)))
        faults = [] if named == wanted else ['risks=address is%s in the log' % ('' if named else ' not')]
        if wanted:
            return faults if broken else faults + ['the signature holds, and Sendmail is said to break it']
        return faults + broken
