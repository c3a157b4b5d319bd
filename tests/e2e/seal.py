"""Incoming mail sealed by rules: the corpus to a byte-exact sink and every reader, and mailboxes of a real Dovecot."""

import time

import corpus
from lib import readers
from lib.dovecot import Dovecot
from lib.postfix import Postfix
from lib.room import Failed, tail, wait_until
from lib.seald import Mailseal
from lib.smtp import Client, Refused

# vault.example goes on to the sink, store.example into Dovecot.
RULES = '''
mailboxes = { shared = ( ("john@store.example", "~jim@store.example/*") ); };
aliases = ( ("postmaster@store.example", "jim@store.example") );
seal = { certificate_grace = "10d"; };
rules = (
  { name = "vault"; level = "domain"; owner = "vault.example"; do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "all of jim"; level = "account"; owner = "jim@store.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "bank mail of john"; level = "account"; owner = "john@store.example"; priority = 7;
    when = ( ("From", "in", "*@bank.example") );
    do = ( ("Store Encrypted in", "~jim/Bank"), ("Discard") ); },
  { name = "late"; level = "account"; owner = "late@store.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "long gone"; level = "account"; owner = "gone@store.example"; when = ( ("Subject", "is", "*") );
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "without"; level = "account"; owner = "new@store.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "without, refused"; level = "account"; owner = "no@refuse.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
  { name = "without, in clear"; level = "account"; owner = "any@plain.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); }
);
'''
HEADER_MAX, FIELDS_MAX = 1000000, 10000    # limits.headers, and how many fields are kept
LATER = '''
  { name = "reloaded"; level = "account"; owner = "ann@store.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
'''


def entity_of(message):
    """What has to be inside: the Content-* fields as they stand, and the body."""
    head, _, body = message.partition(b'\r\n\r\n')
    if message.startswith(b'\r\n'):
        head, body = b'', message[2:]
    kept, taking = [], False
    for line in head.split(b'\r\n'):
        if line[:1] not in (b' ', b'\t'):
            taking = line[:8].lower() == b'content-'
        if taking:
            kept.append(line + b'\r\n')
    return b''.join(kept) + b'\r\n' + body


def letter(message_id, frm='bob@elsewhere.example', to='jim@store.example', subject='hello', body='the code is 4711\r\n',
           more=''):
    return ('From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%s>\r\n'
            'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n%s\r\n%s'
            % (frm, to, subject, message_id, more, body)).encode()


class Sealing:
    """The mail servers, the daemon and the people of all that follows."""

    def __init__(self, results, room, build, programs, sink, name_server, judge):
        self.results, self.room, self.sink, self.judge = results, room, sink, judge
        self.dovecot = Dovecot(room)
        milter_dir = Postfix.make_milter_dir(room, 'postfix-seal', programs, 'nobody')
        self.postfix = Postfix(room, 'postfix-seal', programs, sink.port, 'unix:milter/mailseal.sock', settings=(
            'virtual_mailbox_domains = store.example, plain.example, refuse.example',
            'virtual_mailbox_maps = static:1', 'virtual_transport = lmtp:unix:' + self.dovecot.lmtp,
            'virtual_alias_maps = inline:{postmaster@store.example=jim@store.example}'))
        self.mailseal = Mailseal(room, build, milter_dir + '/mailseal.sock', name_server.address, more=RULES +
                                 'spool = { dir = "%s"; memory = "100kB"; };' % room.dir('spool', owner='nobody'),
                                 name='mailseal-seal')
        for name, more in (('vault.example', ''), ('refuse.example', 'seal = { on_missing_certificate = "reject"; };'),
                           ('plain.example', 'seal = { on_missing_certificate = "plain"; };')):
            room.write('mailseal-seal/domains.d/%s.conf' % name, 'domains = ( { name = "%s"; %s } );' % (name, more))
        name_server.add(self.mailseal.domain('store.example'))
        self.readers = readers.all_readers(room)
        self.people = {}
        for address in ('jim@vault.example', 'jim@store.example', 'john@store.example', 'ann@store.example'):
            self.person(address)
        self.person('late@store.example', '-1d', readable=False)
        self.person('gone@store.example', '-20d', readable=False)
        readers.check_readers(self.readers, self.people['jim@store.example'], self.people['john@store.example'])
        self.mailseal.start()

    def person(self, address, until='100d', readable=True):
        p = self.people[address] = readers.Person(self.room, address, until)
        if readable:
            for reader in self.readers:
                reader.add(p)
        self.mailseal.tool('user', 'cert', 'add', address, p.cert, '--pin', '--force')

    def open(self, who, message, reader=None):
        return (reader or self.readers[0]).open(self.people[who], message)

    def line_of(self, queue_id):
        return '\n'.join(line for line in self.mailseal.lines() if line.startswith(queue_id + ':'))


