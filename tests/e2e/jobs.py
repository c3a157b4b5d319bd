"""The corpus through every stand: signed, sealed, or both, judged where it arrives."""

import collections

import entity
import habits
import judge
from lib.room import Failed
from lib.smtp import Refused
from stands import OWN

ALGORITHMS = ('rsa-sha256', 'ed25519-sha256')
WHOLE = ('relaxed.example', 'simple.example')
VAULT, JIM = 'vault.example', 'jim@vault.example'
PARAMETERS = {False: 'BODY=8BITMIME', True: 'SMTPUTF8 BODY=8BITMIME'}    # for those that need SMTPUTF8
# Where the fields that forbid a signature go into the envelope.
SEALED_AWAY = ('header: more fields to sign than one can name',)
STRANGER = 'bob@elsewhere.example'


class Tally(collections.Counter):
    """What was done for one line of the table; why the mail server took no message, or broke a signature, how often."""

    def __init__(self):
        super().__init__()
        self.refused, self.broken = collections.Counter(), collections.Counter()


class Table:
    """Mail server x socket x job: what came of it."""

    def __init__(self):
        self.lines = {}

    def of(self, stand, job):
        return self.lines.setdefault((stand.server, stand.socket, job), Tally())

    def show(self, verifiers):
        names = [v.name for v in verifiers]
        print('%-9s %-5s %-7s %9s %11s' % ('server', 'at', 'job', 'messages', 'signatures'), *['%11s' % n for n in names],
              '%8s %8s' % ('opened', 'refused'))
        reasons = collections.Counter()
        for (server, socket, job), tally in sorted(self.lines.items()):
            print('%-9s %-5s %-7s %9d %11d' % (server, socket, job, tally['messages'], tally['signatures']),
                  *['%11d' % tally[n] for n in names], '%8d %8d' % (tally['opened'], sum(tally.refused.values())))
            reasons.update({(server, 'refused it', reason): n for reason, n in tally.refused.items()})
            reasons.update({(server, 'broke its signatures', reason): n for reason, n in tally.broken.items()})
        for (server, did, reason), count in sorted(reasons.items()):
            print('%s %s, %d times: %s' % (server, did, count, reason))
        print()     # contrib/run-tests ends with these lines


