"""Mailboxes of a real Dovecot, with mail sealed by rules on its way there, behind each mail server."""

import re

from entity import letter
from jobs import ALGORITHMS
from lib.room import Failed
from lib.smtp import Refused

LMTP_DOMAINS = ('store.example', 'plain.example', 'refuse.example')
ALIASES = {'postmaster@store.example': 'jim@store.example'}
# vault.example goes on to the sink, the others into Dovecot.
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
LATER = '''
  { name = "reloaded %d"; level = "account"; owner = "ann%d@store.example";
    do = ( ("Store Encrypted in", "INBOX"), ("Discard") ); },
'''


def furnish(house):
    """The domains and the people of RULES."""
    house.knows('refuse.example', 'seal = { on_missing_certificate = "reject"; };')
    house.knows('plain.example', 'seal = { on_missing_certificate = "plain"; };')
    house.knows('store.example')    # the rules name all of them
    house.signs('store.example')
    for name in ['jim', 'john', 'ann'] + ['ann%d' % n for n in range(4)]:
        house.person(name + '@store.example')
    house.person('late@store.example', '-1d', readable=False)
    house.person('gone@store.example', '-20d', readable=False)


class Mailboxes:
    """What lies in Dovecot's mailboxes behind a mail server, and who can open it."""

    def __init__(self, results, stand, dovecot, judge_of):
        self.results, self.stand, self.dovecot, self.judge = results, stand, dovecot, judge_of
        self.people, self.readers = stand.house.people, stand.house.readers
        self.count = 0

    def send(self, to, who='outside', sender='bob@elsewhere.example', message=None, **letter_of):
        """One message by SMTP; (its Message-ID, its queue id)."""
        self.count += 1
        message_id = 'm%d.%d@elsewhere.example' % (self.count, self.stand.number)
        to = [to] if isinstance(to, str) else to
        octets = message or letter(message_id, to=to[0], **letter_of)
        with self.stand.mta.client(who) as client:
            return message_id, client.send(sender, to, octets)

    def stored(self, user, message_id, mailbox='INBOX'):
        return self.stand.mta.wait(lambda: self.dovecot.wait(user, message_id, mailbox))

    def open(self, who, message, reader=None):
        return (reader or self.readers[0]).open(self.people[who], message)

    def row(self, label, look):
        try:
            faults = look()
        except Failed as e:
            faults = str(e).splitlines()
        self.results.row('mailboxes, ' + self.stand.label, label, faults)

    def sealed(self, user, people, to, mailbox='INBOX', not_by=('ann@store.example',), body='the code is 4711\r\n', **how):
        """A message TO ... is to lie in USER's MAILBOX, sealed for PEOPLE and for nobody else. (faults, the message)"""
        message_id, queue_id = self.send(to, body=body, **how)
        stored = self.stored(user, message_id, mailbox)
        wanted = ('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n' + body).encode()
        faults = ['%s cannot read it with %s' % (person, r.name) for person in people for r in self.readers
                  if self.open(person, stored, r) != wanted]
        faults += ['%s reads it with %s' % (person, r.name) for person in not_by for r in self.readers
                   if self.open(person, stored, r) == wanted]
        if body.strip().encode() in self.dovecot.on_disk(user):
            faults.append('the text lies in clear on the disk')
        return faults + self.stand.line_faults(queue_id, 'sealed for='), stored

    def run(self):
        jim, john, ann = 'jim@store.example', 'john@store.example', 'ann@store.example'
        self.row('own mailbox', lambda: self.sealed('jim', [jim], jim, not_by=(john, ann))[0])
        self.row('owner of the mailbox and account of the rule',
                 lambda: self.sealed('jim', [jim, john], john, 'Bank', frm='x@bank.example')[0])
        self.row('an alias', lambda: self.sealed('jim', [jim], 'postmaster@store.example')[0])
        self.row('a detail', lambda: self.sealed('jim', [jim], 'jim+Bank@store.example')[0])
        self.row('the null sender', lambda: self.sealed('jim', [jim], jim, sender='')[0])
        self.row('a large one, by the disk',
                 lambda: self.sealed('jim', [jim], jim, body='0123456789 abcdefghij\r\n' * 50000)[0])
        self.row('signed as well: own mail to an own account', self._signed_too)
        self.row('no rule applies: as it came', self._clear)
        self._missing()
        self._expired()
        self.row('encrypted already: as it came', self._encrypted_already)
        self._copies()
        self.row('a rule that a reload brings holds for the next message of a session', self._reload)

    def _signed_too(self):
        ann = 'ann@store.example'
        faults, message = self.sealed('jim', ['jim@store.example'], 'jim@store.example', who='inside', frm=ann, sender=ann)
        head = message.index(b'DKIM-Signature:')     # LMTP puts fields on top
        return faults + self.judge.faults(message[head:], 'store.example', ALGORITHMS)

    def _clear(self):
        message_id, _ = self.send('john@store.example')
        return [] if b'the code is 4711' in self.stored('john', message_id) else ['it was changed']

    def _refused(self, to, reply, words):
        before = len(self.stand.mailseal.lines())
        try:
            self.send(to)
            return ['it was taken']
        except Refused as e:
            faults = [] if reply in e.reply else ['the reply: ' + e.reply]
        said = '\n'.join(self.stand.mailseal.lines()[before:])
        return faults if re.search(words, said) else faults + ['the log: ' + said]

    def _missing(self):
        self.row('no certificate, "defer": at RCPT',
                 lambda: self._refused('new@store.example', '451 4.7.5', self.stand.habits.at_rcpt))
        self.row('no certificate, "reject": at RCPT',
                 lambda: self._refused('no@refuse.example', '550 5.7.1', self.stand.habits.at_rcpt))
        self.row('no certificate, "plain": stored in clear, and the log says so', self._in_clear)

    def _in_clear(self):
        message_id, queue_id = self.send('any@plain.example')
        faults = self.stand.line_faults(queue_id, 'not sealed: no certificate')
        return faults if b'4711' in self.stored('any', message_id) else faults + ['it is not stored in clear']

    def _expired(self):
        self.row('expired a day ago: sealed, with a warning', self._late)
        self.row('expired long ago: deferred at the end, since the rule asks for the subject',
                 lambda: self._refused('gone@store.example', '451 4.7.5',
                                       'temporary failure: no valid certificate of gone@store.example'))

    def _late(self):
        message_id, queue_id = self.send('late@store.example')
        found = self.open('late@store.example', self.stored('late', message_id))
        return self.stand.line_faults(queue_id, 'has expired') + ([] if b'4711' in found else [repr(found)])

    def _encrypted_already(self):
        message_id, _ = self.send('jim@store.example')
        sealed = self.stored('jim', message_id)
        again = 'again%d@elsewhere.example' % self.stand.number
        _, queue_id = self.send('jim@store.example',
                                message=sealed[sealed.index(b'From: '):].replace(message_id.encode(), again.encode()))
        stored = self.stored('jim', again)
        same = stored.split(b'\r\n\r\n', 1)[1] == sealed.split(b'\r\n\r\n', 1)[1]
        return self.stand.line_faults(queue_id, 'encrypted already') + ([] if same else ['it was changed'])

    def _copies(self):
        self.row('two accounts, two contents: the second one is to come in a message of its own',
                 lambda: self._refused(['jim@store.example', 'late@store.example'], '452 4.5.3', 'deliver.reentry'))
        self.row('two accounts, two contents by what the message says: deferred at the end',
                 lambda: self._refused(['jim@store.example', 'john@store.example'], '451 4.7.5', 'deliver.reentry'))

    def _reload(self):
        """A rule comes while the client's connection, and so the mail server's to us, is open."""
        user, mailseal = 'ann%d' % self.stand.number, self.stand.mailseal
        before, after = ('%s%d@elsewhere.example' % (i, self.stand.number) for i in ('before', 'after'))
        with self.stand.mta.client('outside') as client:
            client.send('bob@elsewhere.example', [user + '@store.example'], letter(before))
            with open(mailseal.conf) as f:
                text = f.read()
            with open(mailseal.conf, 'w') as f:
                f.write(text.replace('rules = (', 'rules = (' + LATER % (self.stand.number, self.stand.number), 1))
            mailseal.tool('reload')
            client.send('bob@elsewhere.example', [user + '@store.example'], letter(after))
        clear, sealed = self.stored(user, before), self.stored(user, after)
        found = self.open(user + '@store.example', sealed)
        return [] if b'4711' in clear and b'4711' in found and b'4711' not in sealed else [repr(found)]
