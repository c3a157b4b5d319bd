"""Whose mail is it? The trust decision, as each mail server shows clients, logins, daemon names and traces to a filter."""

import judge
from corpus import BODY
from jobs import ALGORITHMS
from lib.room import Failed

DOMAIN = 'relaxed.example'
MESSAGE = (b'From: ann@relaxed.example\r\nTo: bob@sink.example\r\nSubject: who is it\r\n'
           b'Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <t@relaxed.example>\r\n\r\n' + BODY)
# What a mail server itself writes into a message of an outside client.
BY = {'Postfix': b'(Postfix)', 'Sendmail': b'(8.17.1/8.17.1)'}
TRACE = (b'Received: from host.elsewhere.example (host.elsewhere.example [192.0.2.9])\r\n'
         b'\tby mta.example %s with ESMTP id 4Xabc\r\n'
         b'\tfor <bob@sink.example>; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)\r\n')
RESULTS = (b'Authentication-Results: mta.example; spf=fail smtp.mailfrom=eve@evil.example;\r\n'
           b'\tiprev=pass policy.iprev=192.0.2.9\r\n')
OTHER_TRACE = TRACE.replace(b'by mta.example', b'by mx.elsewhere.example')
LOCAL_TRACE = TRACE.replace(b'host.elsewhere.example (host.elsewhere.example [192.0.2.9])', b'localhost (localhost [127.0.0.1])')

SENDMAIL = 'sendmail(1)'
NETWORK = '127.0.0.1'
# label, client (or sendmail(1)), trace fields in front, signed?, a word of the log line
ROWS = [
    ('client on loopback', 'inside', b'', True, NETWORK),
    ('client outside', 'outside', b'', False, 'not trusted'),
    ('client outside who has authenticated', 'authenticated', b'', True, 'authenticated'),
    ('client outside, daemon name ORIGINATING', 'originating', b'', True, 'ORIGINATING'),
    ('client on loopback, daemon name of not_daemons', 'named outside', b'', False, 'not trusted'),
    ('client on loopback, says a proxy', 'inside, says a proxy', b'', True, NETWORK),
    ('loopback, trace of an outside client', 'inside', TRACE, False, 'not trusted'),
    ('loopback, results of an outside client', 'inside', RESULTS, False, 'not trusted'),
    ('loopback, trace of another host', 'inside', OTHER_TRACE, True, NETWORK),
    ('loopback, trace of a local client', 'inside', LOCAL_TRACE, True, NETWORK),
    ('authenticated, trace of an outside client', 'authenticated, without a domain', TRACE, True, 'authenticated'),
    ('ORIGINATING, trace of an outside client', 'originating', TRACE, True, 'ORIGINATING'),
    ('sendmail(1)', SENDMAIL, b'', True, {'Postfix': 'local', 'Sendmail': NETWORK}),
    ('sendmail(1), trace of an outside client', SENDMAIL, TRACE, False, 'not trusted'),
]


class Trust:
    def __init__(self, results, stand, judge_of, scanner):
        self.results, self.stand, self.judge, self.scanner = results, stand, judge_of, scanner

    def _send(self, to, who, message):
        if who == SENDMAIL:
            self.stand.mta.sendmail('ann@' + DOMAIN, message.replace(b'\r\n', b'\n'), [to])
            return
        with self.stand.mta.client(who) as client:
            client.send('ann@' + DOMAIN, [to], message)

    def _row(self, label, look):
        try:
            faults = look()
        except Failed as e:
            faults = str(e).splitlines()
        self.results.row('trust, ' + self.stand.label, label, faults)

    def _arrived_faults(self, to, signed, word):
        message = self.stand.arrived(to)
        word = word if isinstance(word, str) else word[self.stand.server]
        faults = (self.judge.faults(message, DOMAIN, ALGORITHMS) if signed
                  else ['it is signed'] if b'DKIM-Signature' in message else [])
        return faults + self.stand.line_faults(judge.queue_id(message), 'signed' if signed else 'not signed', word)

    def run(self):
        for number, (label, who, trace, signed, word) in enumerate(ROWS):
            why = self.stand.habits.not_here.get(who)
            if why:
                self.results.no_row('trust, ' + self.stand.label, label, why)
                continue
            trace = trace.replace(b'%s', BY[self.stand.server])
            to = 'trust%d-%d@sink.example' % (number, self.stand.number)
            self._row(label, lambda: self._send(to, who, trace + MESSAGE) or self._arrived_faults(to, signed, word))
        self._row('outside client, handed back by a content filter', self._handed_back)

    def _handed_back(self):
        """From outside, through a content filter, and handed back on loopback: not ours. A Postfix has the filter between
        two of its services; of Sendmail one without a filter stands before the scanner, and hands on what it got."""
        first, to = 'scanned%d@sink.example' % self.stand.number, 'back%d@sink.example' % self.stand.number
        before, scanner = ((self.stand.mta, self.scanner) if self.stand.server == 'Postfix'
                           else (self.stand.bare, self.stand.house.sink))
        with before.client('scanned') as client:
            client.send('eve@evil.example', [first], MESSAGE)
        scanned = before.wait(lambda: scanner.wait(first, 30)).data
        with self.stand.mta.client('handed back') as client:
            client.send('eve@evil.example', [to], scanned)
        return self._arrived_faults(to, False, 'not trusted')
