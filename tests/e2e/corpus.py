"""Awkward messages, byte for byte, and what is to become of each.

A case is written for a domain that takes the place of @D@ in its bytes (of @U@: in capitals). What an entry does not say is the default:
signed, and verified by every verifier, in every canonicalization and by every road.
"""

DKIMPY, MAIL_DKIM, OPENDKIM = 'dkimpy', 'Mail::DKIM', 'opendkim'

# The roads that a message can take into the mail server.
SMTP, SENDMAIL, BOUNCE, REMOTE = 'smtp', 'sendmail', 'bounce', 'remote'


class Case:
    """One message. unsigned: the reason in the log line, else None. limits: {verifier: why it cannot agree}, where
    the verifier's refusal of an intact message is known. cut: it has a header field of which Postfix keeps 60,000
    octets where there is a filter (many a libmilter takes 65,535), and more where there is none."""

    def __init__(self, label, raw, unsigned=None, limits=None, smtputf8=False, relaxed_limits=None,
                 cut=False):
        self.label, self.raw, self.unsigned = label, raw, unsigned
        self.relaxed_limits = relaxed_limits or {}      # where header fields are relaxed
        self.cut = cut
        self.limits, self.smtputf8 = limits or {}, smtputf8

    def message(self, domain):
        return self.raw.replace(b'@D@', domain.encode()).replace(b'@U@', domain.upper().encode())


FROM = b'From: Ann Example <ann@@D@>\r\n'
TO = b'To: Bob <bob@sink.example>\r\n'
SUBJECT = b'Subject: greetings from afar\r\n'
DATE = b'Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n'
MSGID = b'Message-ID: <20261124.1@@D@>\r\n'
MIME = (b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n'
        b'Content-Transfer-Encoding: 8bit\r\n')
BODY = b'Hello Bob,\r\n\r\nall is well here.\r\n'


def head(*fields, frm=FROM, to=TO, subject=SUBJECT, date=DATE, msgid=MSGID):
    return b''.join((frm, to, subject, date, msgid) + fields)


def body(text):
    """An everyday header in front of this body."""
    return head() + b'\r\n' + text


def fields(*lines, **instead):
    """These fields more, or instead, in front of an everyday body."""
    return head(*lines, **instead) + b'\r\n' + BODY


