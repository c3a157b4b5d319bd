"""Whose mail is it? The trust decision, as a real Postfix shows clients, logins, daemon names and traces to a filter."""

import judge
from corpus import BODY
from lib.room import Failed
from lib.smtp import Client

DOMAIN = 'relaxed.example'
OUTSIDE = 'ADDR=192.0.2.9 NAME=host.elsewhere.example PROTO=ESMTP'
MESSAGE = (b'From: ann@relaxed.example\r\nTo: bob@sink.example\r\nSubject: who is it\r\n'
           b'Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <t@relaxed.example>\r\n\r\n' + BODY)
# What this mail server itself writes into a message of an outside client.
OWN_TRACE = (b'Received: from host.elsewhere.example (host.elsewhere.example [192.0.2.9])\r\n'
             b'\tby mta.example (Postfix) with ESMTP id 4Xabc\r\n'
             b'\tfor <bob@sink.example>; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)\r\n')
OWN_RESULTS = (b'Authentication-Results: mta.example; spf=fail smtp.mailfrom=eve@evil.example;\r\n'
               b'\tiprev=pass policy.iprev=192.0.2.9\r\n')
OTHER_TRACE = OWN_TRACE.replace(b'by mta.example', b'by mx.elsewhere.example')
LOCAL_TRACE = OWN_TRACE.replace(b'host.elsewhere.example (host.elsewhere.example [192.0.2.9])', b'localhost (localhost [127.0.0.1])')

SENDMAIL = 'sendmail'
# label, port (or sendmail(1)), XCLIENT, trace fields in front, signed?, a word of the log line
ROWS = [
    ('client on loopback', 'smtp', None, b'', True, '127.0.0.0/8'),
    ('client outside', 'xclient', OUTSIDE, b'', False, 'not trusted'),
    ('client outside who has authenticated', 'xclient', OUTSIDE + ' LOGIN=ann@relaxed.example', b'', True, 'authenticated'),
    ('client outside, daemon name ORIGINATING', 'originating', OUTSIDE, b'', True, 'ORIGINATING'),
    ('client on loopback by XCLIENT', 'xclient', 'ADDR=127.0.0.1 PROTO=ESMTP', b'', True, '127.0.0.0/8'),
    ('loopback, trace of an outside client', 'smtp', None, OWN_TRACE, False, 'not trusted'),
    ('loopback, results of an outside client', 'smtp', None, OWN_RESULTS, False, 'not trusted'),
    ('loopback, trace of another host', 'smtp', None, OTHER_TRACE, True, '127.0.0.0/8'),
    ('loopback, trace of a local client', 'smtp', None, LOCAL_TRACE, True, '127.0.0.0/8'),
    ('authenticated, trace of an outside client', 'xclient', OUTSIDE + ' LOGIN=ann', OWN_TRACE, True, 'authenticated'),
    ('ORIGINATING, trace of an outside client', 'originating', OUTSIDE, OWN_TRACE, True, 'ORIGINATING'),
    ('sendmail(1)', SENDMAIL, None, b'', True, 'local'),
    ('sendmail(1), trace of an outside client', SENDMAIL, None, OWN_TRACE, False, 'not trusted'),
]


class Trust:
    def __init__(self, results, sink, scanner, postfix, corpus):
        self.results, self.sink, self.scanner, self.postfix, self.corpus = results, sink, scanner, postfix, corpus

    def _send(self, recipient, port, xclient, message):
        if port == SENDMAIL:
            self.postfix.sendmail('ann@' + DOMAIN, [recipient], message.replace(b'\r\n', b'\n'))
            return
        with Client(self.postfix.ports[port], xclient) as client:
            client.send('ann@' + DOMAIN, [recipient], message)

    def _judge(self, label, recipient, signed, word):
        try:
            message = self.sink.wait(recipient, 30, self.postfix.log).data
            faults = self.corpus.faults_of(message, DOMAIN, signed, word)
        except Failed as e:
            faults = [str(e)]
        self.results.row('trust', label, faults)

    def run(self):
        for number, (label, port, xclient, trace, signed, word) in enumerate(ROWS):
            recipient = 'trust%d@sink.example' % number
            try:
                self._send(recipient, port, xclient, trace + MESSAGE)
            except Failed as e:
                self.results.row('trust', label, [str(e)])
                continue
            self._judge(label, recipient, signed, word)
        self._content_filter()

    def _content_filter(self):
        """From outside, through a content filter, and handed back on loopback: not ours."""
        recipient = 'scanned@sink.example'
        with Client(self.postfix.ports['scanned'], OUTSIDE) as client:
            client.send('eve@evil.example', [recipient], MESSAGE)
        scanned = self.scanner.wait(recipient, 30, self.postfix.log).data
        with Client(self.postfix.ports['reinject']) as client:
            client.send('eve@evil.example', [recipient], scanned)
        self._judge('outside client, handed back by a content filter', recipient, False, 'not trusted')
