"""mailseald and its tool, set up for a test as an administrator would."""

import copy
import json
import os
import re
import threading

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
        self.lock = threading.Lock()
        self.seen, self.read = {}, 0     # the lines of each queue id, and how much of the log that covers

    def tool(self, *words, **options):
        """Standard output of `mailseal WORDS`; options as for run()."""
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
        self._run(lambda: socket_open(self.socket), limit)

    def _run(self, ready, limit):
        self.process = self.room.add(Process(self.name, [os.path.join(self.build, 'src/daemon/mailseald'),
                                                         '-c', self.conf], self.log))
        self.process.wait_ready(ready, limit)

    def twin(self, socket, ready):
        """A second daemon, running, with the same domains, spool and state, at another socket."""
        twin = copy.copy(self)
        twin.name, twin.seen, twin.read, twin.lock = self.name + '-twin', {}, 0, threading.Lock()
        twin.log = self.room.file(twin.name + '.out')
        self.room.dir(twin.name, 'run', **({'owner': self.user} if self.user else {}))
        with open(self.conf) as f:
            text = f.read().replace('unix:' + self.socket, socket).replace(self.name + '/run/', twin.name + '/run/')
        os.symlink(self.room.file(self.name, 'domains.d'), self.room.file(twin.name, 'domains.d'))
        twin.conf = self.room.write(twin.name + '/mailseal.conf', text)
        twin._run(ready, 20.0)
        return twin

    def stop(self):
        status = self.room.drop(self.process)
        self.process = None
        return status

    def lines(self):
        """What it has logged so far."""
        with open(self.log, 'rb') as f:
            return f.read().decode('utf-8', 'backslashreplace').splitlines()

    def lines_of(self, queue_id):
        """Its lines that start with a queue id."""
        with self.lock, open(self.log, 'rb') as f:
            f.seek(self.read)
            new = f.read()
            new = new[:new.rfind(b'\n') + 1]
            self.read += len(new)
            for line in new.decode('utf-8', 'backslashreplace').splitlines():
                found = re.match(r'(\w+): ', line)
                if found:
                    self.seen.setdefault(found.group(1), []).append(line)
            return self.seen.get(queue_id, [])
