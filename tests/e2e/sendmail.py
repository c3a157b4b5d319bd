"""The same signer and sealer behind a real Sendmail: the corpus, submission, envelopes, and Sendmail's habits."""

import re
import threading
import time

import corpus
import judge
import seal
import sign
from lib import readers, sendmail
from lib.dovecot import Dovecot
from lib.room import Failed, port_open, wait_until
from lib.seald import Mailseal
from lib.sendmail import Sendmail, filter_line
from lib.smtp import Client, Refused

DOMAIN, STORE, VAULT = 'sm.example', 'smstore.example', 'smvault.example'

# What Sendmail, as Debian has it, does not take from anybody: the reply, by what is in the message.
HEADER_MAX = 32768      # confMAX_HEADERS_LENGTH
BARE_CR, BARE_LF = re.compile(rb'\r(?!\n)'), re.compile(rb'(?<!\r)\n')

# Where Sendmail changes a signed field after its filters, or breaks lines (L=990, SMTP_MAILER_LL): the signature cannot hold.
LONG_LINE, REWRITES = 'lines over L= are broken', 'addresses are rewritten after the filters'
CHANGED = {
    'body: 998 octets in a line': LONG_LINE,
    'body: 999 octets in a line': LONG_LINE,
    'body: 5000 octets in a line': LONG_LINE,
    'body: 70000 octets in a line': LONG_LINE,
    'body: 70000 blanks in a line': LONG_LINE,
    'body: CRLF across the edge of 65535': LONG_LINE,
    'body: exactly 65535': LONG_LINE,
    'body: exactly 65536': LONG_LINE,
    'body: blanks across the edge of 65535': LONG_LINE,
    'body: white space to the edge of 65535, then a line end': LONG_LINE,
    'body: lines of 64 KB and no final CRLF': LONG_LINE,
    'header: 5000 octets in a line': LONG_LINE,
    'header: References in one long line': LONG_LINE,
    'From: the same address as its name, unquoted': REWRITES,
    'From: a group in a group': REWRITES,
    'From: dot at the end of the domain': REWRITES,
    'From: many nested comments': REWRITES,
}
# Where a filter of Sendmail's sees another message than one of Postfix's: the reason in the log line.
UNSIGNED = {
    'header: no From at all': 'From (missing)',             # it is added after the filters
    'header: no field at all, a colon': 'From (missing)',
    'header: starts with white space': 'From (missing)',        # such a line ends the header
    'header: starts as a quoted mailbox': 'From (missing)',
    'From: white space before the colon': 'From (missing)',     # it is no field
    'From: route': 'From (can be read in several ways)',         # Postfix takes the route away first
    'From: two ats': 'From (can be read in several ways)',
}

RULES = '''
trust = { not_daemons = ["OUTSIDE"]; };
rules = (
  { name = "vault"; level = "domain"; owner = "%s"; do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "store"; level = "domain"; owner = "%s"; do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); }
);
''' % (VAULT, STORE)


def refusal(case, message):
    """The reply that refuses a case, or None."""
    if case.smtputf8:
        return '555 5.5.4 SMTPUTF8'
    if len(judge.split(message)[0]) > HEADER_MAX:
        return '552 5.6.0 Headers too large'
    found = [(m.start(), reply) for m, reply in ((BARE_CR.search(message), '421 4.5.0 Bare carriage return'),
                                                (BARE_LF.search(message), '421 4.5.0 Bare linefeed')) if m]
    return min(found)[1] if found else None


