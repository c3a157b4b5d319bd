"""A small SMTP client that sends exactly the bytes it is given."""

import base64
import re
import socket

from .room import Failed


class Refused(Failed):
    """The server did not take a message; .reply is its answer."""

    def __init__(self, command, reply):
        super().__init__('%s: %s' % (command, reply))
        self.reply = reply


class Client:
    """One session, any number of messages."""

    def __init__(self, port, xclient=None, timeout=60, source=None):
        """XCLIENT: who the server is to believe that we are; SOURCE: the address on loopback to come from."""
        self.sock = socket.create_connection(('127.0.0.1', port), timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile('rb')
        self._expect('the greeting', '220')
        self.command('EHLO client.example', '250')
        if xclient:
            self.command('XCLIENT ' + xclient, '220')
            self.command('EHLO client.example', '250')

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.quit()
        else:
            self.close()

    def _expect(self, command, wanted):
        lines = []
        while True:
            line = self.file.readline().decode('utf-8', 'replace')
            if not line:
                raise Refused(command, 'the server closed the connection')
            lines.append(line.rstrip('\r\n'))
            if line[3:4] != '-':
                break
        reply = '\n'.join(lines)
        if not reply.startswith(wanted):
            raise Refused(command, reply)
        return reply

    def command(self, text, wanted='2'):
        self.sock.sendall(text.encode() + b'\r\n')
        return self._expect(text, wanted)

    def login(self, user, password):
        self.command('AUTH PLAIN ' + base64.b64encode(b'\0%s\0%s' % (user.encode(), password.encode())).decode())

    def send(self, sender, recipients, message, parameters=''):
        """Send the bytes (dots are stuffed; a missing final CRLF is completed, as SMTP needs). The queue id."""
        self.command('MAIL FROM:<%s>%s' % (sender, parameters and ' ' + parameters))
        for recipient in recipients:
            self.command('RCPT TO:<%s>' % recipient)
        self.command('DATA', '354')
        data = re.sub(rb'(^|\r\n|\n)\.', rb'\1..', message)
        if not data.endswith(b'\r\n') and data:
            data += b'\r\n'
        self.sock.sendall(data + b'.\r\n')
        reply = self._expect('the message', '250')
        found = re.search(r'queued as (\w+)|^250 2\.0\.0 (\w+) Message accepted', reply)
        return (found.group(1) or found.group(2)) if found else ''

    def reset(self):
        self.command('RSET')

    def quit(self):
        self.command('QUIT', '221')
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()
