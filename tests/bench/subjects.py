"""The filters under measurement: started side by side, each with the same kind of key, and judged before they are timed."""

import base64
import hashlib
import os
import shutil

import judge
from lib.milter import MilterClient
from lib.room import Failed, port_open, run, socket_open
from lib.seald import Mailseal

RSA, BOTH = 'rsa.example', 'both.example'
BARE, OPENDKIM, RSPAMD = 'bare filter', 'OpenDKIM', 'rspamd, signing only'
MAILSEAL, MAILSEAL_BOTH = 'mailseal', 'mailseal, RSA + Ed25519'
SLOW_START = 120.0      # rspamd compiles its patterns

RSPAMD_CONF = '''
options {
  pidfile = "%(dir)s/pid"; filters = "dkim"; url_tld = "%(dir)s/tld"; cache_file = "%(dir)s/cache";
  control_socket = "%(dir)s/control.sock mode=0600"; hs_cache_dir = "%(dir)s/"; tempdir = "%(dir)s";
  local_addrs = ["127.0.0.0/8"]; dns { nameserver = ["%(resolver)s"]; }
}
logging { type = "console"; level = "error"; }
lua = "/dev/null";
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
dkim_signing {
  sign_local = true; use_domain = "header"; use_esld = false; allow_hdrfrom_mismatch = true; allow_username_mismatch = true;
  domain { "%(domain)s" { path = "%(key)s"; selector = "rs"; } }
}
worker "rspamd_proxy" {
  bind_socket = "%(path)s mode=0666"; bind_socket = "127.0.0.1:%(port)d"; count = 2; milter = yes; timeout = 120s;
  upstream "local" { default = yes; self_scan = yes; }
}
'''