class Servers:
    """The daemon at a unix socket, a second one at an inet socket, and a Sendmail for each, and one without filter."""

    def __init__(self, results, room, build, sink, name_server, verifiers):
        self.results, self.room, self.sink, self.judge = results, room, sink, judge.Judge(verifiers)
        programs = sendmail.unpack(room)
        self.dovecot = Dovecot(room, 'sm-dovecot')
        socket = room.dir('sm-milter', mode=0o711, owner='nobody', group='nogroup') + '/mailseal.sock'
        self.mailseal = Mailseal(room, build, socket, name_server.address, name='sm-mailseal', more=RULES +
                                 'spool = { dir = "%s"; };' % room.dir('sm-spool', owner='nobody'))
        for name in (STORE, VAULT):     # the rules name them
            room.write('sm-mailseal/domains.d/%s.conf' % name, 'domains = ( { name = "%s"; } );' % name)
        name_server.add(self.mailseal.domain(DOMAIN, 'subdomains = true;'))
        self.readers = readers.all_readers(room)
        self.people = {}
        for local in ('jim@' + STORE, 'jim@' + VAULT):
            self._person(local)
        self.mailseal.start()
        port = room.port()
        self.inet_log = self.mailseal.beside('inet:%d@127.0.0.1' % port, lambda: port_open(port)).out
        lmtp = ([STORE], self.dovecot.lmtp)
        daemons = {'smtp': ('MTA', ''), 'outside': ('OUTSIDE', '')}
        self.by = {
            'unix': Sendmail(room, 'sm-unix', programs, sink.port, daemons, self.mailseal.tool('sendmail', 'show').decode(), lmtp),
            'inet': Sendmail(room, 'sm-inet', programs, sink.port, daemons,
                             filter_line('mailseal', 'inet:%d@127.0.0.1' % port), lmtp),
            'bare': Sendmail(room, 'sm-bare', programs, sink.port, daemons, lmtp=lmtp)}

    def _person(self, address):
        p = self.people[address] = readers.Person(self.room, address)
        for reader in self.readers:
            reader.add(p)
        self.mailseal.tool('user', 'cert', 'add', address, p.cert, '--pin', '--force')

    def lines(self):
        with open(self.inet_log, 'rb') as f:
            return self.mailseal.lines() + f.read().decode('utf-8', 'backslashreplace').splitlines()

    def line_of(self, queue_id):
        return '\n'.join(line for line in self.lines() if line.startswith(queue_id + ':'))

    def arrived(self, to, road):
        return self.by[road].wait(lambda: self.sink.wait(to, 60)).data

    def sealed_faults(self, who, message, wanted):
        return ['%s finds %r, not %r' % (r.name, found[:200], wanted[:200]) for r in self.readers
                for found in [r.open(self.people[who], message)] if found != wanted]