class Run:
    """The cases by one road, for one domain of ours, to one stand."""

    def __init__(self, stand, job, cases, judge_of, results, tally, road='smtp', domain='relaxed.example'):
        self.stand, self.job, self.cases, self.judge = stand, job, cases, judge_of
        self.results, self.tally, self.road, self.domain = results, tally, road, domain
        self.replies = {}      # the queue id of each that came by SMTP, or Refused
        self.group = '%s, %s, %s' % (job, stand.label, road if job != 'signed' else '%s, %s' % (OWN[domain], road))
        self.sender = STRANGER if job == 'sealed' else 'ann@' + domain

    def _to(self, number):
        """An address of its own for each; but what a rule seals goes into the mailbox that the rule names."""
        if self.job != 'signed':
            return JIM
        return 'c%d-%d-%s-%s@sink.example' % (number, self.stand.number, self.road, self.domain.partition('.')[0])

    def _bare_to(self, number):
        """As it was, past no filter: not by each stand, nor by each kind of socket."""
        tag = '%d-%s-%s-%s' % (number, self.stand.server, self.road, self.sender.partition('@')[2].partition('.')[0])
        return 'bare-%s@%s' % (tag, 'sink.example' if self.job == 'signed' else VAULT)

    def _message(self, case):
        return case.message(self.sender.partition('@')[2])

    # Sending: all of it before anything is judged.

    def send(self):
        if self.road == 'bounce':
            self._bounce()
        else:
            self.replies = self._send(self.stand.mta, self._to, self.cases)

    def send_bare(self):
        """What passes no filter, once for all stands of a mail server."""
        if self.road != 'bounce':
            self._send(self.stand.bare, self._bare_to, self.stand.house.first_time(self._bare_to, self.cases))

    def _send(self, mta, to, cases):
        return (self._submit if self.road == 'sendmail' else self._by_smtp)(mta, to, cases)

    def _by_smtp(self, mta, to, cases):
        who = 'unmended' if self.road == 'unmended' else 'outside' if self.job == 'sealed' else 'inside'
        client, replies = mta.client(who), {}
        for number, case in cases:
            try:
                replies[number] = client.send(self.sender, [to(number)], self._message(case), PARAMETERS[case.smtputf8])
            except Refused as e:    # after 421 the connection is gone
                replies[number] = e
                client.close()
                client = mta.client(who)
        client.quit()
        return replies

    def _submit(self, mta, to, cases):
        for number, case in cases:
            message = self._message(case)
            if not self.stand.habits.refusal(case, message):     # by SMTP it is seen how
                mta.sendmail(self.sender, message.replace(b'\r\n', b'\n'), [to(number)])
        return {}

    def _bounce(self):
        """The bounce of each message: what comes back is signed for the domain that the mail server writes in."""
        self.stand.mta.set(myorigin=self.domain)
        with self.stand.mta.client('past the filter') as client:
            for number, case in self.cases:
                client.send(self._to(number), ['nobody@fail.example'], self._message(case), PARAMETERS[case.smtputf8])
        for number, _ in self.cases:    # all of them, before the domain changes
            self.stand.arrived(self._to(number))

    # Judging.

    def look(self):
        for number, case in self.cases:
            try:
                faults = self._faults(number, case)
            except Failed as e:
                faults = str(e).splitlines()
            self.results.row(self.group, case.label, faults)

    def _faults(self, number, case):
        sent = self._message(case)
        refused = self._refusal(case, sent)
        reply = self.replies.get(number, '')
        reply = reply.reply if isinstance(reply, Refused) else ''
        if refused and self.road == 'sendmail':
            return []
        if refused or reply:
            self.tally.refused[refused] += 1
            return [] if refused and refused in reply else ['the reply: %r, not %r' % (reply, refused)]
        message = self._arrived(number)
        self.tally['messages'] += 1
        if self.road == 'bounce':      # of the mail server's own making, with the message inside
            return self.signed_faults(number, message, 'local')
        clear = self.stand.arrived(self._bare_to(number), bare=True)
        faults = [] if self.job == 'signed' else self._sealed_faults(case, sent, message, clear)
        if self.job != 'sealed':
            faults += self._signed_case(number, case, sent, message, clear)
        return faults

    def _arrived(self, number):
        to = self._to(number)
        return self.stand.arrived(to) if self.job == 'signed' else self.stand.arrived_as(to, self.replies[number])

    def _refusal(self, case, sent):
        own = self.stand.habits.refusal(case, sent)
        if not own and self.job != 'signed' and habits.too_large_for_rules(sent):
            return '552 5.3.4'
        return own

    def _signed_case(self, number, case, sent, message, clear):
        """Is it signed as it should be, and nothing else changed?"""
        why = None if self.job == 'both' and case.label in SEALED_AWAY else self.stand.habits.unsigned(case, self.road)
        changed = self._changed(case, judge.split(sent)[0] if self.job == 'both' else sent)
        if changed and not why:
            return self._broken_faults(message, changed)
        faults = (self.not_signed_faults(message, why) if why
                  else self.signed_faults(number, message, 'signed', self._limits(case)))
        return faults if self.job == 'both' else faults + self._changes(case, message, clear, not why)

    def _changed(self, case, text):
        simple = OWN.get(self.domain, 'relaxed').startswith('simple')
        return self.stand.habits.changed(case, text, self.road, simple)

    def _changes(self, case, message, clear, signed):
        cut, without_own = self.stand.habits.cut(case), self.stand.habits.without_own
        same = without_own(message, len(ALGORITHMS) if signed else 0) == without_own(clear, 0)
        if same and cut:
            return ['the mail server did not cut it: the signature was not put to the test']
        return [] if same or cut else ['the message differs from the one that met no filter']

    def _limits(self, case):
        relaxed = OWN.get(self.domain, 'relaxed').startswith('relaxed')
        return dict(case.limits, **(case.relaxed_limits if relaxed else {}))

    def _damages(self, number):
        """Both kinds on the main road in both canonicalizations; everywhere else one of them, by turns."""
        main = self.job == 'signed' and self.road == 'smtp' and self.stand.socket == 'unix' and self.domain in WHOLE
        return judge.DAMAGES if main else judge.DAMAGES[number % 2:][:1]

    def signed_faults(self, number, message, word, limits=()):
        return (self.judge.faults(message, self.domain, ALGORITHMS, limits, self.tally, self._damages(number))
                + judge.own_field_faults(message, len(ALGORITHMS))
                + self.stand.line_faults(judge.queue_id(message), 'signed', word))

    def not_signed_faults(self, message, word):
        faults = ['it is signed'] if judge.fields_of(message)[0].startswith(b'DKIM-Signature:') else []
        return faults + self.stand.line_faults(judge.queue_id(message), 'not signed', word)

    def _broken_faults(self, message, why):
        """The signature is there and no verifier takes it; the day that one does, the reason is no longer true."""
        self.tally.broken[why] += 1
        faults = ['%s verifies it, although %s' % (name, why) for name, found in self.judge.verify(message)
                  for (_, domain), reason in found.items() if domain == self.domain and reason is None]
        return faults + self.stand.line_faults(judge.queue_id(message), ' signed d=', self.stand.habits.risk[why])

    def _sealed_faults(self, case, sent, message, clear):
        wanted = entity.of(clear)
        if b'Content-Type: multipart/encrypted' in clear:
            return [] if entity.of(message) == wanted else ['it was changed, though it came encrypted']
        if b'smime-type=enveloped-data' not in message:
            return ['it was not sealed']
        if self._changed(case, sent):
            # Inside the envelope the lines are as they came; in clear they are broken.
            wanted = entity.of(sent if sent.endswith(b'\r\n') else sent + b'\r\n')
        faults, opened = self.stand.house.open_faults(JIM, message, wanted)
        self.tally['opened'] += opened
        return faults + self.stand.line_faults(judge.queue_id(message), 'sealed for=')

