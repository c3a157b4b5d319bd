"""How mail comes in from day to day, the same behind every mail server: submission, bounces, several at once."""

import judge
from entity import letter
from jobs import ALGORITHMS
from lib.room import Failed

OWN = 'relaxed.example'


class Usage:
    def __init__(self, results, stand, judge_of):
        self.results, self.stand, self.judge = results, stand, judge_of

    def run(self):
        for label, look in (('sendmail -t', self._submitted), ('sendmail -t, of several, one of them in Bcc', self._blind),
                            ('the null sender', self._null_sender),
                            ('several messages and recipients', self._several), ('given up half way', self._given_up),
                            ('lines near 990 octets', self._lines),
                            ('a bounce', self._bounce)):
            try:
                faults = look()
            except Failed as e:
                faults = str(e).splitlines()
            self.results.row('usage, ' + self.stand.label, label, faults)

    def _to(self, name):
        return '%s-%d@sink.example' % (name, self.stand.number)

    @staticmethod
    def _letter(name, to, **more):
        return letter(name, frm='ann@' + OWN, to=to, **more)

    def _signed(self, to):
        message = self.stand.arrived(to)
        return (self.judge.faults(message, OWN, ALGORITHMS)
                + self.stand.line_faults(judge.queue_id(message), ' signed d=' + OWN))

    def _submitted(self):
        to = self._to('t')
        self.stand.mta.sendmail('ann@' + OWN, self._letter('t', to).replace(b'\r\n', b'\n'))
        return self._signed(to)

    def _blind(self):
        """Whoever is in Bcc gets it, and the field is gone: what the signature covers is what leaves."""
        seen, blind = self._to('seen'), self._to('blind')
        self.stand.mta.sendmail('ann@' + OWN, self._letter('bcc', seen, more='Bcc: %s\r\n' % blind).replace(b'\r\n', b'\n'))
        faults = self._signed(seen) + self._signed(blind)
        return faults + ['%s sees the Bcc field' % to for to in (seen, blind)
                         if any(f.lower().startswith(b'bcc:') for f in judge.fields_of(self.stand.arrived(to)))]

    def _null_sender(self):
        to = self._to('null')
        with self.stand.mta.client() as client:
            client.send('', [to], self._letter('null', to))
        return self._signed(to)

    def _several(self):
        faults, ids = [], []
        with self.stand.mta.client() as client:
            for n in range(3):
                to = [self._to('several%d%s' % (n, who)) for who in 'ab']
                ids.append(client.send('ann@' + OWN, to, self._letter('several%d' % n, to[0])))
                faults += [f for one in to for f in self._signed(one)]
        return faults + self._ids(ids)

    def _ids(self, ids):
        """Each has one line of its own."""
        faults = [] if len(set(ids)) == len(ids) else ['the queue ids: %s' % ids]
        return faults + [f for i in ids for f in self.stand.line_faults(i)]

    def _given_up(self):
        """A message is begun and forgotten: the next one has nothing of it."""
        ids = []
        with self.stand.mta.client() as client:
            client.command('MAIL FROM:<eve@evil.example>')
            client.reset()
            ids.append(client.send('ann@' + OWN, [self._to('after1')], self._letter('after1', 'x@' + OWN)))
            client.command('MAIL FROM:<eve@evil.example>')
            client.command('RCPT TO:<%s>' % self._to('nobody'))
            client.reset()
            ids.append(client.send('ann@' + OWN, [self._to('after2')], self._letter('after2', 'x@' + OWN)))
        return self._signed(self._to('after1')) + self._signed(self._to('after2')) + self._ids(ids)

    def _bounce(self):
        """Its own bounces Postfix shows to the filter, Sendmail does not."""
        to = self._to('bounced')
        with self.stand.mta.client() as client:
            client.send(to, ['nobody@fail.example'], self._letter('bounced', 'nobody@fail.example'))
        lines = self.stand.lines_of(judge.queue_id(self.stand.arrived(to)))
        return [] if bool(lines) == ('bounce' in self.stand.habits.roads) else ['the log: %s' % lines]

    def _lines(self):
        """A line that the mail server breaks is named in the log, and the signature of one that is not named holds."""
        faults, broken = [], []
        for length in (988, 989, 990, 991, 998):
            to = self._to('line%d' % length)
            with self.stand.mta.client() as client:
                client.send('ann@' + OWN, [to], self._letter('line', to, body='x' * length + '\r\n'))
            message = self.stand.arrived(to)
            named = any('long-line' in line for line in self.stand.lines_of(judge.queue_id(message)))
            held = b'x' * length + b'\r\n' in message
            broken.append(not held)
            if held:
                faults += self.judge.faults(message, OWN, ALGORITHMS)
            if named == held:
                faults.append('%d octets: %s, and %s' % (length, 'whole' if held else 'broken', 'named' if named else 'not named'))
        wanted = self.stand.server == 'Sendmail'
        return faults if any(broken) == wanted else faults + ['broken: %s' % broken]