class Corpus:
    """Each message of the corpus, signed and sealed for jim at the vault; over inet, where what is different is how the
    octets come, those with odd bodies signed."""

    def __init__(self, servers, only=None):
        self.s = servers
        self.cases = [(n, c) for n, c in enumerate(corpus.CASES) if not only or only in c.label]
        self.bodies = [(n, c) for n, c in self.cases if c in corpus.BODIES]
        self.look = sign.Corpus(servers.results, servers.room, servers.sink, None, None, servers, servers.judge.verifiers)
        self.replies = {}

    def to(self, number, road):
        return 'sm%d-%s@sink.example' % (number, road)

    def run(self):
        outside = 'bob@elsewhere.example'
        sending = [threading.Thread(target=self._send, args=args) for args in (
            ('unix', self.cases, 'ann@' + DOMAIN, lambda n: self.to(n, 'unix')),
            ('inet', self.bodies, 'ann@' + DOMAIN, lambda n: self.to(n, 'inet')),
            ('bare', self.cases, 'ann@' + DOMAIN, lambda n: self.to(n, 'bare')),
            ('unix', self.cases, outside, lambda n: 'jim@' + VAULT, 'outside'),
            ('bare', self.cases, outside, lambda n: 'clear@' + VAULT))]
        for thread in sending:
            thread.start()
        for thread in sending:
            thread.join()
        for road, cases in (('unix', self.cases), ('inet', self.bodies)):
            for number, case in cases:
                self._row('sendmail, signed, %s' % road, case, lambda n=number, c=case, r=road: self._signed(n, c, r))
        for number, case in self.cases:
            self._row('sendmail, sealed, unix', case, lambda n=number, c=case: self._sealed(n, c))

    def _row(self, group, case, faults):
        try:
            self.s.results.row(group, case.label, faults())
        except Failed as e:
            self.s.results.row(group, case.label, str(e).splitlines())

    def _send(self, road, cases, sender, to, port='smtp'):
        client = Client(self.s.by[road].ports[port])
        for number, case in cases:
            try:
                client.send(sender, [to(number)], self._message(number, case, sender),
                            'SMTPUTF8 BODY=8BITMIME' if case.smtputf8 else 'BODY=8BITMIME')
            except Refused as e:        # after 421 the connection is gone
                self.replies[number, to(number)] = e.reply
                client.close()
                client = Client(self.s.by[road].ports[port])
        client.quit()

    @staticmethod
    def _message(number, case, sender):
        domain = sender.partition('@')[2]
        mark = b'' if domain == DOMAIN else b'X-Case: %d\r\n' % number     # they share a recipient
        return mark + case.message(domain)

    def _refused(self, number, to, case, message):
        """Is this one that no Sendmail takes? (True, faults)"""
        wanted, reply = refusal(case, message), self.replies.get((number, to), '')
        if wanted is None and not reply:
            return False, []
        return True, [] if wanted and wanted in reply else ['the reply: %r, not %r' % (reply, wanted)]

    def _signed(self, number, case, road):
        to = self.to(number, road)
        refused, faults = self._refused(number, to, case, case.message(DOMAIN))
        if refused:
            return faults
        message = self.s.arrived(to, road)
        unsigned = UNSIGNED.get(case.label, case.unsigned)
        if unsigned:
            return self.look.faults_of(message, DOMAIN, False, unsigned)
        if case.label in CHANGED:
            return self._changed(case, message)
        limits = dict(case.limits, **case.relaxed_limits)
        faults = self.look.faults_of(message, DOMAIN, True, 'signed', limits)
        bare = self.s.arrived(self.to(number, 'bare'), 'bare')
        if without_ours(message, len(sign.ALGORITHMS)) != without_ours(bare, 0):
            faults.append('the message differs from the one that met no filter')
        return faults

    def _changed(self, case, message):
        """The signature is there and no verifier takes it; the day that one does, the reason is no longer true."""
        reason = CHANGED[case.label]
        verdicts = [v.verify(message) for v in self.s.judge.verifiers]
        faults = ['verifies, although ' + reason for v in verdicts for why in v.values() if why is None and DOMAIN in str(v)]
        line = self.s.line_of(judge.queue_id(message))
        if ' signed d=' not in line or (reason == LONG_LINE and 'long-line' not in line):
            faults.append('the log: ' + line)
        return faults

    def _sealed(self, number, case):
        message = case.message('elsewhere.example')
        refused, faults = self._refused(number, 'jim@' + VAULT, case, message)
        if refused:
            return faults
        mark = b'X-Case: %d\r\n' % number
        sealed, clear = (wait_until(lambda to=to: [m for m in self.s.sink.get(to + VAULT) if mark in m.data],
                                    case.label + ' to ' + to, 60)[0].data for to in ('jim@', 'clear@'))
        wanted = seal.entity_of(clear)
        if b'Content-Type: multipart/encrypted' in clear:
            return [] if seal.entity_of(sealed) == wanted else ['it was changed, though it came encrypted']
        if b'smime-type=enveloped-data' not in sealed:
            return ['it was not sealed']
        if CHANGED.get(case.label) == LONG_LINE:
            # Inside the envelope the lines are as they came; in clear Sendmail breaks them.
            wanted = seal.entity_of(message if message.endswith(b'\r\n') else message + b'\r\n')
        return self.s.sealed_faults('jim@' + VAULT, sealed, wanted)


def without_ours(message, n_signatures):
    """As judge.without_ours(), and less the Message-Id and Date of Sendmail's making."""
    text = judge.without_ours(message, n_signatures)
    text = re.sub(rb'(?m)^Message-Id: <\d{12}\.\w+@mta\.example>\r\n', b'', text)
    return re.sub(rb'(?m)^Date: .* GMT\r\n', b'', text)