BODIES = [
    Case('body: plain', body(BODY)),
    Case('body: empty', body(b'')),
    Case('body: nothing after the header, not even the empty line', head()),
    Case('body: one CRLF', body(b'\r\n')),
    Case('body: three CRLF', body(b'\r\n\r\n\r\n')),
    Case('body: 3000 CRLF at the end', body(b'text\r\n' + b'\r\n' * 3000)),
    Case('body: 3000 CRLF at the start', body(b'\r\n' * 3000 + b'text\r\n')),
    Case('body: one line of white space', body(b' \t \r\n')),
    Case('body: lines of white space at the end', body(b'text\r\n \r\n\t\r\n  \t\r\n')),
    Case('body: lines of white space, then CRLFs', body(b'text\r\n \r\n\r\n\t\r\n\r\n\r\n')),
    Case('body: lines of white space in front', body(b' \r\n\t\t\r\ntext\r\n')),
    Case('body: white space ends lines', body(b'one \r\ntwo\t\r\nthree \t \r\n\r\nfour\r\n')),
    Case('body: white space inside lines', body(b'a  b\t\tc \t d\r\n  indented\r\n\tby a tab\r\n')),
    Case('body: no final CRLF', body(b'first\r\nlast')),
    Case('body: white space and no final CRLF', body(b'first\r\nlast \t ')),
    Case('body: only white space and no CRLF', body(b' \t')),
    Case('body: one octet', body(b'x')),
    Case('body: lines of dots', body(b'.\r\n..\r\n...\r\n. x\r\n.x\r\n')),
    Case('body: a dot ends it', body(b'text\r\n.\r\n')),
    Case('body: form feed and vertical tab', body(b'a\x0b\r\nb\x0c\r\n\x0c\r\n\x0b\r\n')),
    Case('body: form feed before white space', body(b'a \x0c \r\nb\x0b \x0b\r\n')),
    Case('body: NUL', body(b'before\x00after\r\n\x00\r\n')),
    Case('body: CR inside a line', body(b'one\rtwo\r\nthree\r four\r\n')),
    Case('body: CR after white space', body(b'one \r two\r\n'), ),
    Case('body: CR CR LF', body(b'one\r\r\ntwo\r\n')),
    Case('body: bare LF', body(b'one\ntwo\r\nthree\n\nfour\r\n')),
    Case('body: all octets', body(b''.join(b'%c.' % i for i in range(256) if i not in (0, 10, 13)) + b'\r\n')),
    Case('body: Latin-1', head(b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n'
                               b'Content-Transfer-Encoding: 8bit\r\n') + b'\r\nGr\xfc\xdfe aus K\xf6ln\r\n'),
    Case('body: UTF-8', head(MIME) + b'\r\n' + 'Grüße aus Köln, 你好\r\n'.encode()),
    Case('body: UTF-8 cut in the middle', head(MIME) + b'\r\nGr\xc3\r\n\xbc\xc3\x9fe\r\n'),
    Case('body: no-break space ends a line', body(b'text\xa0\r\ntext\xc2\xa0\r\n')),
    Case('body: 998 octets in a line', body(b'9' * 998 + b'\r\n')),
    Case('body: 999 octets in a line', body(b'9' * 999 + b'\r\n')),
    Case('body: 5000 octets in a line', body(b'5' * 5000 + b'\r\n')),
    Case('body: 70000 octets in a line', body(b'7' * 70000 + b'\r\nend\r\n')),
    Case('body: 70000 blanks in a line', body(b'a' + b' ' * 70000 + b'b\r\n')),
    Case('body: CRLF across the edge of 65535', body(b'1' * 65534 + b'\r\n' + b'2' * 65533 + b'\r\nend\r\n')),
    Case('body: exactly 65535', body(b'3' * 65533 + b'\r\n')),
    Case('body: exactly 65536', body(b'4' * 65534 + b'\r\n')),
    Case('body: blanks across the edge of 65535', body(b'1' * 65530 + b' \t' * 10 + b'\r\n\r\n \r\n')),
    Case('body: 1 MB', body((b'TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1\r\n') * 15000)),
    Case('body: looks like a header', body(b'From: Eve <eve@evil.example>\r\nSubject: not this one\r\n'
                                           b'DKIM-Signature: v=1; a=rsa-sha256; b=x\r\n\r\ntext\r\n')),
    Case('body: From at the start of a line', body(b'From here on\r\n>From there\r\nFrom ann Tue Nov 24\r\n')),
    Case('body: starts with white space', body(b' text\r\n\ttext\r\n')),
    Case('body: a CR alone ends it', body(b'text\r\nmore\r')),
    Case('body: a bare LF starts it', body(b'\ntext\r\n')),
    Case('body: LF CR', body(b'one\n\rtwo\n\r\r\n')),
    Case('body: CR at the edge of 65535', body(b'1' * 65534 + b'\r' + b'2\r\n')),
    Case('body: white space to the edge of 65535, then a line end', body(b'1' * 65500 + b' ' * 35 + b'\r\n2\r\n')),
    Case('body: white space, CR, white space', body(b'one \r \r\n\t\r\t\r\n \r\r\n')),
    Case('body: bare LFs at the end', body(b'text\n\n\n')),
    Case('body: lines of 64 KB and no final CRLF', body((b'6' * 65536 + b'\r\n') * 3 + b'6' * 65535)),
    Case('body: nothing but dots', body(b'.\r\n.\r\n')),
    Case('body: uuencoded', body(b'begin 644 x\r\n+22!A;2!A(&-A=`H \r\n`\r\nend\r\n')),
]

