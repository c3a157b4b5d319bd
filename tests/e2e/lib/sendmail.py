"""A private Sendmail: unpacked from its Debian packages, own configuration, queues and ports, never installed.

It logs by syslog alone, which a container has not: what holds mail up is in its queue (queue()).
"""

import glob
import os
import subprocess

from .room import Failed, port_open, run
from .smtp import Client

PACKAGES = ('sendmail-base', 'sendmail-bin', 'sendmail-cf')
PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../build/peers')

# Common to the daemon and to local submission.
COMMON_MC = """divert(-1)dnl
include(`%(cf)s/m4/cf.m4')dnl
divert(0)dnl
OSTYPE(`linux')dnl
DOMAIN(`generic')dnl
define(`confDOMAIN_NAME', `mta.example')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confPID_FILE', `%(dir)s/pid')dnl
define(`STATUS_FILE', `%(dir)s/stat')dnl
define(`HELP_FILE', `%(dir)s/helpfile')dnl
define(`ALIAS_FILE', `')dnl
define(`confCW_FILE', `-o %(dir)s/no-names')dnl
define(`confSERVICE_SWITCH_FILE', `%(dir)s/switch')dnl
define(`confTO_IDENT', `0')dnl
"""

# TrustStickyBit: the room lies below /tmp.
DAEMON_MC = COMMON_MC + """define(`QUEUE_DIR', `%(dir)s/queue')dnl
define(`confDEF_USER_ID', `65534:65534')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDELAY_LA', `0')dnl
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
define(`SMART_HOST', `smtp8:[127.0.0.1]')dnl
define(`SMTP8_MAILER_ARGS', `TCP $h %(sink)d')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`no_default_msa')dnl
%(more)s
MAILER(`smtp')dnl
LOCAL_CONFIG
ESASL_CONF_PATH=%(sasl)s
%(rules)s
"""

# As Debian's submit.mc: sendmail(1) hands its mail to the daemon by SMTP, and so the filters see it.
SUBMIT_MC = COMMON_MC + """define(`MSP_QUEUE_DIR', `%(dir)s/client-queue')dnl
define(`confRUN_AS_USER', `nobody:nogroup')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`RELAY_MAILER_ARGS', `TCP $h %(port)d')dnl
%(more)sFEATURE(`msp', `[127.0.0.1]')dnl
"""

# Cyrus SASL, with a password file and a directory for its settings of the room.
SASL_CONF = 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\nmech_list: PLAIN LOGIN\n'
SASL_MC = """define(`confAUTH_MECHANISMS', `PLAIN LOGIN')dnl
TRUST_AUTH_MECH(`PLAIN LOGIN')dnl
"""
USER, PASSWORD = 'ann', 'secret'

# Dovecot's LMTP over its unix socket, for the domains of class {lmtp}.
LMTP_RULES = """C{lmtp}%(domains)s

LOCAL_RULE_0
R$+ < @ $={lmtp} . > $*	$#dovecot $@ dovecot $: $1 < @ $2 . >
R$+ < @ $={lmtp} > $*	$#dovecot $@ dovecot $: $1 < @ $2 . >

MAILER_DEFINITIONS
Mdovecot,	P=[IPC], F=lsDFMuXPkz8, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=0,
		T=DNS/RFC822/SMTP, A=FILE %(socket)s
"""


# The ports of every instance: {name: (daemon_name, more options)}.
DAEMONS = {'smtp': ('MTA', ''), 'outside': ('OUTSIDE', ''), 'originating': ('ORIGINATING', '')}

# Clients, by the words of the tests (client()): the port, and the address on loopback that they come from.
CLIENTS = {
    'inside': ('smtp', None),
    'outside': ('smtp', '127.0.9.9'),
    'named outside': ('outside', None),
    'originating': ('originating', '127.0.9.9'),
    'authenticated': ('smtp', '127.0.9.9'),
    'authenticated, without a domain': ('smtp', '127.0.9.9'),
    'scanned': ('smtp', '127.0.9.9'),
    'handed back': ('smtp', None),
}


class Programs:
    def __init__(self, directory):
        self.sendmail = os.path.join(directory, 'usr/libexec/sendmail/sendmail')
        self.cf = os.path.join(directory, 'usr/share/sendmail/cf')


def packages():
    """The package files, as far as they are there."""
    directory = os.environ.get('MAILSEAL_SENDMAIL_DEBS', PEERS)
    found = [sorted(glob.glob(os.path.join(directory, name + '_*.deb')))[-1:] for name in PACKAGES]
    return [path for paths in found for path in paths]


def missing():
    if len(packages()) == len(PACKAGES):
        return []
    return ['Sendmail (contrib/install-packages fetches its packages without installing them)']


def unpack(room):
    directory = room.dir('sendmail-programs')
    for package in packages():
        run(['dpkg', '-x', package, directory])
    return Programs(directory)


def filter_line(name, socket, flags='T', times='C:10s;S:30s;R:60s;E:2m'):
    """A milter, in Sendmail's words."""
    letter = ', F=' + flags if flags else ''
    return "INPUT_MAIL_FILTER(`%s', `S=%s%s, T=%s')dnl" % (name, socket, letter, times)


