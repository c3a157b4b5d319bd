#!/usr/bin/python3
"""The demonstration behind contrib/quickstart: a message signed on its way out, and one sealed on its way in."""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import judge
from lib import postfix, readers, verify
from lib.dns import NameServer
from lib.dovecot import Dovecot
from lib.postfix import Postfix
from lib.room import Failed, Room
from lib.seald import Mailseal
from lib.sink import Sink
from lib.smtp import Client

DOMAIN = 'demo.example'
MESSAGE = b"""\
From: Ann Example <ann@demo.example>
To: Bob <bob@elsewhere.example>
Subject: The first signed message
Date: %s
Message-ID: <first@demo.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Dear Bob,

nobody has changed a letter of this on its way to you.

Ann
"""

RULES = """\
mailboxes = { shared = ( ("john@demo.example", "~jim@demo.example/INBOX") ); };
rules = (
  { name = "bank mail"; level = "account"; owner = "john@demo.example";
    when = ( ("From", "in", "*@bank.example,*@*.bank.example") );
    do   = ( ("Store Encrypted in", "~jim/INBOX"), ("Discard") ); }
);
"""
LETTER = b"""\
From: Your Bank <alerts@bank.example>
To: John <john@demo.example>
Subject: Your new code
Date: %s
Message-ID: <sealed@bank.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Dear John,

the code is 4711. Do not show it to anybody.
"""
SECRET = b'4711'


class Ink:
    """Colour, on a terminal only."""

    def __init__(self):
        on = sys.stdout.isatty() and not os.environ.get('NO_COLOR') and os.environ.get('TERM') != 'dumb'
        for name, code in (('bold', 1), ('dim', 2), ('red', 31), ('green', 32), ('cyan', 36)):
            setattr(self, name, self._painter(code) if on else str)

    @staticmethod
    def _painter(code):
        return lambda text: '\033[%dm%s\033[0m' % (code, text)


ink = Ink()


class Step:
    """with Step('title'): the time that it took, beside it."""

    def __init__(self, title):
        self.title = title

    def __enter__(self):
        print('%-52s' % self.title, end='', flush=True)
        self.started = time.monotonic()

    def __exit__(self, kind, value, trace):
        print('failed' if kind else '%6.1f s' % (time.monotonic() - self.started), flush=True)


def show(text, mark='    '):
    for line in text.rstrip('\n').splitlines():
        print((mark + line).rstrip())


def typed(mailseal, *words, env=None):
    """What one would type, and what it prints. Public keys are shortened."""
    print('  ' + ink.cyan('# mailseal ' + ' '.join(map(shlex.quote, words))))
    done = subprocess.run([os.path.join(mailseal.build, 'src/tool/mailseal'), '-c', mailseal.conf] + list(words),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    text = done.stdout.decode('utf-8', 'backslashreplace')
    show(re.sub(r'[A-Za-z0-9+/=]{100,}', lambda key: key[0][:40] + '...' + key[0][-12:], text.expandtabs()))
    if done.returncode != 0:
        raise Failed('mailseal %s: exit %d' % (words[0], done.returncode))


def set_up(room, build):
    with Step('A name server of our own (knot)'):
        name_server = NameServer(room)
    sink = Sink(room, room.dir('inbox'))
    programs = postfix.find(room)
    milter_dir = Postfix.make_milter_dir(room, 'postfix', programs, 'nobody')
    with Step('A private Dovecot'):
        dovecot = Dovecot(room)
    with Step('A private Postfix, smtpd chrooted'):
        server = Postfix(room, 'postfix', programs, sink.port, settings=(
            'virtual_mailbox_domains = ' + DOMAIN, 'virtual_mailbox_maps = static:1',
            'virtual_transport = lmtp:unix:' + dovecot.lmtp))
    mailseal = Mailseal(room, build, os.path.join(milter_dir, 'mailseal.sock'), name_server.address)
    return name_server, sink, dovecot, server, mailseal


def make_domain(name_server, mailseal):
    print('\n' + ink.bold('A domain, its keys and its DNS records') + ' (the keys are longer than shown here)')
    typed(mailseal, 'setup', DOMAIN)
    print()
    name_server.add(mailseal.tool('dns', 'show', DOMAIN, '--format', 'zone').decode().splitlines())
    for selector in mailseal.selectors(DOMAIN):
        typed(mailseal, 'selector', 'activate', DOMAIN, selector['name'], '--force')
    print()


def connect(server, mailseal):
    """As an administrator puts the filter into a Postfix that runs."""
    print('\n' + ink.bold('The filter into Postfix'))
    server.reload_by(lambda: typed(mailseal, 'postfix', 'connect', '--config-dir', server.etc, '--reload',
                                   env=server.programs.tools()))
    print()


def send(sink, server, mailseal):
    message = (MESSAGE % time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime()).encode()).replace(b'\n', b'\r\n')
    with Step('A message through Postfix and mailseald'):
        with Client(server.ports['smtp']) as client:
            client.send('ann@' + DOMAIN, ['bob@elsewhere.example'], message)
        mail = sink.wait('bob@elsewhere.example', 30, mailseal.log)
    return mail.data


