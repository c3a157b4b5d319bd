"""Settings of a mail server that change mail after it was signed, and what it does while the filter is away.

Each scenario runs behind both mail servers, with the settings of each for it. Where a signature breaks, the log has named the
risk beforehand, or `mailseal postfix status` or `mailseal sendmail status` names the setting.
"""

import concurrent.futures
import json
import socket
import time

import judge
from entity import letter
from jobs import ALGORITHMS
from lib.postfix import Postfix
from lib.room import Failed
from lib.sendmail import Sendmail, filter_line
from lib.sink import Sink
from lib.smtp import Refused

OWN = 'relaxed.example'
HOLDS, BROKEN = 'holds', 'is broken'


class Setting:
    """A letter, and for each mail server: its lines, what becomes of the signature, and what names that: a word among the
    risks in the log, or a subject of `status`."""

    def __init__(self, label, postfix, sendmail, frm='ann@' + OWN, body='plain\r\n', encoding='8bit',
                 ctype='text/plain; charset=utf-8', declared=True, eightbit=True, local=False):
        """DECLARED: with BODY=8BITMIME; EIGHTBIT: the next server has it; LOCAL: by sendmail(1)."""
        self.declared = declared
        self.label, self.frm, self.body, self.eightbit, self.local = label, frm, body, eightbit, local
        self.encoding, self.ctype = encoding, ctype
        self.of = {'Postfix': postfix, 'Sendmail': sendmail}


LONG, EIGHT = 'x' * 1500 + '\r\n', 'Gr\u00fc\u00dfe\r\n'
HOST = 'ann@host.' + OWN
TABLE = 'genericstable'
MASQUERADE = ("MASQUERADE_AS(`%s')dnl\nMASQUERADE_DOMAIN(`host.%s')dnl\nFEATURE(`masquerade_envelope')dnl\n" % (OWN, OWN))
GENERICS = "FEATURE(`genericstable', `text -k0 -v1 %%(dir)s/generics')dnl\nGENERICS_DOMAIN(`host.%s')dnl\n" % OWN
LONG_TYPE = 'text/plain; charset=utf-8; name="%s"' % ('n' * 300)
SMTP = "define(`SMART_HOST', `smtp:[127.0.0.1]')dnl\ndefine(`SMTP_MAILER_ARGS', `TCP $h %(sink)d')dnl\n"

SETTINGS = [
    Setting('as it is', ('', HOLDS, ''), ('', HOLDS, '')),
    Setting('long lines', ('smtp_line_length_limit = 998', BROKEN, 'long-line'), ('', BROKEN, 'long-line'), body=LONG),
    Setting('long lines are let through', ('smtp_line_length_limit = 0', HOLDS, 'long-line'),
            ("define(`SMTP_MAILER_LL', `2040')dnl\n", HOLDS, 'long-line'), body=LONG),
    Setting('8-bit mail, and the next server does not take it', ('', BROKEN, '8bit'), (SMTP, BROKEN, '8bit'), body=EIGHT,
            eightbit=False),
    Setting('8-bit mail that nobody declared', ('', HOLDS, '8bit'), ("define(`confEIGHT_BIT_HANDLING', `mimefy')dnl\n", HOLDS,
                                                                     'EightBitMode'), body=EIGHT, declared=False),
    Setting('7-bit mail, and the next server takes no other', ('', HOLDS, ''), (SMTP, HOLDS, ''), encoding='7bit',
            eightbit=False),
    Setting('7-bit mail that says it is 8-bit', ('', BROKEN, '8bit'), (SMTP, HOLDS, '8bit'), eightbit=False),
    Setting('8-bit mail is let through', ('disable_mime_output_conversion = yes', HOLDS, '8bit'),
            (SMTP + "MODIFY_MAILER_FLAGS(`SMTP', `+8')dnl\n", HOLDS, '8bit'), body=EIGHT, eightbit=False),
    # Postfix does this before its filters.
    Setting('masquerading', ('masquerade_domains = ' + OWN, HOLDS, ''), (MASQUERADE, BROKEN, 'MASQUERADE_AS'), frm=HOST),
    Setting('masquerading of sendmail(1), in submit.mc', ('masquerade_domains = ' + OWN, HOLDS, ''),
            ('', HOLDS, '', MASQUERADE), frm=HOST, local=True),
    Setting('senders by a table', ('sender_canonical_maps = inline:{%s=boss@%s}' % (HOST, OWN), HOLDS, ''),
            (GENERICS, BROKEN, TABLE), frm=HOST),
    Setting('senders of sendmail(1) by a table, in submit.mc',
            ('sender_canonical_maps = inline:{%s=boss@%s}' % (HOST, OWN), HOLDS, ''), ('', HOLDS, '', GENERICS), frm=HOST,
            local=True),
    Setting('long MIME fields', ('', HOLDS, ''), ("define(`confMAX_MIME_HEADER_LENGTH', `256/128')dnl\n", BROKEN,
                                                  'MaxMimeHeaderLength'), ctype=LONG_TYPE),
    Setting('long MIME fields as they are', ('', HOLDS, ''), ('', HOLDS, ''), ctype=LONG_TYPE),
]

# What the sender of mail is told while nobody is at the socket, or somebody who does not answer.
AWAY = [
    ('deferred', 'milter_default_action = tempfail', 'T', ('451 4.7.1', '451 4.3.2')),
    ('refused', 'milter_default_action = reject', 'R', ('554 ', '554 ')),
    ('passed on, unsigned', 'milter_default_action = accept', '', ('', '')),
]


