"""What each mail server does to a message, before its filters and after them: what is to be expected of it."""

import re

import judge

# Sendmail, as Debian has it, takes these from nobody.
HEADER_MAX = 32768      # confMAX_HEADERS_LENGTH
BARE_CR, BARE_LF = re.compile(rb'\r(?!\n)'), re.compile(rb'(?<!\r)\n')

# Where it changes a signed field after its filters, or breaks lines (L=990, SMTP_MAILER_LL): no signature can hold.
LONG_LINE, REWRITES = 'lines over L= are broken', 'addresses are rewritten after the filters'
REWRITTEN = (
    'From: the same address as its name, unquoted',
    'From: a group in a group',
    'From: dot at the end of the domain',
    'From: many nested comments',
    'unmended: commas without end',
    'unmended: domain in capitals with a dot',
)
# What only a simple canonicalization of the header sees of it.
REFOLDED = (
    'header: 300 recipients',
    'header: Sender, Reply-To, Cc',
    'From: fold right after the colon',
    'From: 1000 mailboxes of one domain',
)
# Where a filter of Sendmail's sees another message than one of Postfix's: the reason in the log line.
MISSING, SEVERAL = 'From (missing)', 'From (can be read in several ways)'
UNSIGNED = {
    'header: no From at all': MISSING,              # it is added after the filters
    'header: no field at all, a colon': MISSING,
    'header: starts with white space': MISSING,     # such a line ends the header
    'header: starts as a quoted mailbox': MISSING,
    'From: white space before the colon': MISSING,  # it is no field
    'From: route': SEVERAL,                         # Postfix takes the route away first
    'From: two ats': SEVERAL,
}
# sendmail(1) is a mail server before the mail server: by that road the filter sees mended what these had to be mended of.
MENDED = (
    'header: no From at all',
    'header: no field at all, a colon',
    'header: starts with white space',
    'header: starts as a quoted mailbox',
    'From: another address as its name, unquoted',      # the name is quoted then
    'From: empty',
    'From: white space before the colon',
    'From: route',
    'From: comment inside the address',                 # the comment stands behind it then
    'From: comment with another address inside the address',
    'unmended: no From',
    'unmended: no field at all, a colon',
    'unmended: starts with white space',
    'unmended: route',
    'unmended: comment inside the address',
    'unmended: an address as its name',
)

# What mailseald itself refuses where rules have to see the header: limits.headers, and how many fields are kept.
RULES_HEADER_MAX, RULES_FIELDS_MAX = 1000000, 10000


def too_large_for_rules(message):
    header = judge.split(message)[0]
    return len(header) > RULES_HEADER_MAX or header.count(b'\r\n') > RULES_FIELDS_MAX + 1


class Postfix:
    # How the log line of a first recipient that is refused begins: has the message a queue id by then?
    at_rcpt = r'(?m)^NOQUEUE: recipient '
    # By these roads the corpus comes in.
    roads = ('smtp', 'sendmail', 'bounce', 'unmended')
    not_here = {}

    @staticmethod
    def refusal(case, message):
        """The reply with which the mail server refuses a message, or None."""
        return None

    @staticmethod
    def unsigned(case, road):
        """The reason in the log line for a message that is not signed, or None."""
        return case.unsigned

    @staticmethod
    def changed(case, message, road, simple):
        """Why no signature of this message can hold (SIMPLE: its header is in the simple canonicalization), or None."""
        return None

    @staticmethod
    def cut(case):
        """Does it cut a header field where there is a filter?"""
        return case.cut

    @staticmethod
    def without_own(message, n_signatures):
        """The message less our signatures, and less what the server makes anew at each delivery."""
        return judge.without_ours(message, n_signatures)


class Sendmail:
    at_rcpt = r'(?m)^\w{14,}: recipient '
    # The word in the log that says so beforehand.
    risk = {LONG_LINE: 'long-line', REWRITES: 'address'}
    roads = ('smtp', 'sendmail')
    not_here = {
        'bounce': 'Sendmail shows its own bounces to no filter',
        'inside, says a proxy': 'Sendmail has no XCLIENT',
        'unmended': 'Sendmail mends the same for every client; the messages go the way of all others',
    }

    @staticmethod
    def refusal(case, message):
        if case.smtputf8:
            return '555 5.5.4 SMTPUTF8'
        if len(judge.split(message)[0]) > HEADER_MAX:
            return '552 5.6.0 Headers too large'
        found = [(m.start(), reply) for m, reply in ((BARE_CR.search(message), '421 4.5.0 Bare carriage return'),
                                                    (BARE_LF.search(message), '421 4.5.0 Bare linefeed')) if m]
        return min(found)[1] if found else None

    @staticmethod
    def unsigned(case, road):
        if road == 'sendmail' and case.label in MENDED:
            return None
        if road == 'sendmail' and case.label == 'unmended: no domain':
            return 'domain not ours (mta.example)'
        return UNSIGNED.get(case.label, case.unsigned)

    @staticmethod
    def changed(case, message, road, simple):
        if road != 'sendmail' and (case.label in REWRITTEN or (simple and case.label in REFOLDED)):
            return REWRITES
        return LONG_LINE if any(len(line) > 990 for line in message.split(b'\r\n')) else None

    @staticmethod
    def cut(case):
        return False

    @staticmethod
    def without_own(message, n_signatures):
        # sendmail(1) is a mail server of its own, which hands on to the other.
        text = re.sub(rb'(?m)^Received: \(from \w+@localhost\)(?:[^\r]|\r\n[ \t])*\r\n', b'',
                      judge.without_ours(message, n_signatures))
        text = re.sub(rb'(?m)^Message-Id: <\d{12}\.\w+@mta\.example>\r\n', b'', text)
        return re.sub(rb'(?m)^Date: .* GMT\r\n', b'', text)


OF = {'Postfix': Postfix, 'Sendmail': Sendmail}