def show_message(message):
    print('\n' + ink.bold('What left the mail server') + ' (the signatures are ours)')
    for field in judge.fields_of(message):
        ours = field.startswith(b'DKIM-Signature:')
        for line in field.decode('utf-8', 'replace').rstrip('\r\n').split('\r\n'):
            print(('  | ' + ink.green(line) if ours else '    ' + line).replace('\t', '        '))
    print()
    show(judge.split(message)[1].decode('utf-8', 'replace').replace('\r\n', '\n'))
    print()


def own_verdict(mailseal, room, message):
    path = room.write('signed.eml', message)
    print(ink.bold('What mailseal says of it') + ' (keys from DNS)')
    typed(mailseal, 'message', 'verify', '--dns', path)
    print()


def word(algorithm, name, reason):
    if reason is None:
        return True, 'verifies'
    if judge.UNKNOWN.get((name, algorithm)) == reason:
        return None, 'not known to it'
    return False, 'refuses'


def foreign_verdicts(verifiers, message):
    """A table; is it as it should be?"""
    own = verify.signatures(message)
    print(ink.bold('What others say') + ' (keys from DNS)')
    print('    %-14s%-34s%s' % ('', 'as it arrived', 'one letter changed'))
    print('    %-14s%-17s%-17s%-17s%s' % (('',) + tuple(s[2].replace('-sha256', '') for s in own) * 2))
    good = True
    for verifier in verifiers:
        cells = []
        for text, wanted in ((message, True), (judge.damage_body(message), False)):
            results = verifier.verify(text)
            for selector, domain, algorithm in own:
                is_good, said = word(algorithm, verifier.name, results.get((selector, domain), 'not looked at'))
                good = good and (is_good is None or is_good == wanted)
                paint = ink.dim if is_good is None else ink.green if is_good == wanted else ink.red
                cells.append(paint('%-17s' % said))
        print('    %-14s%s' % (verifier.name, ''.join(cells).rstrip()))
    print()
    return good


def add_rule(room, mailseal):
    print(ink.bold('A rule: what a bank sends to John goes to Jim, sealed for both'))
    with open(mailseal.conf, 'a') as f:
        f.write(RULES)
    show(RULES)
    people = {name: readers.Person(room, '%s@%s' % (name, DOMAIN)) for name in ('jim', 'john', 'ann')}
    for name in ('jim', 'john'):
        typed(mailseal, 'user', 'cert', 'add', people[name].address, people[name].cert, '--pin')
    typed(mailseal, 'reload')
    print()
    return people


def store(room, dovecot, server, mailseal):
    """A message from outside; (the file that it lies in, its octets)."""
    message = (LETTER % time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime()).encode()).replace(b'\n', b'\r\n')
    print(ink.bold('What the rule will do'))
    typed(mailseal, 'rule', 'test', room.write('letter.eml', message))
    print()
    with Step('The message through Postfix, mailseald and Dovecot'):
        with Client(server.ports['xclient'], 'ADDR=203.0.113.5 NAME=[UNAVAILABLE]') as client:
            client.send('alerts@bank.example', ['john@' + DOMAIN], message)
        stored = dovecot.wait('jim', 'sealed@bank.example', log=server.log)
    return stored


