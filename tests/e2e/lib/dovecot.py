"""A private Dovecot: LMTP and IMAP, a Maildir for each user below the room, no system account needed."""

import glob
import imaplib
import os
import re
import time

from .room import port_open, run, wait_until

CONF = """
base_dir = %(run)s
state_dir = %(run)s
log_path = %(log)s
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = %(location)s
%(more)s
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
lda_mailbox_autocreate = yes
postmaster_address = postmaster@example.com
hostname = mail.example.com
auth_username_format = %%n
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=%(mail)s/%%n
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = %(imap)d
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
"""


# Quotas that are counted in the index: sizes of messages are kept there, too.
COUNTED = """
mail_plugins = quota
mail_max_userip_connections = 50
plugin {
  quota = count:User quota
  quota_vsizes = yes
}
"""


class Dovecot:
    """location: mail_location; more: settings. Whatever user asks has a mailbox."""

    def __init__(self, room, name='dovecot', location='maildir:~/Maildir', more=''):
        self.room, self.log = room, room.file(name + '.log')
        self.run = room.dir(name)
        self.mail = room.dir(name, 'mail', owner='nobody', group='nogroup')
        self.port = room.port()
        self.conf = room.write(name + '.conf', CONF % {'run': self.run, 'log': self.log, 'mail': self.mail,
                                                       'imap': self.port, 'location': location, 'more': more})
        self.lmtp = os.path.join(self.run, 'lmtp')
        self.process = room.start(name, ['/usr/sbin/dovecot', '-F', '-c', self.conf])
        self.process.wait_ready(lambda: os.path.exists(self.lmtp) and port_open(self.port))

    def fetch(self, user, mailbox='INBOX'):
        """The messages of a mailbox, byte for byte with CRLF, oldest first."""
        with imaplib.IMAP4('127.0.0.1', self.port) as imap:
            imap.login(user, 'any')
            if imap.select('"%s"' % mailbox, readonly=True)[0] != 'OK':
                return []
            numbers = imap.search(None, 'ALL')[1][0].split()
            return [imap.fetch(n, '(BODY.PEEK[])')[1][0][1] for n in numbers]

    def wait(self, user, message_id, mailbox='INBOX', limit=30.0, log=None):
        """The first message with that Message-ID."""
        wanted = b'Message-ID: <%s>' % message_id.encode()

        def look():
            if not glob.glob(os.path.join(self.mail, user, 'Maildir')):
                return None
            found = [m for m in self.fetch(user, mailbox) if wanted in m.split(b'\r\n\r\n', 1)[0]]
            if not found:
                time.sleep(0.05)
            return found
        return wait_until(look, '<%s> in %s of %s' % (message_id, mailbox, user), limit, log)[0]

    def files(self, user):
        """Where a user's messages lie."""
        return sorted(p for place in ('new', 'cur') for p in glob.glob(os.path.join(self.mail, user, 'Maildir', place, '*')))

    def on_disk(self, user):
        """Every octet of every file of a user's Maildir."""
        octets = b''
        for path in glob.glob(os.path.join(self.mail, user, 'Maildir', '**'), recursive=True):
            if os.path.isfile(path):
                with open(path, 'rb') as f:
                    octets += f.read()
        return octets

    def maildir(self, user):
        return os.path.join(self.mail, user, 'Maildir')

    def imap(self, user, mailbox='INBOX'):
        """A session of its own, with the mailbox open."""
        client = imaplib.IMAP4('127.0.0.1', self.port)
        client.login(user, 'any')
        client.select(mailbox)
        return client

    def doveadm(self, *words):
        return run(['doveadm', '-c', self.conf] + list(words)).decode()

    def errors(self):
        """What it complained of."""
        with open(self.log, errors='backslashreplace') as f:
            return [line for line in f.read().splitlines() if re.search(r'(Error|Warning|Fatal|Panic): ', line)]


def told(client, what='UID FLAGS INTERNALDATE RFC822.SIZE'):
    """{uid: what the server said of it}, without \\Recent."""
    seen = {}
    for item in client.fetch('1:*', '(%s)' % what)[1]:
        if item and item != b')':     # which ends what had a literal in it
            text = (b' '.join(item) if isinstance(item, tuple) else item).decode('utf-8', 'backslashreplace')
            seen[int(re.search(r'UID (\d+)', text)[1])] = re.sub(r'^\d+ |\\Recent ?', '', text).replace(' )', ')')
    return seen


def contents(client):
    """{uid: the whole message}"""
    seen = {}
    for item in client.fetch('1:*', '(UID BODY.PEEK[])')[1]:
        if isinstance(item, tuple):
            seen[int(re.search(rb'UID (\d+)', item[0])[1])] = item[1]
    return seen
