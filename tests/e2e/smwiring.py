"""What `mailseal sendmail show` prints and what `sendmail status` says, held against m4, Sendmail's own cf directory and a
real Sendmail: the lines build and run, each finding is seen in what was built, and what Sendmail does is what was said."""

import json
import os
import re
import shutil
import socket
import subprocess

import judge
from entity import letter
from jobs import ALGORITHMS
from lib import sendmail, verify
from lib.dns import NameServer
from lib.room import Failed, Room, port_open
from lib.seald import Mailseal
from lib.sendmail import Sendmail, daemon_line
from lib.sink import Sink
from lib.smtp import Client, Refused

DOMAIN = 'wired.example'
GROUP = 'sendmail status'

# A configuration for m4 alone; what is in order is as in the daemon's of lib/sendmail.py.
PLAIN_MC = """divert(-1)dnl
include(`%(cf)s/m4/cf.m4')dnl
divert(0)dnl
OSTYPE(`linux')dnl
DOMAIN(`generic')dnl
define(`confDONT_BLAME_SENDMAIL', `%(blame)s')dnl
define(`ALIAS_FILE', `')dnl
define(`confCW_FILE', `-o /x')dnl
FEATURE(`no_default_msa')dnl
%(more)s
MAILER(`smtp')dnl
"""
MUST_QUOTE = "define(`confMUST_QUOTE_CHARS', `')dnl\n"
GOOD = MUST_QUOTE + "FEATURE(`nocanonify')dnl\n"
MACROS = ('connect', 'helo', 'envfrom', 'envrcpt', 'eom')
CERTIFICATE = ['{verify}', '{cn_subject}', '{cn_issuer}']
OURS = {'connect': ['v'], 'helo': CERTIFICATE, 'envfrom': CERTIFICATE}
ADDED = "define(`confMILTER_MACROS_%s', confMILTER_MACROS_%s`, {client_ptr}')dnl\n"