class Habits:
    """What is Sendmail's own: submission, queue ids, envelopes, LMTP."""

    def __init__(self, servers):
        self.s = servers

    def row(self, label, look):
        try:
            self.s.results.row('sendmail', label, look())
        except Failed as e:
            self.s.results.row('sendmail', label, str(e).splitlines())

    def run(self):
        for road in ('unix', 'inet'):
            for label, look in (('sendmail -t', self._submitted), ('the null sender', self._null_sender),
                                ('several messages and recipients', self._several),
                                ('sealed into a mailbox', self._mailbox), ('sealed and signed', self._both),
                                ('daemon_name', self._outside), ('lines near L=', self._lines)):
                self.row('%s, %s' % (label, road), lambda look=look, road=road: look(road))

    def _letter(self, name, to, frm='ann@' + DOMAIN):
        return seal.letter(name, frm=frm, to=to)

    def _signed(self, message, domain=DOMAIN):
        faults = self.s.judge.faults(message, domain, sign.ALGORITHMS)
        line = self.s.line_of(judge.queue_id(message))
        return faults if ' signed d=' + domain in line else faults + ['the log: ' + line]

    def _submitted(self, road):
        to = 't-%s@sink.example' % road
        self.s.by[road].sendmail('ann@' + DOMAIN, self._letter('t', to).replace(b'\r\n', b'\n'))
        return self._signed(self.s.arrived(to, road))

    def _null_sender(self, road):
        to = 'null-%s@sink.example' % road
        with Client(self.s.by[road].ports['smtp']) as client:
            client.send('', [to], self._letter('null', to))
        return self._signed(self.s.arrived(to, road))

    def _several(self, road):
        faults, ids = [], []
        with Client(self.s.by[road].ports['smtp']) as client:
            for n in range(3):
                to = ['several%d%s-%s@sink.example' % (n, who, road) for who in 'ab']
                ids.append(client.send('ann@' + DOMAIN, to, self._letter('several%d' % n, to[0])))
                faults += [f for one in to for f in self._signed(self.s.arrived(one, road))]
            client.command('MAIL FROM:<ann@%s>' % DOMAIN)
            client.reset()
            ids.append(client.send('ann@' + DOMAIN, ['after-%s@sink.example' % road], self._letter('after', 'x@' + DOMAIN)))
        faults += self._signed(self.s.arrived('after-%s@sink.example' % road, road))
        return faults + ['%s has not one line in the log: %s' % (i, self.s.line_of(i)) for i in ids
                         if not i or self.s.line_of(i).count('\n') or not self.s.line_of(i)]

    def _mailbox(self, road):
        name = 'box-%s@elsewhere.example' % road
        message = self._letter(name, 'jim@' + STORE, 'bob@elsewhere.example')
        with Client(self.s.by[road].ports['outside']) as client:
            queue_id = client.send('bob@elsewhere.example', ['jim@' + STORE], message, 'BODY=8BITMIME')
        stored = self.s.by[road].wait(lambda: self.s.dovecot.wait('jim', name))
        faults = self.s.sealed_faults('jim@' + STORE, stored, seal.entity_of(message))
        if b'4711' in self.s.dovecot.on_disk('jim'):
            faults.append('the text lies in clear on the disk')
        line = self.s.line_of(queue_id)
        return faults if 'sealed for=' in line else faults + ['the log: ' + line]

    def _both(self, road):
        name = 'both-%s@sm.example' % road
        message = self._letter(name, 'jim@' + STORE)
        with Client(self.s.by[road].ports['smtp']) as client:
            client.send('ann@' + DOMAIN, ['jim@' + STORE], message, 'BODY=8BITMIME')
        stored = self.s.by[road].wait(lambda: self.s.dovecot.wait('jim', name))
        head = stored[stored.index(b'DKIM-Signature:'):]
        return self._signed(head) + self.s.sealed_faults('jim@' + STORE, stored, seal.entity_of(message))

    def _lines(self, road):
        """A line that Sendmail breaks is named in the log, and one that is not named holds."""
        faults, broken = [], []
        for length in (988, 989, 990, 991, 998):
            to = 'line%d-%s@sink.example' % (length, road)
            with Client(self.s.by[road].ports['smtp']) as client:
                client.send('ann@' + DOMAIN, [to], seal.letter('line', frm='ann@' + DOMAIN, to=to, body='x' * length + '\r\n'))
            message = self.s.arrived(to, road)
            named = 'long-line' in self.s.line_of(judge.queue_id(message))
            held = b'x' * length + b'\r\n' in message
            broken.append(not held)
            if named == held:
                faults.append('%d octets: %s, and %s' % (length, 'whole' if held else 'broken', 'named' if named else 'not named'))
        return faults if any(broken) else faults + ['none was broken']

    def _outside(self, road):
        """The daemon's name is shown, and heeded: this one is not ours."""
        to = 'outside-%s@sink.example' % road
        with Client(self.s.by[road].ports['outside']) as client:
            client.send('ann@' + DOMAIN, [to], self._letter('outside', to))
        message = self.s.arrived(to, road)
        line = self.s.line_of(judge.queue_id(message))
        faults = ['it is signed'] if b'DKIM-Signature' in message else []
        return faults if 'not trusted' in line else faults + ['the log: ' + line]


def run(results, room, build, sink, name_server, verifiers, only=None):
    started = time.monotonic()
    servers = Servers(results, room, build, sink, name_server, verifiers)
    Habits(servers).run()
    Corpus(servers, only).run()
    results.check('sendmail', 'the daemon ends cleanly', servers.mailseal.stop() == 0)
    print('sendmail: %.0f s' % (time.monotonic() - started))
