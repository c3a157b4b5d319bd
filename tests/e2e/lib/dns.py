"""An authoritative name server (knot) on a loopback port, for zones made of records that a test gives."""

import socket

from .room import run


class NameServer:
    """Serves every name below `example.`; TXT records come in with add(), and by updates (RFC 2136) that are signed with
    KEY, a (name, base64 secret) of hmac-sha256."""

    def __init__(self, room, name='dns', key=None):
        self.room, self.name = room, name
        self.port = room.port()
        self.records = []
        room.dir(name)
        self._write()
        room.dir(name, 'run')
        room.dir(name, 'storage')
        lines = ['server:', '    rundir: %s' % room.file(name, 'run'), '    listen: 127.0.0.1@%d' % self.port,
                 'database:', '    storage: %s' % room.file(name, 'storage'),
                 'log:', '  - target: stdout', '    any: info']
        if key:
            lines += ['key:', '  - id: %s' % key[0], '    algorithm: hmac-sha256', '    secret: %s' % key[1],
                      'acl:', '  - id: update', '    key: %s' % key[0], '    action: update']
        lines += ['zone:', '  - domain: example', '    storage: %s' % room.file(name), '    file: zone',
                  '    zonefile-sync: -1', '    journal-content: none'] + ['    acl: update'] * bool(key)
        conf = room.write(name + '/knot.conf', '\n'.join(lines + ['']), mode=0o600)
        self.process = room.start('knot-' + name, ['knotd', '-c', conf])
        self.process.wait_ready(self._answers)

    @property
    def address(self):
        return '127.0.0.1@%d' % self.port

    def _write(self):
        serial = len(self.records) + 1
        head = ['$ORIGIN example.', '$TTL 60', '@ SOA ns hostmaster %d 60 60 60 60' % serial,
                '@ NS ns', 'ns A 127.0.0.1']
        self.room.write(self.name + '/zone', '\n'.join(head + self.records) + '\n')

    def _answers(self):
        # One question for the SOA of the zone, by hand: readiness must not need a tool.
        query = b'\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x06\x00\x01'
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(0.3)
        try:
            s.sendto(query, ('127.0.0.1', self.port))
            answer = s.recv(512)
            return answer[:2] == query[:2] and answer[3] & 15 == 0 and answer[7] >= 1
        except OSError:
            return False
        finally:
            s.close()

    def add(self, zone_lines):
        """Publish records in zone-file form (absolute names, or names that end at `example.`)."""
        self.records += [line for line in zone_lines if line.strip()]
        self._write()
        run(['knotc', '-c', self.room.file(self.name, 'knot.conf'), '-b', 'zone-reload', 'example'])