# (what is said, lines of the .mc behind ours or in their place, the subjects of the findings that are no notes)
SETTINGS = [
    ('in order', GOOD + '%(show)s', []),
    ('as packaged', '%(show)s', ['nocanonify']),
    ('confMUST_QUOTE_CHARS', GOOD + "%(show)sdefine(`confMUST_QUOTE_CHARS', `.!')dnl\n", ['MustQuoteChars']),
    ('confNO_RCPT_ACTION', GOOD + "%(show)sdefine(`confNO_RCPT_ACTION', `add-to')dnl\n", ['NoRecipientAction']),
    ('confNO_RCPT_ACTION add-bcc', GOOD + "%(show)sdefine(`confNO_RCPT_ACTION', `add-bcc')dnl\n", []),
    ('no host names looked up by the daemon', MUST_QUOTE + "%(show)sDAEMON_OPTIONS(`Name=MTA, Port=25, M=C')dnl\n", []),
    ('MASQUERADE_AS', GOOD + "%(show)sMASQUERADE_AS(`example.com')dnl\n", ['MASQUERADE_AS']),
    ('MASQUERADE_DOMAIN alone', GOOD + "%(show)sMASQUERADE_DOMAIN(`example.com')dnl\n", []),
    ('masquerade_envelope alone', GOOD + "%(show)sFEATURE(`masquerade_envelope')dnl\n", []),
    ('genericstable', GOOD + "%(show)sFEATURE(`genericstable', `hash /x')dnl\n", ['genericstable']),
    ('domaintable', GOOD + "%(show)sFEATURE(`domaintable', `hash /x')dnl\n", ['domaintable']),
    ('virtusertable without rules', GOOD + "%(show)sFEATURE(`virtusertable', `hash /x')dnl\n", []),
    ('mailertable', GOOD + "%(show)sFEATURE(`mailertable', `hash /x')dnl\n", []),
    ('confMAX_MIME_HEADER_LENGTH', GOOD + "%(show)sdefine(`confMAX_MIME_HEADER_LENGTH', `256/128')dnl\n",
     ['MaxMimeHeaderLength']),
    ('confMAX_MIME_HEADER_LENGTH 0/0', GOOD + "%(show)sdefine(`confMAX_MIME_HEADER_LENGTH', `0/0')dnl\n", []),
    ('confMAX_HEADERS_LENGTH', GOOD + "%(show)sdefine(`confMAX_HEADERS_LENGTH', `4096')dnl\n", ['MaxHeadersLength']),
    ('confEIGHT_BIT_HANDLING', GOOD + "%(show)sdefine(`confEIGHT_BIT_HANDLING', `mimefy')dnl\n", ['EightBitMode']),
    ('confEIGHT_BIT_HANDLING pass8', GOOD + "%(show)sdefine(`confEIGHT_BIT_HANDLING', `pass8')dnl\n", []),
    ('SMTP_MAILER_LL', GOOD + "%(show)sdefine(`SMTP_MAILER_LL', `80')dnl\n", ['mailer smtp, esmtp, smtp8, dsmtp']),
    ('SMTP_MAILER_FLAGS', GOOD + "%(show)sdefine(`SMTP_MAILER_FLAGS', `c')dnl\n",
     ['mailer smtp, esmtp, smtp8, dsmtp, relay']),
    ('MODIFY_MAILER_FLAGS', GOOD + "%(show)sMODIFY_MAILER_FLAGS(`ESMTP', `+7')dnl\n", ['mailer esmtp']),
    ('another filter in front', GOOD + "INPUT_MAIL_FILTER(`other', `S=unix:/x')dnl\n%(show)s", []),
    ('another filter behind', GOOD + "%(show)sINPUT_MAIL_FILTER(`other', `S=unix:/x')dnl\n", ['InputMailFilters']),
    ('confINPUT_MAIL_FILTERS', GOOD + "MAIL_FILTER(`other', `S=unix:/x')dnl\n%(show)s"
     "define(`confINPUT_MAIL_FILTERS', `mailseal, other')dnl\n", ['InputMailFilters']),
    ('MAIL_FILTER alone', GOOD + "MAIL_FILTER(`mailseal', `S=%(socket)s, F=T')dnl\n", ['InputMailFilters']),
    ('no filter', GOOD, ['InputMailFilters']),
    ('a daemon with filters of its own', GOOD + "INPUT_MAIL_FILTER(`other', `S=unix:/x')dnl\n%(show)s"
     "DAEMON_OPTIONS(`Name=MSA, Port=587, M=Ea, InputMailFilters=other')dnl\n", ['DaemonPortOptions: MSA']),
    ('a daemon with our filter', GOOD + "INPUT_MAIL_FILTER(`other', `S=unix:/x')dnl\n%(show)s"
     "DAEMON_OPTIONS(`Name=MSA, Port=587, M=Ea, InputMailFilters=other;mailseal')dnl\n", []),
    ('F=R', GOOD + "INPUT_MAIL_FILTER(`mailseal', `S=%(socket)s, F=R')dnl\n", ['Xmailseal']),
    ('neither F=T nor F=R', GOOD + "INPUT_MAIL_FILTER(`mailseal', `S=%(socket)s')dnl\n", ['Xmailseal']),
    ('short times', GOOD + "INPUT_MAIL_FILTER(`mailseal', `S=%(socket)s, F=T, T=R:2s')dnl\n", ['Xmailseal']),
]