def daemon_line(name, port, more=''):
    return "DAEMON_OPTIONS(`Family=inet, Name=%s, Addr=127.0.0.1, Port=%d%s')dnl" % (name, port, more)


class Sendmail:
    """One running instance. DAEMONS: as DAEMONS above; MORE: further lines of its .mc, SUBMIT: of submit.mc; LMTP: (domains, socket) that go to
    Dovecot, all others to the sink; ALIASES: {address: address}. Whoever knows PASSWORD is USER."""

    kind = 'Sendmail'

    def __init__(self, room, name, programs, sink_port, daemons=None, more='', lmtp=None, aliases=None,
                 submit=''):
        if os.geteuid() != 0:
            raise Failed('Sendmail must be started by root')
        self.room, self.name, self.programs = room, name, programs
        self.dir = room.dir(name)
        room.dir(name, 'queue', mode=0o700)
        room.dir(name, 'client-queue', mode=0o770, owner='nobody', group='nogroup')
        room.write(name + '/switch', 'hosts files\naliases files\npasswd files\n')
        daemons = daemons or DAEMONS
        self.ports = {port: room.port() for port in daemons}
        lines = [daemon_line(label, self.ports[port], options) for port, (label, options) in daemons.items()]
        lines += self._aliases(aliases or {})
        rules = LMTP_RULES % {'domains': ' '.join(lmtp[0]), 'socket': lmtp[1]} if lmtp else ''
        values = {'cf': programs.cf, 'dir': self.dir, 'sink': sink_port, 'more': SASL_MC + '\n'.join(lines) + '\n' + more,
                  'port': self.ports['smtp'], 'rules': rules, 'sasl': self._passwords()}
        self.cf = self._build('sendmail', DAEMON_MC % values)
        self.submit_cf = self._build('submit', SUBMIT_MC % dict(values, more=submit))
        self.process = room.start(name, self._command('-C' + self.cf, '-bD', '-q1s'), cwd=self.dir)
        self.process.wait_ready(lambda: all(port_open(port) for port in self.ports.values()))

    def _command(self, *words):
        """Where the machine's name has no dot, Sendmail sleeps a minute first: it gets a name of its own."""
        return ['unshare', '-u', 'sh', '-c', 'hostname mta.example; exec "$@"', 'sh', self.programs.sendmail, *words]

    def _build(self, name, text):
        mc = self.room.write('%s/%s.mc' % (self.name, name), text)
        done = subprocess.run(['m4', mc], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise Failed('m4 %s: %s' % (mc, done.stderr.decode()))
        return self.room.write('%s/%s.cf' % (self.name, name), done.stdout)

    def _passwords(self):
        """Where SASL finds what it is to do."""
        directory = self.room.dir(self.name, 'sasl', mode=0o700)
        passwords = os.path.join(directory, 'passwords')
        self.room.write(self.name + '/sasl/Sendmail.conf', SASL_CONF % passwords, mode=0o600)
        run(['saslpasswd2', '-f', passwords, '-c', '-p', '-u', 'mta.example', USER], input=PASSWORD.encode())
        return directory

    def _aliases(self, aliases):
        if not aliases:
            return []
        path = self.room.write(self.name + '/aliases', ''.join('%s %s\n' % pair for pair in aliases.items()))
        return ["FEATURE(`virtusertable', `text -k0 -v1 %s')dnl" % path] + [
            "VIRTUSER_DOMAIN(`%s')dnl" % domain for domain in sorted({a.partition('@')[2] for a in aliases})]

    def client(self, who='inside'):
        port, source = CLIENTS[who]
        client = Client(self.ports[port], source=source)
        if who.startswith('authenticated'):
            client.login(USER, PASSWORD)
        return client

    def sendmail(self, sender, message, recipients=()):
        """Local submission; no recipients: those of the header (-t)."""
        run(self._command('-C' + self.submit_cf, '-i', '-f', sender, *(list(recipients) or ['-t'])), input=message)

    def on_stdin(self, commands):
        """SMTP on standard input and output (-bs), as some programs submit: what is answered to the greeting and to each
        of COMMANDS."""
        child = subprocess.Popen(self._command('-C' + self.cf, '-bs'), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        replies = []
        for command in ['', *commands]:
            child.stdin.write(command.encode() and command.encode() + b'\r\n')
            child.stdin.flush()
            line = b'-' * 4
            while line[3:4] == b'-':
                line = child.stdout.readline()
            replies.append(line.decode('utf-8', 'backslashreplace').rstrip())
        child.communicate()
        return replies

    def end(self):
        """Before the room does."""
        self.room.drop(self.process)

    def queue(self):
        """What it has not delivered, and why."""
        done = subprocess.run(self._command('-C' + self.cf, '-bp'), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout.decode('utf-8', 'backslashreplace')

    def wait(self, look):
        """What LOOK gives; where it fails, with what stands in the queue."""
        try:
            return look()
        except Failed as e:
            raise Failed('%s\n%s' % (e, self.queue())) from None