HEADERS = [
    Case('header: fold right after the colon', fields(subject=b'Subject:\r\n folded at once\r\n')),
    Case('header: fold right after the colon, tab', fields(subject=b'Subject:\r\n\tfolded at once\r\n')),
    Case('header: fold of nothing but white space', fields(subject=b'Subject: one\r\n \r\n two\r\n')),
    Case('header: folds of nothing but white space at the end', fields(subject=b'Subject: one\r\n \t \r\n \r\n')),
    Case('header: fold before white space', fields(subject=b'Subject: one \r\n   two\t\r\n\t three\r\n')),
    Case('header: empty value', fields(subject=b'Subject:\r\n')),
    Case('header: empty value with a blank', fields(subject=b'Subject: \r\n')),
    Case('header: value of white space', fields(subject=b'Subject: \t \t\r\n')),
    Case('header: no blank after the colon', fields(subject=b'Subject:tight\r\n')),
    Case('header: tab after the colon', fields(subject=b'Subject:\ttabbed\r\n')),
    Case('header: many blanks after the colon', fields(subject=b'Subject:      far off\r\n')),
    Case('header: white space inside', fields(subject=b'Subject: a  b\t\tc \t d\r\n')),
    Case('header: white space at the end', fields(subject=b'Subject: trailing \t \r\n')),
    Case('header: white space before the colon', fields(subject=b'Subject : spaced\r\n')),
    Case('header: white space before the colon of a field of no account', fields(b'X-Odd\t: spaced\r\n')),
    Case('header: 5000 octets in a line', fields(subject=b'Subject: ' + b's' * 5000 + b'\r\n')),
    Case('header: 5000 octets folded', fields(subject=b'Subject:' + b' word\r\n' * 700 + b' end\r\n')),
    Case('header: 59000 octets folded', fields(subject=b'Subject:' + (b' ' + b'5' * 97 + b'\r\n') * 590)),
    Case('header: 66000 octets folded', fields(subject=b'Subject:' + (b' ' + b'6' * 97 + b'\r\n') * 660), cut=True),
    Case('header: 70000 octets in a line', fields(subject=b'Subject: ' + b's' * 70000 + b'\r\n'), cut=True),
    Case('header: 100000 octets of references', fields(b'References:' + (b' <' + b'r' * 95 + b'>\r\n') * 1000), cut=True),
    Case('header: 200000 octets of no account', fields(b'X-Other:' + (b' ' + b'x' * 97 + b'\r\n') * 2000), cut=True),
    Case('header: Latin-1', fields(subject=b'Subject: Gr\xfc\xdfe\r\n')),
    Case('header: UTF-8', fields(subject='Subject: Grüße, 你好\r\n'.encode())),
    Case('header: UTF-8 in a display name', fields(frm='From: Jörg Müller <ann@@D@>\r\n'.encode())),
    Case('header: no-break space ends a value', fields(subject=b'Subject: text\xa0\r\n')),
    Case('header: form feed and vertical tab', fields(subject=b'Subject: a\x0cb\x0bc\r\n'),
         relaxed_limits={OPENDKIM: 'takes form feed and vertical tab for white space'}),
    Case('header: CR inside a field of no account', fields(b'X-Odd: one\rtwo\r\n')),
    Case('header: encoded words', fields(subject=b'Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n =?iso-8859-1?Q?_K=F6ln?=\r\n')),
    Case('header: 200 fields', fields(*[b'X-Field-%d: value %d\r\n' % (i, i) for i in range(200)])),
    Case('header: 300 recipients', fields(to=b'To: ' + b',\r\n '.join(b'"User %d" <u%d@sink.example>' % (i, i)
                                                                       for i in range(300)) + b'\r\n')),
    Case('header: long References', fields(b'In-Reply-To: <59@list.example>\r\nReferences:'
                                           + b''.join(b'\r\n\t<%d.%d@list.example>' % (i, i * 7919) for i in range(60))
                                           + b'\r\n')),
    Case('header: References in one long line', fields(b'References: '
                                                       + b' '.join(b'<%d@list.example>' % i for i in range(120)) + b'\r\n')),
    Case('header: To repeated', fields(b'To: Carl <carl@sink.example>\r\n')),
    Case('header: Subject repeated', fields(b'Subject: a second one\r\nSubject: and a third\r\n')),
    Case('header: Received repeated', b'Received: from a.example by b.example; Tue, 24 Nov 2026 09:00:00 +0000\r\n'
         b'Received: from c.example by a.example;\r\n\tTue, 24 Nov 2026 08:59:00 +0000\r\n' + fields()),
    Case('header: neither Message-ID nor Date', fields(msgid=b'', date=b'')),
    Case('header: only From', FROM + b'\r\n' + BODY),
    Case('header: no From at all', fields(frm=b'')),
    Case('header: Sender, Reply-To, Cc', fields(b'Sender: Sec <sec@@D@>\r\nReply-To: ann@@D@\r\nCc: carl@sink.example,\r\n'
                                                b' dora@sink.example\r\n')),
    Case('header: Bcc', fields(b'Bcc: secret@sink.example\r\n')),
    Case('header: Resent', b'Resent-From: ann@@D@\r\nResent-To: carl@sink.example\r\n'
         b'Resent-Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nResent-Message-ID: <r1@@D@>\r\n' + fields()),
    Case('header: List fields', fields(b'List-Id: <l.@D@>\r\nList-Post: <mailto:l@@D@>\r\nList-Help: <mailto:h@@D@>\r\n'
                                       b'List-Unsubscribe: <https://list.example/u?x=1>,\r\n <mailto:u@@D@>\r\n'
                                       b'List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n')),
    Case('header: names in odd cases', b'FROM: ann@@D@\r\ntO: bob@sink.example\r\nsUbJeCt: odd\r\n'
         b'dATE: Tue, 24 Nov 2026 10:00:00 +0000\r\nmessage-id: <odd@@D@>\r\nmime-version: 1.0\r\n\r\n' + BODY),
    Case('header: punctuation in names', fields(b"X-!#$%&'*+-.^_`|~: odd\r\nA: one letter\r\n")),
    Case('header: a name of 500 letters', fields(b'X-' + b'n' * 498 + b': value\r\n')),
    Case('header: Message-ID folded', fields(msgid=b'Message-ID:\r\n <20261124.1@@D@>\r\n')),
    Case('header: Date with a comment', fields(date=b'Date: Tue, 24 Nov 2026 10:00:00 +0000 (UTC)\r\n')),
    Case('header: trace of a delivery', b'Return-Path: <ann@@D@>\r\nDelivered-To: ann@@D@\r\n' + fields()),
    Case('header: a line without a colon ends it', head() + b'this is no field\r\nand this no body line\r\n'),
    Case('header: NUL in a field of no account', fields(b'X-Odd: one\x00two\r\n')),
    Case('header: NUL in a signed field', fields(subject=b'Subject: one\x00two\r\n')),
    Case('header: CR inside a signed field', fields(subject=b'Subject: one\rtwo\r\n')),
    Case('header: CR at the end of a signed field', fields(subject=b'Subject: one\r\r\n')),
    Case('header: fold of a signed field behind a CR', fields(subject=b'Subject: one\r\r\n two\r\n')),
    Case('header: white space before the colon, and the field below', fields(b'Subject: the last\r\n',
                                                                            subject=b'Subject : spaced\r\n')),
    Case('header: white space before the colon, and the field above', fields(b'Subject : spaced\r\n')),
    Case('header: folded before the colon', fields(b'X-Odd\r\n : odd\r\n')),
    Case('header: an empty name', fields(b': nothing\r\n')),
    Case('header: a name with a space inside', fields(b'X Odd: odd\r\n')),
    Case('header: a name with 8-bit letters', fields(b'X-\xc3\xbc: odd\r\n')),
    Case('header: a name with control bytes', fields(b'X-\x01\x7f: odd\r\n')),
    Case('header: a name of 100 letters, folded at once', fields(b'X-' + b'n' * 98 + b':\r\n value\r\n')),
    Case('header: no field at all, a colon', b':\r\n\r\n' + BODY),
    Case('header: starts with white space', b' odd\r\n' + fields()),
    Case('header: starts as a mailbox', b'From ann Tue Nov 24 10:00:00 2026\r\n' + fields()),
    Case('header: starts as a quoted mailbox', b'>From ann Tue Nov 24 10:00:00 2026\r\n' + fields()),
    Case('header: signed fields all repeated', fields(TO, SUBJECT, DATE, MSGID, MIME, MIME, b'Cc: a@sink.example\r\n',
                                                      b'Cc: b@sink.example\r\n', b'Reply-To: ann@@D@\r\n' * 2)),
    Case('header: List and Resent fields repeated', (b'Resent-From: ann@@D@\r\nResent-To: a@sink.example\r\n'
                                                     b'Resent-Date: Tue, 24 Nov 2026 11:00:00 +0000\r\n'
                                                     b'Resent-Message-ID: <r@@D@>\r\n') * 3
         + fields(b'List-Id: <l.@D@>\r\n' * 3)),
    Case('header: 1000 fields to sign', fields(*[b'To: user%d@sink.example\r\n' % i for i in range(1000)])),
    Case('header: more fields to sign than one can name', fields(b'Content-Transfer-Encoding: 8bit\r\n' * 2600),
         unsigned='too large'),
    Case('header: 5000 fields', fields(*[b'X-F: %d\r\n' % i for i in range(5000)])),
    Case('header: more than 10000 fields', fields(*[b'X-F: %d\r\n' % i for i in range(10000)]), unsigned='too large'),
    Case('header: UTF-8, SMTPUTF8', fields(b'Cc: J\xc3\xb6rg <j\xc3\xb6rg@sink.example>\r\n',
                                          subject='Subject: Grüße\r\n'.encode()), smtputf8=True),
    Case('header: over 1 MB', fields(*[b'X-Big-%d:%s\r\n' % (i, b'\r\n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' * 1000)
                                       for i in range(30)]), unsigned='too large'),
]

