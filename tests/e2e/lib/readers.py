"""People with certificates, and the S/MIME readers of others that open what was sealed for them.

A reader gives the octets that it finds inside. They are compared: an exit status says nothing (RFC 3218: with the wrong
key a reader goes on with a made-up one)."""

import base64
import os
import random
import subprocess
import threading
import time

from .room import Failed, run


class Person:
    """A key and a certificate of 2,048 bits for an address, made by OpenSSL and signed by itself. UNTIL: "100d" from now,
    or "-1d" for one that ended a day ago."""

    def __init__(self, room, address, until='100d'):
        self.address, self.name = address, address.replace('@', '-').partition('.')[0]
        self.dir = room.dir('people', self.name)
        self.key, self.cert, self.p12 = (os.path.join(self.dir, n) for n in ('key.pem', 'cert.pem', 'all.p12'))
        # `openssl x509 -req` makes none that has ended; `openssl ca` does, with a directory of its own.
        self._make(int(until.rstrip('d')))
        self.pack()

    def pack(self):
        """Key and certificate in one file, with new salts."""
        run(['openssl', 'pkcs12', '-export', '-inkey', self.key, '-in', self.cert, '-out', self.p12, '-passout',
             'pass:x', '-name', self.name, '-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'])

    def _make(self, days):
        request, conf = os.path.join(self.dir, 'request'), os.path.join(self.dir, 'ca.conf')
        with open(conf, 'w') as f:
            f.write('[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\n'
                    'policy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=email:%s\n'
                    % (self.dir, self.dir, self.dir, self.address))
        open(os.path.join(self.dir, 'index'), 'w').close()
        with open(os.path.join(self.dir, 'serial'), 'w') as f:
            f.write('%016X\n' % random.getrandbits(60))
        run(['openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-keyout', self.key, '-out', request, '-subj',
             '/CN=' + self.name])
        day = 86400
        start, end = (time.strftime('%Y%m%d%H%M%SZ', time.gmtime(time.time() + n * day)) for n in (-400, days))
        run(['openssl', 'ca', '-batch', '-config', conf, '-selfsign', '-keyfile', self.key, '-in', request, '-out',
             self.cert, '-startdate', start, '-enddate', end, '-notext'])


def envelope_of(message):
    """The CMS inside, binary."""
    return base64.b64decode(message.split(b'\r\n\r\n', 1)[1])


def output(argv, octets):
    """What it writes. gpgsm ends with 2 where it does not know another recipient's certificate."""
    return subprocess.run(argv, input=octets, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class OpenSSL:
    name = 'openssl cms'

    def __init__(self, room):
        pass

    def add(self, person):
        pass

    def open(self, person, message):
        return output(['openssl', 'cms', '-decrypt', '-inform', 'SMIME', '-recip', person.cert, '-inkey', person.key,
                       '-binary'], message)


class GpgSM:
    """GnuPG's own home directory for each person: it tries whatever key it has."""
    name = 'gpgsm'

    def __init__(self, room):
        self.room, self.homes = room, {}
        room.add(self)

    @staticmethod
    def _run(home, *words):
        return ['gpgsm', '--homedir', home, '--batch', '--no-tty', '--disable-dirmngr', '--disable-crl-checks', *words]

    def add(self, person):
        # A short path: the agent's socket lies in it.
        home = self.room.dir('g-' + person.name, mode=0o700)
        with open(os.path.join(home, 'gpg-agent.conf'), 'w') as f:
            # A passphrase that nobody guards need not be slow to try.
            f.write('allow-loopback-pinentry\ns2k-count 65536\n')
        self.homes[person.address] = home
        words = self._run(home, '--pinentry-mode', 'loopback', '--passphrase-fd', '0', '--import', person.p12)
        for tries in range(5):
            try:
                run(words, input=b'x\n')
                return
            except Failed:      # of some files in a hundred it takes the passphrase to be wrong
                if tries == 4:
                    raise
                person.pack()

    def open(self, person, message):
        return output(self._run(self.homes[person.address], '--pinentry-mode', 'loopback', '--passphrase-fd', '0',
                                '--assume-binary', '--decrypt', self._file(message)), b'x\n')

    def _file(self, message):
        path = self.room.file('for-gpgsm-%d' % threading.get_ident())
        with open(path, 'wb') as f:
            f.write(envelope_of(message))
        return path

    def stop(self):
        for home in self.homes.values():
            subprocess.run(['gpgconf', '--homedir', home, '--kill', 'gpg-agent'], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)


def seal_with_gpgsm(room, person, text):
    """An envelope of gpgsm's for a person, binary."""
    home = room.dir('g-seals', mode=0o700)
    fingerprint = run(['openssl', 'x509', '-in', person.cert, '-noout', '-fingerprint', '-sha1']).decode()
    with open(os.path.join(home, 'trustlist.txt'), 'w') as f:
        f.write(fingerprint.split('=')[1].strip() + ' S relax\n')
    run(GpgSM._run(home, '--import', person.cert))
    sealed = run(GpgSM._run(home, '--encrypt', '-r', person.address), input=text)
    subprocess.run(['gpgconf', '--homedir', home, '--kill', 'all'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return sealed


class Nss:
    """The library inside Thunderbird, by its program cmsutil."""
    name = 'NSS cmsutil'

    def __init__(self, room):
        self.room, self.homes = room, {}

    def add(self, person):
        home = 'sql:' + self.room.dir('nss-' + person.name, mode=0o700)
        self.homes[person.address] = home
        run(['certutil', '-N', '-d', home, '--empty-password'])
        run(['pk12util', '-i', person.p12, '-d', home, '-W', 'x'])

    def open(self, person, message):
        path, out = (self.room.file('%s-nss-%d' % (word, threading.get_ident())) for word in ('for', 'from'))
        with open(path, 'wb') as f:
            f.write(envelope_of(message))
        if os.path.exists(out):
            os.unlink(out)
        output(['cmsutil', '-D', '-d', self.homes[person.address], '-i', path, '-o', out], b'')
        if not os.path.exists(out):
            return b''
        with open(out, 'rb') as f:
            return f.read()


def all_readers(room):
    return [OpenSSL(room), GpgSM(room), Nss(room)]


def missing():
    from shutil import which
    return ['%s (no such program)' % p for p in ('openssl', 'gpgsm', 'gpgconf', 'certutil', 'pk12util', 'cmsutil',
                                                  '/usr/sbin/dovecot') if not which(p)]


def check_readers(readers, person, stranger):
    """Each of them opens what openssl seals, and not what was sealed for another: else it would prove nothing."""
    text = b'Content-Type: text/plain\r\n\r\nknown text\r\n'
    sealed = run(['openssl', 'cms', '-encrypt', '-aes-256-cbc', '-binary', '-outform', 'DER', person.cert], input=text)
    message = b'MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n' \
              b'Content-Transfer-Encoding: base64\r\n\r\n' + base64.encodebytes(sealed).replace(b'\n', b'\r\n')
    for reader in readers:
        if reader.open(person, message) != text:
            raise Failed('%s does not open what openssl has sealed' % reader.name)
        if reader.open(stranger, message) == text:
            raise Failed('%s opens what was sealed for another' % reader.name)
