"""A private Postfix: own configuration, queue, ports; chrooted smtpd and cleanup as Debian has them.

An installed Postfix lends its programs and its accounts. Where another mail server is installed, the package is
unpacked instead (unpack()), and system accounts that every Debian has stand in for postfix and postdrop.
"""

import glob
import grp
import os
import pwd
import signal
import subprocess
import time

from .room import Failed, ended, port_open, run, tail, wait_until
from .smtp import Client

# name of the port -> options beside the common ones. The filter stands in smtpd_milters.
SERVICES = {
    # clients on loopback, nothing said about them
    'smtp': (),
    # clients whose header fields and line ends are left as they are
    'remote': ('local_header_rewrite_clients=', 'cleanup_service_name=cleanup-raw'),
    # the client says who it is: XCLIENT ADDR=, NAME=, LOGIN= (the last: it has authenticated)
    'xclient': ('smtpd_authorized_xclient_hosts=127.0.0.0/8', 'mynetworks=127.0.0.0/8,192.0.2.0/24'),
    # a port whose clients are not to be trusted by its name
    'outside': ('milter_macro_daemon_name=OUTSIDE',),
    # a submission port by Postfix's own convention
    'originating': ('smtpd_authorized_xclient_hosts=127.0.0.0/8', 'mynetworks=127.0.0.0/8,192.0.2.0/24',
                    'milter_macro_daemon_name=ORIGINATING'),
    # mail from outside that a content filter sees first ...
    'scanned': ('smtpd_authorized_xclient_hosts=127.0.0.0/8', 'mynetworks=127.0.0.0/8,192.0.2.0/24', 'smtpd_milters=',
                'content_filter=smtp:[127.0.0.1]:%(scanner)d'),
    # ... and where that hands it back, with the milters on
    'reinject': ('milter_macro_daemon_name=REINJECT', 'content_filter='),
    # without filters
    'plain': ('smtpd_milters=',),
}

MAIN_CF = """
compatibility_level = 3.6
queue_directory = %(queue)s
data_directory = %(data)s
maillog_file = %(log)s
maillog_file_prefixes = %(room)s
mail_owner = %(owner)s
setgid_group = %(group)s
myhostname = mta.example
mydomain = example
myorigin = relaxed.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
disable_dns_lookups = yes
smtp_dns_support_level = disabled
default_transport = smtp:[127.0.0.1]:%(sink)d
relayhost =
smtp_line_length_limit = 0
recipient_delimiter = +
internal_mail_filter_classes = bounce
milter_default_action = tempfail
milter_connect_timeout = 10s
smtpd_milters = %(milter)s
non_smtpd_milters = $smtpd_milters
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
enable_long_queue_ids = yes
message_size_limit = 60000000
mailbox_size_limit = 0
bounce_size_limit = 2000000
default_process_limit = 50
in_flow_delay = 0
"""

MASTER_CF = """
pickup unix n - y 1 1 pickup
cleanup unix n - y - 0 cleanup
cleanup-raw unix n - y - 0 cleanup -o cleanup_replace_stray_cr_lf=no
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - y 1000? 1 tlsmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
verify unix - - y - 1 verify
flush unix n - y 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
showq unix n - y - - showq
error unix - - y - - error
retry unix - - y - - error
discard unix - - y - - discard
lmtp unix - - n - - lmtp
anvil unix - - y - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Programs:
    """Where Postfix's programs are, what they need in their environment, and which accounts they may use."""

    def __init__(self, root='/', settings=(), environment=None, owner='postfix', group='postdrop'):
        self.root, self.settings, self.owner, self.group = root, list(settings), owner, group
        self.environment = dict(os.environ, **(environment or {}))
        # Postfix opens what it inherits: nothing of the caller's mail setup may get in.
        self.environment.pop('MAIL_CONFIG', None)

    def path(self, name):
        return os.path.join(self.root, 'usr/sbin', name)

    def tools(self):
        """An environment in which other programs find these by name."""
        return dict(self.environment, PATH=os.path.join(self.root, 'usr/sbin') + ':' + os.environ['PATH'])