def message(domain, size):
    header = (b'Received: from client.example (client.example [127.0.0.1])\r\n\tby mta.example (Postfix) with ESMTP id 4X;'
              b' Tue, 24 Nov 2026 10:00:00 +0000\r\nFrom: Ann Example <ann@%s>\r\nTo: Bob <bob@sink.example>\r\n'
              b'Subject: a message to measure with\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n'
              b'Message-ID: <bench@%s>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n'
              % (domain.encode(), domain.encode()))
    line = b'All work and no play makes for a dull  benchmark; words, words, words.\r\n'
    return header + (line * (size // len(line) + 1))[:max(size - len(header) - 2, 0)] + b'\r\n'


class Subject:
    """One filter: its sockets, the process at the unix one, whose mail it signs, and with how many fields."""

    def __init__(self, name, domain, path, port, process, n_fields):
        self.name, self.domain, self.path, self.port = name, domain, path, port
        self.process, self.n_fields = process, n_fields


def write_key(room):
    key = room.file('bench.pem')
    run(['openssl', 'genpkey', '-algorithm', 'rsa', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', key])
    os.chmod(key, 0o600)
    return key


def publish(name_server, key, selector):
    public = base64.b64encode(run(['openssl', 'pkey', '-in', key, '-pubout', '-outform', 'DER'])).decode()
    name_server.add(['%s._domainkey.%s. TXT "v=DKIM1; k=rsa; p=%s" "%s"' % (selector, RSA, public[:200], public[200:])])


def start_bare(room, build, key, directory):
    program = os.path.join(build, 'tests/bench/bench-bare')
    path, port = os.path.join(directory, 'bare.sock'), room.port()
    unix = room.start('bare', [program, 'unix:' + path, key])
    inet = room.start('bare-inet', [program, 'inet:%d@127.0.0.1' % port, key])
    unix.wait_ready(lambda: socket_open(path))
    inet.wait_ready(lambda: port_open(port))
    return Subject(BARE, RSA, path, port, unix, 1)


def start_opendkim(room, key, directory, name_server):
    path, port = os.path.join(directory, 'opendkim.sock'), room.port()
    publish(name_server, key, 'od')
    room.write('opendkim.keys', 'od %s:od:%s\n' % (RSA, key))
    room.write('opendkim.signing', '*@%s od\n' % RSA)
    processes = []
    for kind, where in (('unix', 'local:' + path), ('inet', 'inet:%d@127.0.0.1' % port)):
        conf = room.write('opendkim-%s.conf' % kind, '\n'.join([
            'Mode s', 'Socket ' + where, 'Background no', 'Syslog no', 'UserID root', 'UMask 007',
            'Canonicalization relaxed/relaxed', 'SignatureAlgorithm rsa-sha256', 'InternalHosts 127.0.0.1',
            'KeyTable refile:' + room.file('opendkim.keys'), 'SigningTable refile:' + room.file('opendkim.signing'),
            'OversignHeaders From,Subject,Date,To,Cc', 'RequireSafeKeys no', '']))
        processes.append(room.start('opendkim-' + kind, ['opendkim', '-f', '-x', conf]))
    processes[0].wait_ready(lambda: socket_open(path))
    processes[1].wait_ready(lambda: port_open(port))
    return Subject(OPENDKIM, RSA, path, port, processes[0], 1)


def start_rspamd(room, key, directory, name_server):
    """Nothing but its signing module; its two workers serve both sockets."""
    path, port = os.path.join(directory, 'rspamd.sock'), room.port()
    publish(name_server, key, 'rs')
    room.dir('rspamd')
    room.write('rspamd/tld', 'example\ncom\n')
    conf = room.write('rspamd/rspamd.conf', RSPAMD_CONF % {
        'dir': room.file('rspamd'), 'resolver': name_server.address.replace('@', ':'), 'domain': RSA, 'key': key,
        'path': path, 'port': port})
    process = room.start('rspamd', ['rspamd', '-f', '-i', '-c', conf])
    process.wait_ready(lambda: socket_open(path) and port_open(port), SLOW_START)
    return Subject(RSPAMD, RSA, path, port, process, 1)


def start_mailseal(room, build, directory, name_server):
    path, port = os.path.join(directory, 'mailseal.sock'), room.port()
    unix = Mailseal(room, build, path, name_server.address)
    for domain, algorithms in ((RSA, '"rsa-sha256"'), (BOTH, '"rsa-sha256", "ed25519-sha256"')):
        name_server.add(unix.domain(domain, 'sign = { algorithms = [%s]; };' % algorithms))
    unix.start()
    unix.beside('inet:%d@127.0.0.1' % port, lambda: port_open(port))
    return [Subject(name, domain, path, port, unix.process, n_fields)
            for name, domain, n_fields in ((MAILSEAL, RSA, 1), (MAILSEAL_BOTH, BOTH, 2))]


def start_all(room, build, directory, name_server):
    key = write_key(room)
    subjects = [start_bare(room, build, key, directory), start_opendkim(room, key, directory, name_server)]
    if shutil.which('rspamd'):
        subjects.append(start_rspamd(room, key, directory, name_server))
    subjects += start_mailseal(room, build, directory, name_server)
    for subject in subjects:
        os.chmod(subject.path, 0o666)
    return key, subjects


# --- what is measured must be right first

def show(subject):
    """What SUBJECT inserts into a message, and the message."""
    text = message(subject.domain, 2000)
    client = MilterClient(subject.path)
    inserted = client.message(text).inserted
    client.close()
    if len(inserted) != subject.n_fields:
        raise Failed('%s inserts %d fields, %d expected' % (subject.name, len(inserted), subject.n_fields))
    return inserted, text


def check_bare(subject, key):
    inserted, text = show(subject)
    with open(key + '.digest', 'wb') as f:
        f.write(hashlib.sha256(text.partition(b'\r\n\r\n')[2]).digest())
    with open(key + '.signature', 'wb') as f:
        f.write(base64.b64decode(inserted[0][2]))
    run(['openssl', 'pkeyutl', '-verify', '-inkey', key, '-in', key + '.digest', '-sigfile', key + '.signature',
         '-pkeyopt', 'digest:sha256'])


def check_dkim(subject, verifiers):
    inserted, text = show(subject)
    for _, name, value in reversed(inserted):
        text = name + b':' + value.replace(b'\n', b'\r\n') + b'\r\n' + text
    algorithms = ['rsa-sha256', 'ed25519-sha256'][:subject.n_fields]
    faults = judge.Judge(verifiers).faults(text, subject.domain, algorithms)
    if faults:
        raise Failed('%s: its signatures do not verify:\n%s' % (subject.name, '\n'.join(faults)))


def check_all(subjects, key, verifiers):
    for subject in subjects:
        if subject.name == BARE:
            check_bare(subject, key)
        else:
            check_dkim(subject, verifiers)
    print('Verified before they are timed: the signatures of %s (by %s; by openssl for the bare filter).'
          % (', '.join(s.name for s in subjects), ', '.join(v.name for v in verifiers)))