AUTHORS = [
    Case('From: address alone', fields(frm=b'From: ann@@D@\r\n')),
    Case('From: in angle brackets alone', fields(frm=b'From: <ann@@D@>\r\n')),
    Case('From: comments', fields(frm=b'From: (why) Ann (really) <ann@@D@> (it is me)\r\n')),
    Case('From: the name as a comment', fields(frm=b'From: ann@@D@ (Ann, of @D@)\r\n')),
    Case('From: quoted name with a comma', fields(frm=b'From: "Example, Ann" <ann@@D@>\r\n')),
    Case('From: quoted name that looks like an address', fields(frm=b'From: "eve@evil.example" <ann@@D@>\r\n')),
    Case('From: the same address as its name, unquoted', fields(frm=b'From: ann@@D@ <ann@@D@>\r\n')),
    Case('From: another address as its name, unquoted', fields(frm=b'From: eve@evil.example <ann@@D@>\r\n'),
         unsigned='From'),
    Case('From: domain in capitals', fields(frm=b'From: Ann <ANN@@U@>\r\n')),
    Case('From: quoted local part', fields(frm=b'From: "ann b@c"@@D@\r\n')),
    Case('From: folded', fields(frm=b'From: Ann\r\n Example\r\n\t<ann@@D@>\r\n')),
    Case('From: fold right after the colon', fields(frm=b'From:\r\n Ann <ann@@D@>\r\n')),
    Case('From: encoded word', fields(frm=b'From: =?utf-8?Q?J=C3=B6rg?= <ann@@D@>\r\n')),
    Case('From: group of one', fields(frm=b'From: Team: Ann <ann@@D@>;\r\n')),
    Case('From: group of none', fields(frm=b'From: undisclosed:;\r\n'), unsigned='From'),
    Case('From: two mailboxes of one domain', fields(b'Sender: ann@@D@\r\n', frm=b'From: ann@@D@, Carl <carl@@D@>\r\n')),
    Case('From: mailboxes of two domains, Sender decides', fields(b'Sender: Ann <ann@@D@>\r\n',
                                                                 frm=b'From: eve@evil.example, ann@@D@\r\n')),
    Case('From: mailboxes of two domains, no Sender', fields(frm=b'From: eve@evil.example, ann@@D@\r\n'), unsigned='From'),
    Case('From: twice', fields(FROM), unsigned='From'),
    Case('From: twice, another author', b'From: eve@evil.example\r\n' + fields(), unsigned='From'),
    Case('From: empty', fields(frm=b'From:\r\n'), unsigned='From'),
    Case('From: address literal', fields(frm=b'From: ann@[192.0.2.1]\r\n'), unsigned='From'),
    Case('From: not our domain', fields(frm=b'From: eve@evil.example\r\n'), unsigned='domain not ours'),
    Case('From: our domain as the end of another', fields(frm=b'From: eve@not-@D@\r\n'), unsigned='domain not ours'),
    Case('From: a subdomain of ours', fields(frm=b'From: ann@mail.sub.@D@\r\n')),
    Case('From: white space before the colon', fields(frm=b'From : ann@@D@\r\n')),
    Case('From: twice, one with white space before the colon', fields(b'From\t: eve@evil.example\r\n'), unsigned='From'),
    Case('From: group of two of one domain', fields(frm=b'From: Team: ann@@D@, Carl <carl@@D@>;\r\n')),
    Case('From: group of two domains', fields(frm=b'From: Team: ann@@D@, eve@evil.example;\r\n'), unsigned='From'),
    Case('From: group and a mailbox of another domain', fields(frm=b'From: Team: ann@@D@;, eve@evil.example\r\n'),
         unsigned='From'),
    Case('From: group of none and a mailbox', fields(frm=b'From: Nobody:;, ann@@D@\r\n')),
    Case('From: a group in a group', fields(frm=b'From: A: B: ann@@D@;;\r\n')),
    Case('From: route', fields(frm=b'From: <@relay.example:ann@@D@>\r\n')),
    Case('From: comment inside the address', fields(frm=b'From: ann@(x)@D@\r\n'), unsigned='From'),
    Case('From: comment with another address inside the address', fields(frm=b'From: ann@(eve@evil.example)@D@\r\n'),
         unsigned='From'),
    Case('From: dot at the end of the domain', fields(frm=b'From: ann@@D@.\r\n')),
    Case('From: two ats', fields(frm=b'From: ann@evil.example@@D@\r\n')),
    Case('From: CR in the name', fields(frm=b'From: Ann\r <ann@@D@>\r\n')),
    Case('From: 1000 mailboxes of one domain', fields(b'Sender: ann@@D@\r\n', frm=b'From: ann@@D@'
                                                      + b''.join(b',\r\n u%d@@D@' % i for i in range(999)) + b'\r\n')),
    Case('From: many nested comments', fields(frm=b'From: ' + b'(' * 200 + b'x' + b')' * 200 + b' ann@@D@\r\n')),
    Case('From: A-labels', fields(frm=b'From: ann@xn--bcher-kva.@D@\r\n')),
    Case('From: U-labels', fields(frm='From: Jörg <jörg@bücher.@D@>\r\n'.encode()), smtputf8=True),
]