class Wiring:
    def __init__(self, results, build, room):
        self.results, self.build, self.room = results, build, room
        self.programs = sendmail.unpack(room)
        self.base = self.macros(self.cf('base', "INPUT_MAIL_FILTER(`other', `S=unix:/x')dnl\n"))

    def row(self, label, faults):
        try:
            self.results.row(GROUP, label, faults())
        except Failed as e:
            self.results.row(GROUP, label, str(e).splitlines())

    def conf(self, socket_words):
        return self.room.write('wired.conf', 'milter = { socket = "%s"; }; state_dir = "%s"; domains = ( { name = "%s"; } );'
                               % (socket_words, self.room.file('none'), DOMAIN))

    def tool(self, conf, *words):
        """(exit status, standard output)"""
        done = subprocess.run([os.path.join(self.build, 'src/tool/mailseal'), '-c', conf, *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1):
            raise Failed('mailseal %s: %d\n%s' % (' '.join(words), done.returncode, done.stderr))
        return done.returncode, done.stdout

    def cf(self, name, more, blame='Safe'):
        """A sendmail.cf, built; its path."""
        mc = self.room.write(name + '.mc', PLAIN_MC % {'cf': self.programs.cf, 'more': more, 'blame': blame})
        done = subprocess.run(['m4', mc], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0 or done.stderr:
            raise Failed('m4 %s: %s' % (mc, done.stderr.decode()))
        return self.room.write(name + '.cf', done.stdout)

    @staticmethod
    def macros(cf):
        """{stage: [macro]} of the lists in a built configuration."""
        with open(cf) as f:
            found = dict(re.findall(r'^O Milter\.macros\.(\w+)=(.*)$', f.read(), re.M))
        return {stage: re.split(', *', found.get(stage, '')) for stage in MACROS}

    def sendmail_says(self, cf):
        """What the real one writes when it reads a configuration, with what it thinks of sockets."""
        done = subprocess.run(['unshare', '-u', 'sh', '-c', 'hostname mta.example; exec "$@"', 'sh', self.programs.sendmail,
                               '-C' + cf, '-bt', '-d64.5'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.stdout

    # --- the lines

    def lines(self):
        for words in ('unix:/run/mailseal/mailseal.sock', 'inet:8891@127.0.0.1', 'inet6:8891@::1'):
            show = self.tool(self.conf(words), 'sendmail', 'show')[1]
            self.row('show builds, ' + words, lambda w=words, s=show: self._built(w, s, '', ''))
        self.row('the man page has the line', self._documented)
        self.row('what the man page says to set builds', self._to_set)
        added = ''.join(ADDED % (stage, stage) for stage in ('CONNECT', 'HELO', 'ENVFROM'))
        for label, before, after in (('in front of our lines', added, ''), ('behind our lines', '', added),
                                     ('on both sides', added, added), ('in front of our lines, given twice', added, show),
                                     ('behind ours, given twice', show, added)):
            twice = '' if show in (before, after) else show
            self.row('macros of others ' + label, lambda b=before, a=after, t=twice: self._built(None, t, b, a))

    def _built(self, words, show, before, after):
        """The macros of Sendmail's own are all there, ours as well, and so are those of others."""
        others = ['{client_ptr}'] if ADDED[:30] in before + after else []
        # The same filter twice is no matter of macros.
        text = re.sub(r'(?m)^INPUT_MAIL_FILTER.*\n', '', before + show + after) if others else before + show + after
        cf = self.cf('lines', text)
        found = self.macros(cf)
        faults = []
        for stage in MACROS:
            wanted = self.base[stage] + OURS.get(stage, []) + (others if stage in OURS else [])
            faults += ['macros.%s lacks %s: %s' % (stage, m, found[stage]) for m in wanted if m not in found[stage]]
            if any('`' in m or "'" in m or 'conf' in m for m in found[stage]):
                faults.append('macros.%s: %s' % (stage, found[stage]))
        said = self.sendmail_says(cf)
        faults += [line for line in said.splitlines() if re.search(r': line \d+: ', line)]
        if words is not None:
            with open(cf) as f:
                text = f.read()
            if 'Xmailseal, S=%s, F=T, T=C:10s;S:1m;R:1m;E:5m\n' % words not in text:
                faults.append('no such filter')
            if '\nO InputMailFilters=mailseal\n' not in text or 'Xmailseal: E=300' not in said:
                faults.append('it is not used: ' + said)
        return faults

    @staticmethod
    def _man_page():
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../doc/mailseald.8')) as f:
            text = f.read().replace('\\(ga', '`').replace('\\(aq', "'")
        return text[text.index('.Sh SENDMAIL'):text.index('.Sh ENVIRONMENT')]

    def _documented(self):
        show = self.tool(self.conf('unix:/run/mailseal/mailseal.sock'), 'sendmail', 'show')[1]
        found = re.findall(r'(?m)^INPUT_MAIL_FILTER.*$', self._man_page())
        return [] if found and all(line in show.splitlines() for line in found) else found + show.splitlines()

    def _to_set(self):
        """Every setting that is given whole; the features that it warns of as well."""
        words = re.findall(r"(?m)\b((?:define|FEATURE|MODIFY_MAILER_FLAGS)\(`[^\n]*?'\))", self._man_page())
        cf = self.cf('to-set', ''.join(w + 'dnl\n' for w in words if 'table' not in w))
        said = [line for line in self.sendmail_says(cf).splitlines() if re.search(r': line \d+: ', line)]
        with open(cf) as f:
            mailers = dict(re.findall(r'^M(\w+),.*?F=([^,]*).*L=', f.read(), re.M))
        return said + ([] if '8' in mailers['esmtp'] and len(words) > 4 else [repr(words), repr(mailers)])

    # --- settings

    def settings(self):
        with socket.socket(socket.AF_UNIX) as s:
            path = self.room.dir('settings') + '/m.sock'
            s.bind(path)
            s.listen(100)
            conf = self.conf('unix:' + path)
            show = self.tool(conf, 'sendmail', 'show')[1]
            for label, lines, want in SETTINGS:
                self.row(label, lambda m=lines % {'show': show, 'socket': 'unix:' + path}, w=want: self._said(conf, m, w))

    def _said(self, conf, more, want):
        status, out = self.tool(conf, 'sendmail', 'status', self.cf('setting', more, 'TrustStickyBit'), '--json')
        found = [f['subject'] for f in json.loads(out)['findings'] if f['level'] != 'note']
        faults = [] if found == want else ['it names %r, not %r' % (found, want), out]
        return faults if status == (1 if want else 0) else faults + ['exit status %d' % status]

    # --- the socket

    def sockets(self):
        """Whether Sendmail takes a socket, by itself and by what is said of it."""
        top = self.room.dir('sockets', mode=0o755)
        os.mkdir(top + '/d')
        os.symlink('d', top + '/relative')
        os.symlink(top + '/d', top + '/absolute')
        answers = set()
        for mode in (0o700, 0o755, 0o2750, 0o770, 0o777, 0o1777, 0o1770):
            for blame in ('Safe', 'TrustStickyBit', 'GroupWritableDirPathSafe', 'TrustStickyBit,GroupWritableDirPathSafe'):
                for where in ('d', 'relative', 'absolute') if blame == 'TrustStickyBit' else ('d',):
                    label = 'directory %04o, %s, %s' % (mode, blame, where)
                    self.row(label, lambda m=mode, b=blame, w=where: self._taken(top, m, b, w, answers))
        for label, prepare, run_as in (
                ('mode 0660', lambda p: os.chmod(p, 0o660), ''), ('mode 0600', lambda p: os.chmod(p, 0o600), ''),
                ('mode 0077', lambda p: os.chmod(p, 0o077), ''), ('a second name', lambda p: os.link(p, p + '2'), ''),
                ('a symbolic link', lambda p: (os.rename(p, p + '2'), os.symlink('m.sock2', p)), ''),
                ('mode 0660 for RunAsUser', lambda p: os.chmod(p, 0o660), 'nobody:nogroup'),
                ('mode 0666 for RunAsUser', lambda p: os.chmod(p, 0o666), 'nobody:nogroup'),
                ('group of RunAsUser', lambda p: (shutil.chown(p, 'daemon', 'nogroup'), os.chmod(p, 0o660)), 'nobody:nogroup'),
                ('owned by RunAsUser', lambda p: (shutil.chown(p, 'nobody'), os.chmod(p, 0o600)), 'nobody:nogroup')):
            self.row('socket: ' + label, lambda p=prepare, r=run_as: self._taken(top, 0o755, 'TrustStickyBit', 'd', answers, p, r))
        self.results.check(GROUP, 'sockets: some are taken, others not', answers == {True, False}, repr(answers))

    def _taken(self, top, mode, blame, where, answers, prepare=lambda path: None, run_as=''):
        path = '%s/%s/m.sock' % (top, where)
        os.chmod(top + '/d', mode)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            s.listen(20)
            os.chmod(path, 0o770)
            try:
                prepare(path)
                conf = self.conf('unix:' + path)
                more = self.tool(conf, 'sendmail', 'show')[1]
                if run_as:
                    more += "define(`confRUN_AS_USER', `%s')dnl\n" % run_as
                cf = self.cf('socket', more, blame)
                taken = 'unsafe' not in self.sendmail_says(cf)
                findings = json.loads(self.tool(conf, 'sendmail', 'status', cf, '--json')[1])['findings']
            finally:
                for name in (path, path + '2'):
                    if os.path.lexists(name):
                        os.unlink(name)
        answers.add(taken)
        # That RunAsUser may not connect is found by trying, and is another finding.
        errors = [f['text'] for f in findings if f['level'] == 'error' and 'may not connect' not in f['text']]
        if taken != (not errors):
            return ['Sendmail %s it: %r' % ('takes' if taken else 'does not take', findings)]
        return []

    # --- without us

    def away(self):
        """What becomes of mail while nobody listens is what was said."""
        sink = Sink(self.room)
        for flags, word, reply in (('T', 'deferred', '451'), ('4', 'deferred, and the connection closed', '421'),
                                   ('R', 'refused', '5'), ('', 'passed on', '250'), ('RT', 'deferred', '451')):
            self.row('F=' + flags, lambda f=flags, w=word, r=reply: self._without_us(sink, f, w, r))

    def _without_us(self, sink, flags, word, wanted):
        name = 'away-' + (flags or 'none')
        path = self.room.dir(name + '-milter') + '/m.sock'
        server = Sendmail(self.room, name, self.programs, sink.port, more=sendmail.filter_line('mailseal', 'unix:' + path, flags))
        said = json.loads(self.tool(self.conf('unix:' + path), 'sendmail', 'status', server.cf, '--json')[1])
        to = name + '@sink.example'
        try:
            with Client(server.ports['smtp']) as client:
                client.send('ann@' + DOMAIN, [to], letter(name, frm='ann@' + DOMAIN, to=to))
            reply = '250 ' + ('' if server.wait(lambda: sink.wait(to)) else 'lost')
        except Refused as e:
            reply = e.reply
        self.room.drop(server.process)
        faults = [] if said['away'] == word else ['it says %r, not %r' % (said['away'], word)]
        return faults if reply.startswith(wanted) else faults + ['Sendmail answers %r, not %s' % (reply, wanted)]

    # --- with us

    def live(self):
        """The lines as printed, a real Sendmail, the daemon: mail is signed, and nothing is wrong."""
        room, sink, name_server = self.room, Sink(self.room), NameServer(self.room)
        where = room.dir('wired-milter', mode=0o711, owner='nobody', group='nogroup') + '/mailseal.sock'
        mailseal = Mailseal(room, self.build, where, name_server.address, name='wired')
        name_server.add(mailseal.domain(DOMAIN, 'subdomains = true;'))
        mailseal.start()
        self.judge = judge.Judge([verify.Dkimpy(room, name_server)])
        port, port6 = room.port(), room.port()
        self.row('live, unix', lambda: self._signed('unix', sink, mailseal.conf))
        twin = mailseal.twin('inet:%d@127.0.0.1' % port, lambda: port_open(port))
        self.row('live, inet', lambda: self._signed('inet', sink, twin.conf))
        self.row('live, inet6', lambda: self._signed_inet6(sink, mailseal, port6))
        self.habits(sink, mailseal)
        self.results.check(GROUP, 'the daemon ends cleanly', mailseal.stop() == 0)

    def _server(self, name, sink, conf, more='', submit=''):
        show = self.tool(conf, 'sendmail', 'show')[1]
        return Sendmail(self.room, 'wired-' + name, self.programs, sink.port, more=show + MUST_QUOTE + more, submit=submit)

    def _faults(self, server, sink, to):
        return self.judge.faults(server.wait(lambda: sink.wait(to)).data, DOMAIN, ALGORITHMS)

    def _signed(self, name, sink, conf):
        server = self._server(name, sink, conf)
        to = name + '@sink.example'
        with Client(server.ports['smtp']) as client:
            client.send('ann@' + DOMAIN, [to], letter(name, frm='ann@' + DOMAIN, to=to))
        faults = self._faults(server, sink, to)
        status, out = self.tool(conf, 'sendmail', 'status', server.cf)
        self.room.drop(server.process)
        return faults if status == 0 else faults + ['status: %d' % status] + out.splitlines()

    def _signed_inet6(self, sink, mailseal, port):
        try:
            socket.create_server(('::1', port), family=socket.AF_INET6).close()
        except OSError:
            return []       # a machine without IPv6: nothing can listen there
        return self._signed('inet6', sink, self._inet6_conf(mailseal, port))

    def _inet6_conf(self, mailseal, port):
        self.room.dir('wired6')
        with open(mailseal.conf) as f:
            text = f.read()
        os.symlink(self.room.file('wired', 'domains.d'), self.room.file('wired6', 'domains.d'))
        self.room.dir('wired6', 'run', owner='nobody')
        text = text.replace('unix:' + mailseal.socket, 'inet6:%d@::1' % port).replace('wired/run/', 'wired6/run/')
        conf = self.room.write('wired6/mailseal.conf', text)
        daemon = self.room.start('wired6', [os.path.join(self.build, 'src/daemon/mailseald'), '-c', conf])
        daemon.wait_ready(lambda: port_open(port, '::1'))
        return conf

    # --- what the man page says to set

    def habits(self, sink, mailseal):
        masquerade = "MASQUERADE_AS(`%s')dnl\n" % DOMAIN
        self.row('MASQUERADE_AS in submit.mc: signed as it leaves',
                 lambda: self._submitted('masquerade', sink, mailseal, masquerade, 'ann@mta.example', 'ann@' + DOMAIN))
        table = self.room.write('generics', 'ann ann.example@%s\n' % DOMAIN)
        generics = "FEATURE(`genericstable', `text -k0 -v1 %s')dnl\nGENERICS_DOMAIN(`mta.example')dnl\n" % table
        self.row('genericstable in submit.mc: signed as it leaves',
                 lambda: self._submitted('generics', sink, mailseal, generics, 'ann@mta.example', 'ann.example@' + DOMAIN))
        self.row('MASQUERADE_AS in sendmail.mc: named, and no signature holds',
                 lambda: self._broken('masqueraded', sink, mailseal, "MASQUERADE_AS(`elsewhere.example')dnl\n"
                                      "MASQUERADE_DOMAIN(`%s')dnl\n" % DOMAIN, 'MASQUERADE_AS'))
        hosts = self.room.write('hosts', '192.0.2.1 real.example alias.example\n')
        look_up = "define(`confHOSTS_FILE', `%s')dnl\n" % hosts
        self.row('host names: not looked up with nocanonify',
                 lambda: self._as_is('asis', sink, mailseal, look_up))
        self.row('host names: looked up, named, and no signature holds',
                 lambda: self._broken('alias', sink, mailseal, look_up + 'undefine(`_NO_CANONIFY_\')dnl\n', 'nocanonify'))
        self.row('MaxMimeHeaderLength: named, and no signature holds',
                 lambda: self._broken('mime', sink, mailseal, "define(`confMAX_MIME_HEADER_LENGTH', `64/40')dnl\n",
                                      'MaxMimeHeaderLength'))
        self.row('a name with a dot: left alone', lambda: self._as_is('dot', sink, mailseal, '', frm='Ann B. Cee <ann@%s>' % DOMAIN))
        self.row('a name with a dot: quoted, named, and no signature holds',
                 lambda: self._broken('quoted', sink, mailseal, "define(`confMUST_QUOTE_CHARS', `.!')dnl\n", 'MustQuoteChars',
                                      frm='Ann B. Cee <ann@%s>' % DOMAIN))
        self.row('no To: left alone', lambda: self._as_is('noto', sink, mailseal, '', to=False))
        self.row('no To: added, named, and no signature holds',
                 lambda: self._broken('addto', sink, mailseal, "define(`confNO_RCPT_ACTION', `add-to-undisclosed')dnl\n",
                                      'NoRecipientAction', to=False))
        self.row('lines: SMTP_MAILER_LL lets longer ones through',
                 lambda: self._long_line(sink, mailseal))

    def _submitted(self, name, sink, mailseal, submit, frm, wanted):
        server = self._server(name, sink, mailseal.conf, submit=submit)
        to = name + '@sink.example'
        server.sendmail(frm, letter(name, frm=frm, to=to).replace(b'\r\n', b'\n'))
        faults = self._faults(server, sink, to)
        if b'\r\nFrom: ' + wanted.encode() + b'\r\n' not in sink.wait(to).data:
            faults.append('the sender that left: %r' % re.findall(rb'(?m)^From:.*', sink.wait(to).data))
        status, out = self.tool(mailseal.conf, 'sendmail', 'status', server.cf)
        self.room.drop(server.process)
        return faults if status == 0 else faults + out.splitlines()

    def _send_odd(self, server, sink, name, frm='ann@' + DOMAIN, to=True):
        """A letter that each of the habits would change."""
        rcpt = name + '@sink.example'
        message = letter(name, frm=frm, to='%s, bob@alias.example' % rcpt).replace(
            b'charset=utf-8', b'charset=utf-8; name="%s.txt"' % (b'n' * 100))
        if not to:
            message = re.sub(rb'\r\nTo:[^\r]*', b'', message)
        with Client(server.ports['smtp']) as client:
            client.send('ann@' + DOMAIN, [rcpt], message)
        return self._faults(server, sink, rcpt)

    def _broken(self, name, sink, mailseal, more, subject, **how):
        server = self._server(name, sink, mailseal.conf, more)
        faults = self._send_odd(server, sink, name, **how)
        status, out = self.tool(mailseal.conf, 'sendmail', 'status', server.cf)
        self.room.drop(server.process)
        return ([] if faults else ['it verifies']) + ([] if status == 1 and 'warning: %s: ' % subject in out else [out])

    def _as_is(self, name, sink, mailseal, more, **how):
        server = self._server(name, sink, mailseal.conf, more)
        faults = self._send_odd(server, sink, name, **how)
        status, out = self.tool(mailseal.conf, 'sendmail', 'status', server.cf)
        self.room.drop(server.process)
        return faults if status == 0 else faults + out.splitlines()

    def _long_line(self, sink, mailseal):
        server = self._server('long', sink, mailseal.conf, "define(`SMTP_MAILER_LL', `2040')dnl\n")
        with Client(server.ports['smtp']) as client:
            client.send('ann@' + DOMAIN, ['long@sink.example'],
                        letter('long', frm='ann@' + DOMAIN, to='long@sink.example', body='x' * 998 + '\r\n'))
        faults = self._faults(server, sink, 'long@sink.example')
        self.room.drop(server.process)
        return faults


def check(results, build):
    with Room() as room:
        wiring = Wiring(results, build, room)
        wiring.lines()
        wiring.settings()
        wiring.sockets()
        wiring.away()
        wiring.live()