def show_stored(dovecot, mailseal, stored):
    path = dovecot.files('jim')[0]
    print('\n' + ink.bold('What lies on the disk'))
    show(path)
    head, body = judge.split(stored)
    for field in judge.fields_of(stored):
        text = field.decode('utf-8', 'replace').rstrip('\r\n').expandtabs()
        if not text.startswith('Received:'):
            show(text, '  | ')
    lines = body.decode().split('\r\n')
    show('\n'.join(['', lines[0], lines[1], '... %d lines more' % (len(lines) - 3)]), '  | ')
    print()
    print(ink.bold('Its line in the log of mailseald'))
    show('\n'.join(mailseal.lines()[-1:]))
    print()
    return SECRET not in dovecot.on_disk('jim')


def who_opens(room, people, stored):
    """Judged by what comes out, never by an exit status."""
    reader = readers.OpenSSL(room)
    print(ink.bold('Who opens it') + ' (openssl cms -decrypt, each with a key of their own)')
    good = True
    for name, may in (('jim', True), ('john', True), ('ann', False)):
        found = reader.open(people[name], stored)
        opened = SECRET in found
        good = good and opened == may
        text = judge.split(found)[1].decode('utf-8', 'replace').strip().splitlines()[-1] if opened else 'finds nothing'
        print('    %-8s%s' % (name, (ink.green if opened == may else ink.red)(text)))
    print()
    return good


def seal(room, dovecot, server, mailseal):
    people = add_rule(room, mailseal)
    stored = store(room, dovecot, server, mailseal)
    hidden = show_stored(dovecot, mailseal, stored)
    if not who_opens(room, people, stored) or not hidden:
        raise Failed('the message is not sealed as it should be')


def say_how_to_go_on(room, server, mailseal):
    print('\n' + ink.bold('Still running') + ' (on loopback only)')
    show('SMTP           127.0.0.1 port %d; mail from @%s is signed' % (server.ports['smtp'], DOMAIN))
    show('what arrives   %s; mail to @%s in %s' % (room.file('inbox'), DOMAIN, room.file('dovecot', 'mail')))
    show('log            %s' % mailseal.log)
    show('the tool       %s -c %s status' % (os.path.join(mailseal.build, 'src/tool/mailseal'), mailseal.conf))
    show('stop it all    kill %d (it takes some seconds)' % os.getpid())


def leave_terminal(parent):
    """The demonstration is over for whoever started it; this process goes on until it is ended."""
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.write(parent, b'.')
    os.close(parent)
    while True:
        signal.pause()


def demonstrate(room, build, parent):
    name_server, sink, dovecot, server, mailseal = set_up(room, build)
    make_domain(name_server, mailseal)
    with Step('mailseald'):
        mailseal.start()
    connect(server, mailseal)
    message = send(sink, server, mailseal)
    show_message(message)
    print(ink.bold('Its line in the log of mailseald'))
    show('\n'.join(mailseal.lines()[-1:]))
    print()
    own_verdict(mailseal, room, message)
    good = foreign_verdicts(verify.all_verifiers(room, name_server), message)
    if not good:
        raise Failed('the verdicts are not what they should be')
    print(ink.green('Signed, and verified by everybody who was asked.') + '\n')
    seal(room, dovecot, server, mailseal)
    print(ink.green('Sealed: it lies on the disk, and only those open it whom the rule names.'))
    if parent is not None:
        say_how_to_go_on(room, server, mailseal)
    else:
        print('Everything that ran has been stopped; contrib/quickstart --keep leaves it running.')


def demonstration(build, parent=None):
    """The exit status. PARENT: where to report to before everything is left running."""
    try:
        with Room() as room:
            demonstrate(room, build, parent)
            if parent is not None:
                leave_terminal(parent)
    except Failed as e:
        print('%s %s' % (ink.red('quickstart:'), e), file=sys.stderr)
        return 1
    return 0


def kept(build):
    """The demonstration in a process of its own, which outlives this one when all went well."""
    report, parent = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(report)
        os.setsid()
        sys.exit(demonstration(build, parent))
    os.close(parent)
    if os.read(report, 1):
        return 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True)
    parser.add_argument('--keep', action='store_true')
    options = parser.parse_args()
    return kept(options.build) if options.keep else demonstration(options.build)


if __name__ == '__main__':
    sys.exit(main())