class Corpus:
    """Each message of the corpus (SMTPUTF8 ones too, which Dovecot's LMTP does not take), sealed for jim@vault.example,
    against what a mail server without filter makes of it."""

    def __init__(self, sealing, bare, only=None):
        self.s, self.bare = sealing, bare
        self.cases = [(n, c) for n, c in enumerate(corpus.CASES) if not only or only in c.label]

    def run(self):
        ids = {}
        for postfix, to in ((self.s.postfix, 'jim@vault.example'), (self.bare, 'clear@vault.example')):
            with Client(postfix.ports['smtp']) as client:
                for number, case in self.cases:
                    try:
                        ids[number, to] = self._send(client, number, case, to)
                    except Refused as e:
                        ids[number, to] = e.reply
                        client.reset()
        for number, case in self.cases:
            answer = ids[number, 'jim@vault.example']
            head = case.message('x').partition(b'\r\n\r\n')[0]
            if len(head) > HEADER_MAX or head.count(b'\r\n') > FIELDS_MAX:
                self.s.results.check('sealing, corpus', case.label, '552 5.3.4' in answer, answer)
                continue
            try:
                self.s.results.row('sealing, corpus', case.label, self._faults(number, case))
            except Failed as e:
                self.s.results.row('sealing, corpus', case.label, [str(e), tail(self.s.postfix.log, 5)])

    @staticmethod
    def _send(client, number, case, to):
        parameters = 'SMTPUTF8 BODY=8BITMIME' if case.smtputf8 else 'BODY=8BITMIME'
        message = b'X-Case: %d\r\n' % number + case.message('elsewhere.example')
        return client.send('bob@elsewhere.example', [to], message, parameters)

    def _arrived(self, number, to):
        mark = b'X-Case: %d\r\n' % number
        return wait_until(lambda: [m for m in self.s.sink.get(to) if mark in m.data], 'case %d to %s' % (number, to), 60)[0]

    def _faults(self, number, case):
        if case.cut:
            return []
        sealed = self._arrived(number, 'jim@vault.example').data
        clear = self._arrived(number, 'clear@vault.example').data
        wanted = entity_of(clear)
        if b'Content-Type: multipart/encrypted' in clear:
            return [] if entity_of(sealed) == wanted else ['it was changed, though it came encrypted']
        if b'smime-type=enveloped-data' not in sealed:
            return ['it was not sealed']
        return ['%s finds something else: %r, not %r' % (r.name, found[:200], wanted[:200])
                for r in self.s.readers for found in [self.s.open('jim@vault.example', sealed, r)] if found != wanted]


