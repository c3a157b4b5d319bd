"""Each message of the corpus, through a private Postfix by each road, signed, and judged where it arrives."""

import corpus
import judge
from corpus import BOUNCE, REMOTE, SENDMAIL, SMTP
from lib.room import Failed, tail
from lib.smtp import Client, Refused

ALGORITHMS = ('rsa-sha256', 'ed25519-sha256')
CANONICALIZATIONS = {'relaxed.example': 'relaxed/relaxed', 'simple.example': 'simple/simple',
                     'mixed1.example': 'relaxed/simple', 'mixed2.example': 'simple/relaxed'}
# The two that everything goes through; the mixed ones take the SMTP road alone.
WHOLE = ('relaxed.example', 'simple.example')


def address(number, domain, road):
    return 'c%d-%s-%s@sink.example' % (number, domain.partition('.')[0], road)


class Corpus:
    def __init__(self, results, room, sink, filtered, bare, mailseal, verifiers, only=None):
        self.results, self.room, self.sink = results, room, sink
        self.filtered, self.bare, self.mailseal = filtered, bare, mailseal
        self.judge = judge.Judge(verifiers)
        everything = list(enumerate(corpus.CASES + corpus.UNMENDED))
        chosen = [(n, c) for n, c in everything if not only or only in c.label]
        self.cases = [(n, c) for n, c in chosen if n < len(corpus.CASES)]
        self.unmended = chosen[len(self.cases):]

    def by_smtp(self, postfix, domain, road=SMTP, service='smtp', cases=None):
        with Client(postfix.ports[service]) as client:
            for number, case in self.cases if cases is None else cases:
                parameters = 'SMTPUTF8 BODY=8BITMIME' if case.smtputf8 else 'BODY=8BITMIME'
                try:
                    client.send('ann@' + domain, [address(number, domain, road)], case.message(domain), parameters)
                except Refused as e:
                    self.results.row('sending', '%s, %s' % (case.label, domain), [str(e)])
                    client.reset()

    def by_sendmail(self, postfix, domain, road=SENDMAIL):
        for number, case in self.cases:
            postfix.sendmail('ann@' + domain, [address(number, domain, road)],
                             case.message(domain).replace(b'\r\n', b'\n'))

    def by_bounce(self, domain):
        """The bounce of each message: what comes back is signed for the domain that the mail server writes in."""
        self.filtered.set(myorigin=domain)
        with Client(self.filtered.ports['plain']) as client:
            for number, case in self.cases:
                sender = address(number, domain, BOUNCE)
                parameters = 'SMTPUTF8 BODY=8BITMIME' if case.smtputf8 else 'BODY=8BITMIME'
                client.send(sender, ['nobody@fail.example'], case.message(domain), parameters)
        for number, _ in self.cases:    # all of them, before the domain changes
            self.sink.wait(address(number, domain, BOUNCE), 60, self.filtered.log)

    def run(self):
        for domain in CANONICALIZATIONS:
            self.by_smtp(self.filtered, domain)
            self.by_smtp(self.bare, domain, SMTP + '-bare')
        for domain in WHOLE:
            self.by_sendmail(self.filtered, domain)
            self.by_sendmail(self.bare, domain, SENDMAIL + '-bare')
            self.by_bounce(domain)
            self.by_smtp(self.filtered, domain, REMOTE, 'remote', self.unmended)
            self.by_smtp(self.bare, domain, REMOTE + '-bare', 'remote', self.unmended)
        for domain in CANONICALIZATIONS:
            self._judge(domain, SMTP, self.cases)
        for domain in WHOLE:
            self._judge(domain, SENDMAIL, self.cases)
            self._judge(domain, BOUNCE, self.cases)
            self._judge(domain, REMOTE, self.unmended)

    def _judge(self, domain, road, cases):
        group = 'corpus, %s, %s' % (CANONICALIZATIONS[domain], road)
        for number, case in cases:
            try:
                mail = self.sink.wait(address(number, domain, road), 60)
                faults = self._faults(number, case, mail.data, domain, road)
            except Failed as e:
                faults = [str(e), tail(self.filtered.log, 5)]
            self.results.row(group, case.label, faults)

    def _faults(self, number, case, message, domain, road):
        if road == BOUNCE:      # of the mail server's own making, with the message inside
            return self.faults_of(message, domain, True, 'local')
        limits = dict(case.limits)
        if CANONICALIZATIONS[domain].startswith('relaxed'):
            limits.update(case.relaxed_limits)
        faults = self.faults_of(message, domain, not case.unsigned, case.unsigned or 'signed', limits)
        n_signatures = 0 if case.unsigned else len(ALGORITHMS)
        bare = self.sink.wait(address(number, domain, road + '-bare'), 60).data
        same = judge.without_ours(message, n_signatures) == judge.without_ours(bare, 0)
        if not same and not case.cut:
            faults.append('the message differs from the one that met no filter')
        if same and case.cut:
            faults.append('the mail server did not cut it: the signature was not put to the test')
        return faults

    def faults_of(self, message, domain, signed, word, limits=()):
        """What is wrong with a message at the sink that should be signed for DOMAIN, or not signed at all, with WORD
        in its line of the log."""
        if signed:
            return (self.judge.faults(message, domain, ALGORITHMS, limits)
                    + judge.own_field_faults(message, len(ALGORITHMS))
                    + self._line_faults(message, ['signed', word]))
        faults = []
        if judge.fields_of(message)[0].startswith(b'DKIM-Signature:'):
            faults.append('it is signed')
        return faults + self._line_faults(message, ['not signed', word])

    def _line_faults(self, message, words):
        """Exactly one line of the log begins with the queue id, and it has these words."""
        name = judge.queue_id(message)
        lines = [line for line in self.mailseal.lines() if line.startswith(name) and not line[len(name):len(name) + 1].isalnum()]
        if not name or len(lines) != 1:
            return ['%d lines in the log for %s: %s' % (len(lines), name or 'no queue id', lines)]
        return ['"%s" is not in the log line: %s' % (word, lines[0]) for word in words if word not in lines[0]]