def installed():
    """The installed Postfix, or None."""
    try:
        pwd.getpwnam('postfix')
        grp.getgrnam('postdrop')
    except KeyError:
        return None
    return Programs() if os.access('/usr/sbin/postfix', os.X_OK) and os.path.isdir('/usr/lib/postfix/sbin') else None


def unpack(package, directory):
    """Use a Debian package file without installing it."""
    run(['dpkg', '-x', package, directory])
    libraries = os.path.join(directory, 'usr/lib/postfix')
    meta = os.path.join(directory, 'etc/postfix')
    share = os.path.join(directory, 'usr/share/postfix')
    settings = [
        'daemon_directory = %s/sbin' % libraries,
        'command_directory = %s/usr/sbin' % directory,
        'shlib_directory = %s' % libraries,
        'meta_directory = %s' % meta,
        'sendmail_path = %s/usr/sbin/sendmail' % directory,
        'mailq_path = %s/usr/bin/mailq' % directory,
        'newaliases_path = %s/usr/bin/newaliases' % directory,
        'manpage_directory = %s/usr/share/man' % directory,
        'html_directory = no',
        'readme_directory = no',
        'import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH=%s' % libraries,
        'export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH=%s' % libraries,
    ]
    for name in ('dynamicmaps.cf', 'makedefs.out'):
        if not os.path.exists(os.path.join(meta, name)):
            os.symlink(os.path.join(share, name), os.path.join(meta, name))
    # `daemon` and `uucp` are in every Debian's base-passwd and own nothing that Postfix would touch.
    return Programs(directory, settings, {'LD_LIBRARY_PATH': libraries}, 'daemon', 'uucp')


def find(room):
    """The Postfix to use: the installed one, or the package file named by $MAILSEAL_POSTFIX_DEB, unpacked."""
    package = os.environ.get('MAILSEAL_POSTFIX_DEB')
    if package:
        return unpack(package, room.file('postfix-programs'))
    programs = installed()
    if programs is None:
        raise Failed('Postfix is not installed and MAILSEAL_POSTFIX_DEB names no package file: '
                     'contrib/install-packages fetches one without installing it')
    return programs


# Clients, by the words of the tests (client()): the service, and who it says that it is.
ADDRESS = 'ADDR=192.0.2.9 NAME=host.elsewhere.example PROTO=ESMTP'
CLIENTS = {
    'inside': ('smtp', None),
    'outside': ('xclient', ADDRESS),
    'named outside': ('outside', None),
    'inside, says a proxy': ('xclient', 'ADDR=127.0.0.1 PROTO=ESMTP'),
    'authenticated': ('xclient', ADDRESS + ' LOGIN=ann@relaxed.example'),
    'authenticated, without a domain': ('xclient', ADDRESS + ' LOGIN=ann'),
    'originating': ('originating', ADDRESS),
    'unmended': ('remote', None),
    'scanned': ('scanned', ADDRESS),
    'handed back': ('reinject', None),
    'past the filter': ('plain', None),
}


