"""mailseald and its tool, set up for a test as an administrator would."""

import json
import os

from .room import Process, run, socket_open

USER = 'nobody'     # whom mailseald runs as when a test is root

CONF = """
milter = { socket = "unix:%(socket)s"; };
state_dir = "%(state)s";
user = "%(user)s";
control = { socket = "%(control)s"; };
log = { target = "stderr"; };
dns = { resolver = "%(resolver)s"; };
%(more)s
"""

DOMAIN = """
domains = (
  { name = "%(name)s"; %(more)s }
);
"""


class Mailseal:
    """The daemon at a unix socket. start() and stop() may alternate; tool() runs `mailseal`."""

    def __init__(self, room, build, socket, resolver='', more='', name='mailseal'):
        self.room, self.build, self.socket, self.name = room, build, socket, name
        self.user = USER if os.geteuid() == 0 else ''
        owner = {'owner': self.user} if self.user else {}
        room.dir(name, 'domains.d')
        self.conf = room.write(name + '/mailseal.conf', CONF % {
            'socket': socket, 'state': room.dir(name, 'state', mode=0o700, **owner), 'user': self.user,
            'control': os.path.join(room.dir(name, 'run', **owner), 'control.sock'), 'resolver': resolver, 'more': more})
        self.process = None
        self.log = room.file(name + '.out')

    def tool(self, *words, **options):
        """Standard output of `mailseal WORDS`."""
        return run([os.path.join(self.build, 'src/tool/mailseal'), '-c', self.conf] + list(words), **options)

    def domain(self, name, more=''):
        """Make a domain that signs, with selectors of both algorithms; the lines of its zone."""
        self.room.write('%s/domains.d/%s.conf' % (self.name, name), DOMAIN % {'name': name, 'more': more})
        self.tool('setup', name)
        for selector in self.selectors(name):
            self.tool('selector', 'activate', name, selector['name'], '--force')
        return self.tool('dns', 'show', name, '--format', 'zone').decode().splitlines()

    def selectors(self, name):
        return json.loads(self.tool('selector', 'list', name, '--json'))['selectors']

    def start(self, limit=20.0):
        self.process = self.room.add(Process(self.name, [os.path.join(self.build, 'src/daemon/mailseald'),
                                                         '-c', self.conf], self.log))
        self.process.wait_ready(lambda: socket_open(self.socket), limit)

    def beside(self, socket, ready):
        """A second daemon with the same domains and state, at another socket; its process."""
        self.room.dir(self.name + '-beside', 'run', **({'owner': self.user} if self.user else {}))
        with open(self.conf) as f:
            text = f.read()
        text = text.replace('unix:' + self.socket, socket).replace(self.name + '/run/', self.name + '-beside/run/')
        link = self.room.file(self.name + '-beside', 'domains.d')
        os.symlink(self.room.file(self.name, 'domains.d'), link)
        conf = self.room.write(self.name + '-beside/mailseal.conf', text)
        process = self.room.start(self.name + '-beside', [os.path.join(self.build, 'src/daemon/mailseald'), '-c', conf])
        process.wait_ready(ready)
        return process

    def stop(self):
        status = self.room.drop(self.process)
        self.process = None
        return status

    def lines(self):
        """What it has logged so far."""
        with open(self.log, 'rb') as f:
            return f.read().decode('utf-8', 'backslashreplace').splitlines()
