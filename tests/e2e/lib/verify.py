"""Three foreign DKIM verifiers, each of which looks the keys up in the test's own name server.

verify(message) gives {(selector, domain): None or the reason why not}, one entry for each signature.
"""

import json
import os
import queue
import re
import subprocess

from .milter import MilterClient, split_header
from .room import Failed, run, socket_open


def signatures(message):
    """[(selector, domain, algorithm)] of the DKIM-Signature fields, top first."""
    found = []
    for name, value in split_header(message.partition(b'\r\n\r\n')[0]):
        if name.lower() == b'dkim-signature':
            tags = dict(t.strip().split(b'=', 1) for t in value.split(b';') if b'=' in t)
            found.append(tuple(re.sub(rb'\s', b'', tags.get(t, b'')).decode() for t in (b's', b'd', b'a')))
    return found


class Dkimpy:
    """In processes of its own, since it is Python and would have the one processor that this program has; as many at a time
    as there are processors."""

    name = 'dkimpy'

    def __init__(self, room, name_server):
        script = os.path.join(os.path.dirname(__file__), '../verify-dkimpy')
        self._errors = open(room.file('dkimpy.out'), 'ab')
        self._children = [subprocess.Popen(['/usr/bin/python3', script, str(name_server.port)], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=self._errors) for _ in range(os.cpu_count())]
        self._idle = queue.Queue()
        for child in self._children:
            self._idle.put(child)
        room.add(self)

    def verify(self, message):
        """Any thread may ask."""
        child = self._idle.get()
        try:
            child.stdin.write(b'%d\n' % len(message) + message)
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = b''
        finally:
            self._idle.put(child)
        if not line:
            raise Failed('dkimpy: the process ended')
        return {(selector, domain): reason for selector, domain, reason in json.loads(line)}

    def stop(self):
        for child in self._children:
            try:
                child.stdin.close()
            except BrokenPipeError:     # it had ended
                pass
            child.wait()
            child.stdout.close()
        self._errors.close()


class MailDkim:
    name = 'Mail::DKIM'

    def __init__(self, room, name_server):
        script = os.path.join(os.path.dirname(__file__), 'verify.pl')
        self._errors = open(room.file('mail-dkim.out'), 'ab')
        self._child = subprocess.Popen(['/usr/bin/perl', script, str(name_server.port)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        room.add(self)

    def verify(self, message):
        self._child.stdin.write(b'm %d\n' % len(message) + message)
        self._child.stdin.flush()
        line = self._child.stdout.readline().decode('utf-8', 'replace').rstrip('\n')
        if not line:
            raise Failed('Mail::DKIM: the perl process ended')
        results = {}
        for part in line.split('\t')[1:]:
            who, _, result = part.partition('=')
            selector, _, domain = who.partition('/')
            results[selector, domain] = None if result == 'pass' else result
        return results

    def stop(self):
        self._child.stdin.close()
        self._child.wait()
        self._child.stdout.close()
        self._errors.close()


class OpenDkim:
    """The filter itself: its test mode (-t) reads messages as C strings and reformats header fields."""

    name = 'opendkim'

    def __init__(self, room, name_server):
        path = room.file('opendkim-v.sock')
        conf = room.write('opendkim-v.conf', '\n'.join([
            'Mode v', 'Socket local:%s' % path, 'Background no', 'Syslog no', 'UserID root', 'UMask 007',
            'Nameservers %s' % name_server.address, 'AlwaysAddARHeader yes', 'AuthservID judge',
            'InternalHosts 192.0.2.1', 'MaximumHeaders 0', '']))
        self.process = room.start('opendkim-v', ['opendkim', '-f', '-x', conf])
        self.process.wait_ready(lambda: socket_open(path))
        self._path, self._client, self._seen = path, None, 0

    def verify(self, message):
        if self._client is None:
            self._client = MilterClient(self._path, address=('4', 4444, '192.0.2.7'))
        self._seen += 1
        try:
            outcome = self._client.message(message, 'V%d' % self._seen)
        except Failed:
            self._client = None
            return {s[:2]: 'opendkim closed the connection' for s in signatures(message)}
        text = ' '.join(v.decode('utf-8', 'replace') for _, n, v in outcome.inserted
                        if n == b'Authentication-Results')
        results = {s[:2]: 'verdict %s, no result' % outcome.verdict for s in signatures(message)}
        for part in re.split(r';\s+(?=dkim)', text):
            found = re.match(r'dkim=(\w+)(.*?)\sheader\.d=(\S+).*\sheader\.s=(\S+)', part, re.S)
            if found:
                verdict, why, domain, selector = found.groups()
                results[selector, domain] = None if verdict == 'pass' else (verdict + why)
        return results

    def stop(self):
        if self._client:
            self._client.close()


VERIFIERS = (Dkimpy, MailDkim, OpenDkim)
ONE_AT_A_TIME = (MailDkim.name, OpenDkim.name)


def missing():
    """The names of verifiers that are not installed."""
    absent = []
    for name, argv in (('dkimpy', ['/usr/bin/python3', '-c', 'import dkim, dns.resolver, nacl']),
                       ('Mail::DKIM', ['/usr/bin/perl', '-MMail::DKIM::Verifier', '-MNet::DNS::Resolver', '-e1']),
                       ('opendkim', ['opendkim', '-V'])):
        try:
            run(argv)
        except (Failed, OSError):
            absent.append(name)
    return absent


def all_verifiers(room, name_server):
    return [make(room, name_server) for make in VERIFIERS]