class Mailboxes:
    """What lies in Dovecot's mailboxes, and who can open it."""

    def __init__(self, sealing):
        self.s = sealing
        self.count = 0

    def send(self, to, service='xclient', sender='bob@elsewhere.example', parameters='', message=None, **letter_of):
        """One message by SMTP from outside; (its Message-ID, its queue id)."""
        self.count += 1
        message_id = 'm%d@elsewhere.example' % self.count
        to = [to] if isinstance(to, str) else to
        octets = message or letter(message_id, to=to[0], **letter_of)
        xclient = 'ADDR=203.0.113.5 NAME=[UNAVAILABLE]' if service == 'xclient' else None
        with Client(self.s.postfix.ports[service], xclient) as client:
            return message_id, client.send(sender, to, octets, parameters)

    def row(self, label, faults):
        self.s.results.row('sealing, mailboxes', label, faults)

    def sealed(self, label, user, who, to, mailbox='INBOX', not_by=('ann@store.example',), body='the code is 4711\r\n', **how):
        """A message TO ... lies in USER's MAILBOX, sealed for WHO and for nobody else."""
        try:
            message_id, queue_id = self.send(to, body=body, **how)
            stored = self.s.dovecot.wait(user, message_id, mailbox, log=self.s.postfix.log)
        except Failed as e:
            self.row(label, [str(e)])
            return None
        wanted = ('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n' + body).encode()
        faults = ['%s cannot read it with %s' % (person, r.name) for person in who for r in self.s.readers
                  if self.s.open(person, stored, r) != wanted]
        faults += ['%s reads it with %s' % (person, r.name) for person in not_by for r in self.s.readers
                   if self.s.open(person, stored, r) == wanted]
        if body.strip().encode() in self.s.dovecot.on_disk(user):
            faults.append('the text lies in clear on the disk')
        if 'sealed for=' not in self.s.line_of(queue_id):
            faults.append('the log: ' + self.s.line_of(queue_id))
        self.row(label, faults)
        return stored

    def run(self):
        jim, john = 'jim@store.example', 'john@store.example'
        self.sealed('own mailbox', 'jim', [jim], jim, not_by=(john, 'ann@store.example'))
        self.sealed('owner of the mailbox and account of the rule', 'jim', [jim, john], john, 'Bank',
                    frm='x@bank.example')
        self.sealed('an alias', 'jim', [jim], 'postmaster@store.example')
        self.sealed('a detail', 'jim', [jim], 'jim+Bank@store.example')
        self.sealed('the null sender', 'jim', [jim], jim, sender='')
        self.sealed('a large one, by the disk', 'jim', [jim], jim, body='0123456789 abcdefghij\r\n' * 50000)
        self._signed_too()
        self._clear()
        self._missing()
        self._expired()
        self._encrypted_already()
        self._copies()
        self._reload()

    def _signed_too(self):
        message = self.sealed('signed as well: own mail to an own account', 'jim', ['jim@store.example'],
                              'jim@store.example', service='smtp', frm='ann@store.example', sender='ann@store.example')
        if message is not None:
            head = message.index(b'DKIM-Signature:')     # LMTP puts fields on top
            self.row('signed as well: verified by all',
                     self.s.judge.faults(message[head:], 'store.example', ('rsa-sha256', 'ed25519-sha256')))

    def _clear(self):
        message_id, _ = self.send('john@store.example')
        stored = self.s.dovecot.wait('john', message_id)
        self.row('no rule applies: as it came', [] if b'the code is 4711' in stored else ['it was changed'])

    def _refused(self, label, to, reply, lines):
        before = len(self.s.mailseal.lines())
        try:
            self.send(to)
            self.row(label, ['it was taken'])
            return
        except Refused as e:
            faults = [] if reply in e.reply else ['the reply: ' + e.reply]
        said = '\n'.join(self.s.mailseal.lines()[before:])
        if lines not in said:
            faults.append('the log: ' + said)
        self.row(label, faults)

    def _missing(self):
        self._refused('no certificate, "defer": at RCPT', 'new@store.example', '451 4.7.5', 'NOQUEUE: recipient')
        self._refused('no certificate, "reject": at RCPT', 'no@refuse.example', '550 5.7.1', 'NOQUEUE: recipient')
        message_id, queue_id = self.send('any@plain.example')
        stored = self.s.dovecot.wait('any', message_id)
        line = self.s.line_of(queue_id)
        self.row('no certificate, "plain": stored in clear, and the log says so',
                 [] if b'4711' in stored and 'not sealed: no certificate' in line else [line])

    def _expired(self):
        message_id, queue_id = self.send('late@store.example')
        stored = self.s.dovecot.wait('late', message_id)
        line = self.s.line_of(queue_id)
        found = self.s.open('late@store.example', stored)
        self.row('expired a day ago: sealed, with a warning',
                 [] if b'4711' in found and 'has expired' in line else [line, repr(found)])
        self._refused('expired long ago: deferred at the end, since the rule asks for the subject', 'gone@store.example',
                      '451 4.7.5', 'temporary failure: no valid certificate of gone@store.example')

    def _encrypted_already(self):
        message_id, _ = self.send('jim@store.example')
        sealed = self.s.dovecot.wait('jim', message_id)
        inside = sealed[sealed.index(b'From: '):].replace(message_id.encode(), b'again@elsewhere.example')
        _, queue_id = self.send('jim@store.example', message=inside)
        stored = self.s.dovecot.wait('jim', 'again@elsewhere.example')
        line = self.s.line_of(queue_id)
        same = stored.split(b'\r\n\r\n', 1)[1] == sealed.split(b'\r\n\r\n', 1)[1]
        self.row('encrypted already: as it came', [] if same and 'encrypted already' in line else [line])

    def _copies(self):
        self._refused('two accounts, two contents: the second one is to come in a message of its own',
                      ['jim@store.example', 'late@store.example'], '452 4.5.3', 'deliver.reentry')
        self._refused('two accounts, two contents by what the message says: deferred at the end',
                      ['jim@store.example', 'john@store.example'], '451 4.7.5', 'deliver.reentry')

    def _reload(self):
        """A rule comes while the client's connection, and so Postfix's to us, is open."""
        with open(self.s.mailseal.conf) as f:
            text = f.read()
        with Client(self.s.postfix.ports['xclient'], 'ADDR=203.0.113.5 NAME=[UNAVAILABLE]') as client:
            client.send('bob@elsewhere.example', ['ann@store.example'], letter('before@elsewhere.example'))
            with open(self.s.mailseal.conf, 'w') as f:
                f.write(text.replace('rules = (', 'rules = (' + LATER, 1))
            self.s.mailseal.tool('reload')
            client.send('bob@elsewhere.example', ['ann@store.example'], letter('after@elsewhere.example'))
        before, after = (self.s.dovecot.wait('ann', '%s@elsewhere.example' % i) for i in ('before', 'after'))
        found = self.s.open('ann@store.example', after)
        self.row('a rule that a reload brings holds for the next message of a session',
                 [] if b'4711' in before and b'4711' in found and b'4711' not in after else [repr(found)])


def run(results, room, build, programs, bare, sink, name_server, judge, only=None):
    started = time.monotonic()
    sealing = Sealing(results, room, build, programs, sink, name_server, judge)
    Mailboxes(sealing).run()
    Corpus(sealing, bare, only).run()
    results.check('sealing, daemon', 'ends cleanly', sealing.mailseal.stop() == 0)
    print('sealing: %.0f s' % (time.monotonic() - started))