BOUNDARY = b'Content-Type: multipart/%s; boundary="=_b1"%s\r\n'
PART = b'--=_b1\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n'


def multipart(kind, parts, more=b''):
    return head(b'MIME-Version: 1.0\r\n' + BOUNDARY % (kind, more)) + b'\r\npreamble\r\n' + parts + b'--=_b1--\r\nepilogue\r\n'


CONTENT = [
    Case('MIME: multipart/mixed', multipart(b'mixed', PART + b'--=_b1\r\nContent-Type: application/octet-stream\r\n'
                                            b'Content-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgcICQ==\r\n')),
    Case('MIME: multipart/alternative', multipart(b'alternative', PART + b'--=_b1\r\nContent-Type: text/html\r\n\r\n'
                                                  b'<p>first part</p>\r\n')),
    Case('MIME: multipart/signed', multipart(b'signed', PART + b'--=_b1\r\nContent-Type: application/pkcs7-signature\r\n'
                                             b'Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n',
                                             b';\r\n\tprotocol="application/pkcs7-signature"; micalg=sha-256')),
    Case('MIME: multipart/encrypted', multipart(b'encrypted', b'--=_b1\r\nContent-Type: application/pgp-encrypted\r\n\r\n'
                                                b'Version: 1\r\n--=_b1\r\nContent-Type: application/octet-stream\r\n\r\n'
                                                b'-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n',
                                                b';\r\n protocol="application/pgp-encrypted"')),
    Case('MIME: message/rfc822', multipart(b'mixed', b'--=_b1\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@evil.example\r\n'
                                           b'Subject: inner\r\n\r\ninner text\r\n')),
    Case('MIME: quoted-printable', head(b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n'
                                        b'Content-Transfer-Encoding: quoted-printable\r\n')
         + b'\r\nGr=C3=BC=C3=9Fe =\r\nsoft break=20\r\n'),
    Case('MIME: base64', head(b'MIME-Version: 1.0\r\nContent-Type: application/pdf; name="a b.pdf"\r\n'
                              b'Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n'
                              b"\tfilename*=utf-8''%C3%BC.pdf\r\n") + b'\r\n' + b'JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoK\r\n' * 40),
    Case('MIME: format=flowed', head(b'MIME-Version: 1.0\r\nContent-Type: text/plain; format=flowed; delsp=yes\r\n')
         + b'\r\nthis flows \r\non and \r\n> quoted \r\n-- \r\nAnn\r\n'),
    Case('MIME: boundary folded', head(b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tcharset=us-ascii;\r\n'
                                       b'\tboundary="=_b1"\r\n') + b'\r\n' + PART + b'--=_b1--\r\n'),
    Case('MIME: no MIME-Version', head(b'Content-Type: text/plain\r\n') + b'\r\n' + BODY),
]