class Postfix:
    """One running instance. ports[name] for each of the services; settings override main.cf."""

    kind = 'Postfix'

    def __init__(self, room, name, programs, sink_port, milter='', settings=(), services=SERVICES, scanner_port=9):
        if os.geteuid() != 0:
            raise Failed('Postfix must be started by root')
        self.room, self.name, self.programs = room, name, programs
        self.etc = room.dir(name, 'etc')
        self.queue = room.dir(name, 'queue')
        self.log = room.file(name + '.log')
        self.ports = {service: room.port() for service in services}
        owner = programs.owner
        values = {'queue': self.queue, 'data': room.dir(name, 'data', owner=owner), 'log': self.log,
                  'room': room.path, 'owner': owner, 'group': self.programs.group, 'sink': sink_port,
                  'milter': milter}
        room.write(name + '/etc/main.cf', '\n'.join([MAIN_CF % values] + self.programs.settings + list(settings)) + '\n')
        listeners = []
        for service, options in services.items():
            listeners.append('127.0.0.1:%d inet n - y - - smtpd' % self.ports[service])
            listeners += ['  -o ' + option % {'scanner': scanner_port} for option in options]
        room.write(name + '/etc/master.cf', '\n'.join(listeners) + MASTER_CF)
        self._command('start')
        room.add(self)
        self.pid = self._master()
        # master listens on all ports before it starts the first service; this one troubles no filter.
        wait_until(lambda: port_open(self.ports['plain']), name + ': its ports', 20, self.log)

    @staticmethod
    def make_milter_dir(room, name, programs, owner):
        """Where a chrooted smtpd reaches the socket of a filter that runs as OWNER (in Postfix's own words:
        unix:milter/SOCKET). Setgid: the filter need not be a member of Postfix's group, only umask 007."""
        room.dir(name, 'queue')
        return room.dir(name, 'queue', 'milter', mode=0o2750, owner=owner, group=pwd.getpwnam(programs.owner).pw_gid)

    def _command(self, verb):
        done = subprocess.run([self.programs.path('postfix'), '-c', self.etc, verb], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.programs.environment)
        if done.returncode != 0:
            raise Failed('postfix %s: exit %d\n%s%s' % (verb, done.returncode, done.stdout.decode(), tail(self.log)))

    def _master(self):
        path = os.path.join(self.queue, 'pid', 'master.pid')

        def read():
            try:
                with open(path) as f:
                    return int(f.read() or 0)   # it is padded with blanks
            except (OSError, ValueError):
                return 0
        return wait_until(read, self.name + ': master.pid', 20, self.log)

    def set(self, **settings):
        """Change main.cf and make every process start anew."""
        for key, value in settings.items():
            run([self.programs.path('postconf'), '-c', self.etc, '-e', '%s=%s' % (key, value)],
                env=self.programs.environment)
        self.reload_by(lambda: self._command('reload'))

    def reload_by(self, action):
        """Call ACTION, which ends in "postfix reload", and wait until every process has started anew."""
        before = self._count('reload -- version')
        action()
        wait_until(lambda: self._count('reload -- version') > before, self.name + ': reload', 10, self.log)
        time.sleep(1.0)     # smtpd and cleanup processes that are idle learn of it within a second

    def _count(self, text):
        with open(self.log, errors='replace') as f:
            return f.read().count(text)

    def sendmail(self, sender, message, recipients=()):
        """Local submission; MESSAGE has LF or CRLF line ends, as a local program would write them. No recipients: those of
        the header (-t)."""
        run([self.programs.path('sendmail'), '-C', self.etc, '-i', '-f', sender] + (list(recipients) or ['-t']),
            input=message, env=self.programs.environment)

    def client(self, who='inside'):
        service, xclient = CLIENTS[who]
        return Client(self.ports[service], xclient)

    def wait(self, look):
        """What LOOK gives; where it fails, with the end of the log."""
        try:
            return look()
        except Failed as e:
            raise Failed('%s\n%s' % (e, tail(self.log, 5))) from None

    def cpu_seconds(self):
        """User and system time of the instance's living and ended processes."""
        ticks = 0
        for path in glob.glob('/proc/[0-9]*/stat'):
            try:
                with open(path) as f:
                    fields = f.read().rpartition(')')[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.pid or path == '/proc/%d/stat' % self.pid:
                ticks += sum(map(int, fields[11:15]))
        return ticks / os.sysconf('SC_CLK_TCK')

    def end(self):
        """Before the room does."""
        self.room.drop(self)

    def stop(self):
        """End master, and with it its children."""
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        wait_until(lambda: ended(self.pid), self.name + ': end of master', 10)
