"""The records that `mailseal dns show` prints, as a name server serves them: from a zone file, and by real updates."""

import base64
import os
import subprocess

import dns.exception
import dns.resolver

from lib.dns import NameServer
from lib.room import Failed
from lib.seald import Mailseal

GROUP = 'DNS records'
KEY = ('update.key', base64.b64encode(os.urandom(32)).decode())
# program -> the key as it reads it, whether it wants to be told the zone
PROGRAMS = {
    'nsupdate': ('key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % KEY, []),
    'knsupdate': ('hmac-sha256:%s:%s\n' % KEY, ['--zone', 'example']),
}


class Records:
    def __init__(self, results, room, build):
        self.results, self.room = results, room
        self.server = NameServer(room, 'records', KEY)
        self.mailseal = Mailseal(room, build, room.file('records.sock'), name='records-mailseal')
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers, self.resolver.port, self.resolver.lifetime = ['127.0.0.1'], self.server.port, 5

    def make(self, domain):
        """A domain whose keys need one string and many; {name: value} as for a web form."""
        self.mailseal.domain(domain, 'rotate = { rsa_bits = 4096; };')
        self.mailseal.tool('selector', 'add', domain, '--name', 'plain', '--bits', '2048')
        return self.wanted(domain)

    def wanted(self, domain):
        text = self.mailseal.tool('dns', 'show', domain, '--format', 'web').decode()
        entries = [dict(line.split(': ', 1) for line in entry.splitlines() if line) for entry in text.split('Name: ')[1:]
                   for entry in ['Name: ' + entry]]
        return {e['Name'].strip(): e['Value'].strip() for e in entries}

    def strings(self, name):
        """The one TXT record of NAME: (strings, TTL), None when there is none."""
        try:
            answer = self.resolver.resolve(name + '.', 'TXT')
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        if len(answer) != 1:
            raise Failed('%s has %d TXT records' % (name, len(answer)))
        return [s.decode() for s in answer[0].strings], answer.rrset.ttl

    def served(self, label, wanted, ttl=None):
        """One row a record: it is there as WANTED, or not there (None)."""
        for name, value in wanted.items():
            faults, seen = [], None
            try:
                seen = self.strings(name)
            except (Failed, dns.exception.DNSException) as e:
                faults.append('%s: %s' % (type(e).__name__, e))
            if not faults and (seen is None) != (value is None):
                faults.append('it is %s' % ('not there' if seen is None else 'there'))
            elif seen and ''.join(seen[0]) != value:
                faults.append('its value is %s' % ''.join(seen[0]))
            elif seen and any(len(s) > 255 for s in seen[0]):
                faults.append('its strings have %s octets' % [len(s) for s in seen[0]])
            elif seen and ttl and seen[1] != ttl:
                faults.append('its time to live is %d' % seen[1])
            self.results.row(GROUP, '%s: %s' % (label, name), faults)

    def update(self, program, domain, key):
        """The exit status of PROGRAM, fed as the manual says; KEY: signed with it."""
        text, options = PROGRAMS[program]
        lines = self.mailseal.tool('dns', 'show', domain, '--format', 'nsupdate', *options)
        key_file = self.room.write('update-%s.key' % program, text, mode=0o600)
        done = subprocess.run([program] + (['-k', key_file] if key else []),
                              input=b'server 127.0.0.1 %d\n' % self.server.port + lines, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.decode('utf-8', 'backslashreplace').strip()

    def zone_file(self):
        wanted = self.make('zone.example')
        self.served('zone file, before', dict.fromkeys(wanted))
        self.server.add(self.mailseal.tool('dns', 'show', 'zone.example').decode().splitlines())
        self.served('zone file', wanted)

    def updates(self, program):
        domain = program + '.example'
        wanted = self.make(domain)
        status, said = self.update(program, domain, key=False)
        self.results.check(GROUP, program + ': unsigned, refused', status != 0, 'exit 0: ' + said)
        self.served(program + ', unsigned', dict.fromkeys(wanted))
        status, said = self.update(program, domain, key=True)
        self.results.check(GROUP, program + ': accepted', status == 0, 'exit %d: %s' % (status, said))
        self.served(program, wanted, 3600)
        self.mailseal.tool('selector', 'revoke', domain, 'plain')
        status, said = self.update(program, domain, key=True)
        self.results.check(GROUP, program + ': accepted again', status == 0, 'exit %d: %s' % (status, said))
        revoked = self.wanted(domain)
        self.results.check(GROUP, program + ': revoked', revoked['plain._domainkey.' + domain] == 'v=DKIM1; k=rsa; p=')
        self.served(program + ', revoked', revoked, 3600)

    def run(self):
        self.zone_file()
        for program in PROGRAMS:
            self.updates(program)


def check(results, room, build):
    Records(results, room, build).run()