FOREIGN = (b'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=evil.example; s=gone;\r\n\th=from:subject;'
           b' bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;\r\n\tb=AAAA\r\n')
OWN = FOREIGN.replace(b'd=evil.example', b'd=@D@')

SIGNED = [
    Case('signed: by another domain', FOREIGN + fields()),
    Case('signed: by several other domains', FOREIGN * 4 + fields()),
    Case('signed: by our domain, no longer valid', OWN + fields()),
    Case('signed: a signature that is no signature', b'DKIM-Signature: nonsense;;;=\r\n' + fields(),
         limits={OPENDKIM: 'gives no result at all when one signature cannot be read'}),
    Case('signed: by our domain, 40 times, no longer valid', OWN * 40 + fields()),
    Case('signed: by our domain, of a part of the body', OWN.replace(b's=gone;', b's=gone; l=5;') + fields()),
    Case('signed: by our domain, two signatures in one field', OWN.rstrip(b'\r\n') + b'; ' + OWN[15:].strip() + b'\r\n'
         + fields()),
    Case('signed: with white space before the colon', OWN.replace(b'Signature:', b'Signature :') + fields()),
    Case('signed: below the other fields', fields(FOREIGN)),
    Case('signed: by a domain in U-labels', FOREIGN.replace(b'd=evil.example', 'd=bücher.example'.encode()) + fields(),
         limits={OPENDKIM: 'gives no result at all when one signature cannot be read'}),
    Case('signed: with rsa-sha1', FOREIGN.replace(b'rsa-sha256', b'rsa-sha1') + fields()),
    Case('signed: results of somebody', b'Authentication-Results: elsewhere.example; dkim=pass header.d=evil.example\r\n'
         b'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=evil.example; s=x; b=AAAA\r\n' + fields()),
]