class Settings:
    def __init__(self, results, stands, judge_of):
        self.results, self.judge = results, judge_of
        # A socket that the chrooted services of any Postfix reach.
        self.stands = {s.server: s for s in stands if s.socket == 'inet'}
        house = stands[0].house
        self.room, self.programs, self.sink = house.room, house.programs, house.sink
        self.old = Sink(self.room, eightbit=False)
        self.count = dict.fromkeys(self.stands, 0)

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(len(self.stands)) as pool:
            list(pool.map(self._behind, self.stands.values()))

    def _behind(self, stand):
        server = stand.server
        for setting in SETTINGS:
            self._row('settings, ' + server, setting.label, lambda: self._faults(stand, setting))
        for label, *how in AWAY:
            self._row('settings, ' + server, 'nobody is there: ' + label, lambda: self._away(server, *how))
        self._row('settings, ' + server, 'somebody is there, and does not answer', lambda: self._mute(server))

    def _row(self, group, label, look):
        try:
            faults = look()
        except Failed as e:
            faults = str(e).splitlines()
        self.results.row(group, label, faults)

    def _name(self, server):
        self.count[server] += 1
        return 'set%d-%s' % (self.count[server], server.lower())

    def _start(self, server, name, lines, milter, sink, submit=''):
        if server == 'Postfix':
            return Postfix(self.room, name, self.programs.postfix, sink.port, milter, lines.splitlines())
        self.room.write(self.room.dir(name) + '/generics', '%s boss@%s\n' % (HOST, OWN))
        values = {'dir': self.room.file(name), 'sink': sink.port}
        return Sendmail(self.room, name, self.programs.sendmail, sink.port, more=milter + lines % values,
                        submit=submit % values)

    def _faults(self, stand, setting):
        lines, wanted, named, *submit = setting.of[stand.server]
        name, sink = self._name(stand.server), self.sink if setting.eightbit else self.old
        mta = self._start(stand.server, name, lines, stand.wiring, sink, *submit)
        try:
            message = self._send(mta, sink, name, setting)
            return self._judge(stand, mta, message, wanted, named)
        finally:
            mta.end()

    def _send(self, mta, sink, name, setting):
        to = name + '@sink.example'
        octets = letter(name, frm=setting.frm, to=to, body=setting.body, encoding=setting.encoding, ctype=setting.ctype)
        if setting.local:
            mta.sendmail(setting.frm, octets.replace(b'\r\n', b'\n'), [to])
        else:
            with mta.client() as client:
                client.send(setting.frm, [to], octets, 'BODY=8BITMIME' if setting.declared else '')
        return mta.wait(lambda: sink.wait(to, 30)).data

    def _judge(self, stand, mta, message, wanted, named):
        broken = self.judge.faults(message, OWN, ALGORITHMS, damages=())
        lines = stand.lines_of(judge.queue_id(message))
        faults = [] if len(lines) == 1 and ' signed d=' + OWN in lines[0] else ['the log: %s' % lines]
        risks = lines[0].partition(' risks=')[2].split(' ')[0].split(',') if lines else []
        if named and named not in risks and named not in self._status(stand, mta):
            faults.append('%s is named neither in the log (%s) nor by status (%s)' % (named, risks, self._status(stand, mta)))
        if wanted == HOLDS:
            return faults + broken
        return faults if broken else faults + ['the signature holds']

    @staticmethod
    def _status(stand, mta):
        """The subjects of what `status` finds."""
        where = ['--config-dir', mta.etc] if mta.kind == 'Postfix' else [mta.cf]
        environment = mta.programs.tools() if mta.kind == 'Postfix' else None
        said = stand.mailseal.tool(mta.kind.lower(), 'status', *where, '--json', good=(0, 1), env=environment)
        return [finding['subject'] for finding in json.loads(said)['findings']]

    def _with_filter(self, server, action, flags, port):
        """A mail server whose filter is at a port, with 3 s for everything."""
        name = self._name(server)
        if server == 'Postfix':
            return self._start(server, name, action + '\nmilter_connect_timeout = 3s\nmilter_command_timeout = 3s\n',
                               'inet:127.0.0.1:%d' % port, self.sink), name
        return self._start(server, name, '', filter_line('mailseal', 'inet:%d@127.0.0.1' % port, flags,
                                                         'C:3s;S:3s;R:3s;E:3s') + '\n', self.sink), name

    def _away(self, server, action, flags, replies):
        mta, name = self._with_filter(server, action, flags, self.room.port())
        try:
            return self._told(mta, name, replies[server == 'Sendmail'])
        finally:
            mta.end()

    def _told(self, mta, name, reply):
        to = name + '@sink.example'
        try:
            with mta.client() as client:
                client.send('ann@' + OWN, [to], letter(name, frm='ann@' + OWN, to=to))
        except Refused as e:
            return [] if reply and e.reply.startswith(reply) else ['the reply: %s' % e.reply]
        if reply:
            return ['it was taken']
        return ['it is signed'] if b'DKIM-Signature' in mta.wait(lambda: self.sink.wait(to, 30)).data else []

    def _mute(self, server):
        """A filter that takes connections and says nothing: deferred, after the times that are set."""
        _, action, flags, replies = AWAY[0]
        with socket.create_server(('127.0.0.1', 0)) as listener:
            mta, name = self._with_filter(server, action, flags, listener.getsockname()[1])
            started = time.monotonic()
            try:
                faults = self._told(mta, name, replies[server == 'Sendmail'])
            finally:
                mta.end()
        return faults if time.monotonic() - started < 40 else faults + ['the sender waited for more than 40 s']
