"""Where mail runs: each mail server, with mailseald at each kind of socket, and the same mail server without a filter."""

import collections
import concurrent.futures
import threading

import habits
import judge
from lib import readers
from lib.postfix import Postfix
from lib.room import port_open, wait_until
from lib.seald import Mailseal
from lib.sendmail import Sendmail

SERVERS, SOCKETS = ('Postfix', 'Sendmail'), ('unix', 'inet')
OWN = {'relaxed.example': 'relaxed/relaxed', 'simple.example': 'simple/simple',
       'mixed1.example': 'relaxed/simple', 'mixed2.example': 'simple/relaxed'}
TRUST = 'trust = { networks = ["127.0.0.1", "::1"]; not_daemons = ["OUTSIDE"]; };\n'

Programs = collections.namedtuple('Programs', 'postfix sendmail')


class Stand:
    """One mail server with a daemon behind it, and with its like that has no filter."""

    def __init__(self, house, number, socket, mta, wiring, bare, mailseal):
        self.wiring = wiring    # the filter, in the mail server's own words
        self.house, self.number, self.socket = house, number, socket
        self.mta, self.bare, self.mailseal = mta, bare, mailseal
        self.server = mta.kind
        self.habits = habits.OF[mta.kind]
        self.label = '%s, %s' % (self.server, socket)

    def lines_of(self, queue_id):
        return self.mailseal.lines_of(queue_id)

    def line_faults(self, queue_id, *words):
        """Exactly one line of the log begins with the queue id, and it has these words."""
        lines = self.lines_of(queue_id) if queue_id else []
        if len(lines) != 1:
            return ['%d lines in the log for %s: %s' % (len(lines), queue_id or 'no queue id', lines)]
        return ['"%s" is not in the log line: %s' % (word, lines[0]) for word in words if word not in lines[0]]

    def arrived(self, to, bare=False):
        """The message to an address at the sink."""
        mta = self.bare if bare else self.mta
        return mta.wait(lambda: self.house.sink.wait(to, 60)).data

    def arrived_as(self, to, queue_id):
        """The message to an address, of many, that the mail server had by that queue id."""
        def look():
            with self.house.lock:
                for mail in self.house.sink.get(to)[self.house.seen.get(to, 0):]:
                    self.house.seen[to] = self.house.seen.get(to, 0) + 1
                    self.house.by_id[judge.queue_id(mail.data)] = mail.data
                return self.house.by_id.get(queue_id)
        return self.mta.wait(lambda: wait_until(look, '%s to %s at the sink' % (queue_id, to), 60))


def in_pairs(stands, work):
    """WORK(stand) for each, two at a time that have neither mail server nor daemon in common."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for pair in (stands[0::3], stands[1:3]):
            list(pool.map(work, pair))


class House:
    """A state and a configuration, two daemons that have it (one at each kind of socket), and the mail servers."""

    def __init__(self, room, build, name, sink, name_server, programs, more='', lmtp=None, aliases=None,
                 scanner_port=9):
        self.scanner_port = scanner_port
        self.room, self.name, self.sink, self.name_server, self.programs = room, name, sink, name_server, programs
        self.lmtp, self.aliases = lmtp, aliases
        milter_dir = Postfix.make_milter_dir(room, name + '-postfix-unix', programs.postfix, 'nobody')
        self.mailseal = Mailseal(room, build, milter_dir + '/mailseal.sock', name_server.address, TRUST + more, name)
        self.people, self.readers = {}, []
        self.sent, self.lock = set(), threading.Lock()
        self.seen, self.by_id = {}, {}      # how many of the mails to an address are in by_id

    def own_domains(self):
        """The domains that sign, in every canonicalization."""
        for domain, canonicalization in OWN.items():
            self.signs(domain, 'subdomains = true; sign = { canonicalization = "%s"; };' % canonicalization)

    def signs(self, domain, more=''):
        self.name_server.add(self.mailseal.domain(domain, more))

    def knows(self, domain, more=''):
        """A domain of ours that signs nothing."""
        self.room.write('%s/domains.d/%s.conf' % (self.name, domain), 'domains = ( { name = "%s"; %s } );' % (domain, more))

    def person(self, address, until='100d', readable=True):
        """Somebody with a certificate, and, if readable, a place in every reader."""
        self.readers = self.readers or readers.all_readers(self.room)
        p = self.people[address] = readers.Person(self.room, address, until)
        for reader in self.readers if readable else ():
            reader.add(p)
        self.mailseal.tool('user', 'cert', 'add', address, p.cert, '--pin', '--force')

    def open(self, bares):
        """Start all; BARES: {kind: mail server without a filter}. The stands."""
        self.mailseal.start()
        port = self.room.port()
        self.twin = self.mailseal.twin('inet:%d@127.0.0.1' % port, lambda: port_open(port))
        self.stands = []
        for daemon, socket in zip((self.mailseal, self.twin), SOCKETS):
            milter = 'unix:milter/mailseal.sock' if socket == 'unix' else 'inet:127.0.0.1:%d' % port
            shown = daemon.tool('sendmail', 'show').decode()
            for mta, wiring in ((self._postfix(socket, milter), milter), (self._sendmail(socket, shown), shown)):
                self.stands.append(Stand(self, len(self.stands), socket, mta, wiring, bares[mta.kind], daemon))
        return self.stands

    def _postfix(self, socket, milter):
        settings = ()
        if self.lmtp:
            pairs = ','.join('{%s=%s}' % pair for pair in self.aliases.items())
            settings = ('virtual_mailbox_domains = ' + ', '.join(self.lmtp[0]), 'virtual_mailbox_maps = static:1',
                        'virtual_transport = lmtp:unix:' + self.lmtp[1], 'virtual_alias_maps = inline:{%s}' % pairs)
        return Postfix(self.room, '%s-postfix-%s' % (self.name, socket), self.programs.postfix, self.sink.port, milter,
                       settings, scanner_port=self.scanner_port)

    def _sendmail(self, socket, shown):
        return Sendmail(self.room, '%s-sendmail-%s' % (self.name, socket), self.programs.sendmail, self.sink.port,
                        more=shown, lmtp=self.lmtp, aliases=self.aliases)

    def first_time(self, to, cases):
        """Of the cases those that have not yet been sent to their addresses past the filter."""
        with self.lock:
            fresh = [(n, c) for n, c in cases if to(n) not in self.sent]
            self.sent.update(to(n) for n, _ in fresh)
        return fresh

    def close(self):
        """End both daemons; what is wrong with how they end."""
        return ['%s ended with status %d' % (daemon.name, status) for daemon in (self.mailseal, self.twin)
                for status in [daemon.stop()] if status != 0]

    def open_faults(self, who, message, wanted):
        """What the readers find wrong with a sealed message for WHO; the number of those who agree."""
        found = [(reader.name, reader.open(self.people[who], message)) for reader in self.readers]
        faults = ['%s finds %r, not %r' % (name, octets[:200], wanted[:200]) for name, octets in found if octets != wanted]
        return faults, len(found) - len(faults)


def bare_servers(room, programs, sink):
    """Both mail servers without a filter, by their names."""
    return {'Postfix': Postfix(room, 'bare-postfix', programs.postfix, sink.port),
            'Sendmail': Sendmail(room, 'bare-sendmail', programs.sendmail, sink.port)}