CASES = BODIES + HEADERS + AUTHORS + CONTENT + SIGNED

CR_IS_WHITE = {OPENDKIM: 'takes a CR for white space'}

# Where the mail server does not mend header fields first, as it does for clients of its own network, nor line ends.
UNMENDED = [
    Case('unmended: plain', fields()),
    Case('unmended: no From', fields(frm=b''), unsigned='From (missing)'),
    Case('unmended: no field at all, a colon', b':\r\n\r\n' + BODY, unsigned='From (missing)'),
    Case('unmended: starts with white space', b' odd\r\n' + fields(), unsigned='From (missing)'),
    Case('unmended: no Date, no Message-ID', fields(date=b'', msgid=b'')),
    Case('unmended: white space before the colon', fields(b'From : ann@@D@\r\n', frm=b'')),   # Postfix removes it
    Case('unmended: a second From, with white space before the colon', fields(b'From\t: eve@evil.example\r\n'),
         unsigned='From (more than one field)'),
    Case('unmended: no domain', fields(frm=b'From: ann\r\n'), unsigned='From'),
    Case('unmended: route', fields(frm=b'From: <@relay.example:ann@@D@>\r\n'), unsigned='From'),
    Case('unmended: two ats', fields(frm=b'From: ann@evil.example@@D@\r\n'), unsigned='From'),
    Case('unmended: comment inside the address', fields(frm=b'From: ann@(x)@D@\r\n'), unsigned='From'),
    Case('unmended: CR in the name', fields(frm=b'From: Ann\r <ann@@D@>\r\n'), unsigned='From (cannot be read)'),
    Case('unmended: an address as its name', fields(frm=b'From: eve@evil.example <ann@@D@>\r\n'),
         unsigned='From (can be read in several ways)'),
    Case('unmended: commas without end', fields(frm=b'From: ,,, ann@@D@ ,,,\r\n')),
    Case('unmended: empty group', fields(frm=b'From: a:;\r\n'), unsigned='From (no address)'),
    Case('unmended: only a comment', fields(frm=b'From: (ann@@D@)\r\n'), unsigned='From'),
    Case('unmended: CR in a signed field', fields(subject=b'Subject: one\rtwo\r\n'),
         relaxed_limits=CR_IS_WHITE),
    Case('unmended: CR at the end of a signed field', fields(subject=b'Subject: one\r\r\n')),
    Case('unmended: CR before a fold', fields(subject=b'Subject: one\r\r\n two\r\n')),
    Case('unmended: CR inside body lines', body(b'one\rtwo\r\nthree\r four\r\n\r\r\n'),
         relaxed_limits=CR_IS_WHITE),
    Case('unmended: CR beside white space', body(b'one \r \r\n\t\r\t\r\n \r\r\n'),
         relaxed_limits=CR_IS_WHITE),
    Case('unmended: CR CR LF', body(b'one\r\r\ntwo\r\r\n\r\r\n')),
    Case('unmended: CR at the edge of 65535', body(b'1' * 65534 + b'\r' + b'2\r\n'),
         relaxed_limits=CR_IS_WHITE),
    Case('unmended: a CR alone ends it', body(b'text\r\nmore\r')),
    Case('unmended: bare LF', body(b'one\ntwo\r\nthree\n\nfour\n\n')),
    Case('unmended: NUL', fields(b'X-Odd: one\x00two\r\n') + b'a\x00b\r\n'),
    Case('unmended: domain in capitals with a dot', fields(frm=b'From: ANN@@U@.\r\n')),
]

