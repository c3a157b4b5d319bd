"""A Maildir as Dovecot keeps it, for the tests of mailbox encrypt and decrypt: made, looked at, compared.

A message is known by the stem of its file name. Its content is what a mail server reads: LF counts as CRLF.
"""
import os
import re
import shutil
import stat
import subprocess

from toolroom import BUILD, MAILSEAL, Room, check, same

FAULTS = os.path.join(BUILD, "tests/unit/mailseal-faults")

LETTERS = {
    # stem: (directory, sizes in the name, info, fields of the list of UIDs, body)
    "1700000001.M1P1.host": ("cur", "SW", ":2,S", "", b"hello\n"),
    "1700000002.M2P1.host": ("new", "SW", "", None, b"8 bit \xe4\xff, NUL \0, CR \r.\n\nlong " + b"x" * 3000 + b"\n"),
    "1700000003.M3P1.host": ("cur", "", ":2,FRSa", " W%(w)d", b"no sizes in its name\r\nbut CRLF\r\n"),
    "1700000004.M4P1.host": ("cur", "S", ":2,", " G0123456789abcdef", b"\n"),
}


def crlf(raw):
    return re.sub(rb"(?<!\r)\n", b"\r\n", raw)


def base(name):
    return name.split(":")[0]


def stem(name):
    return base(name).split(",")[0]


class MailboxRoom(Room):
    def __init__(self):
        super().__init__()
        subprocess.run([os.path.join(BUILD, "tests/unit/mkuser"), self.dir, "ann", "eve"], check=True)
        self.box = self.path("box")
        self.opened = {}

    def cert(self, who="ann"):
        return ["--cert", self.path(who + ".pem")]

    def key(self, who="ann"):
        return ["--key", self.path(who + ".key"), *self.cert(who)]

    def message(self, number, body, crlf_file=False):
        raw = (b"Return-Path: <a@b>\nReceived: by here\n\twith x\nFrom: a@b\nSubject: %d\nMIME-Version: 1.0\n"
               b"Content-Type: text/plain\n\n" % number) + body
        return crlf(raw) if crlf_file else raw

    def put(self, sub, name, raw, box=None, when=1234567890, mode=0o640):
        path = os.path.join(box or self.box, sub, name)
        with open(path, "wb") as f:
            f.write(raw)
        os.chmod(path, mode)
        os.utime(path, (when, when))
        return path

    def make_dirs(self, box=None):
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(box or self.box, sub), exist_ok=True)

    def make_box(self):
        """The letters, one that is encrypted already, and what Dovecot keeps beside them."""
        self.make_dirs()
        lines = ["3 V1275660208 N25 G3085f01b7f11094c501100008c4a11c1", "7 :1600000000.expunged,S=1,W=2"]
        for i, (name, (sub, sizes, info, fields, body)) in enumerate(LETTERS.items()):
            raw = self.message(i, body, crlf_file=b"\r\n" in body)
            size = {"s": len(raw), "w": len(crlf(raw))}
            full = name + (",S=%(s)d" % size if "S" in sizes else "") + (",W=%(w)d" % size if "W" in sizes else "")
            self.put(sub, full + info, raw, when=1500000000 + i)
            if fields is not None:
                lines.append("%d%s :%s" % (10 + i, fields % size, full))
        sealed = subprocess.run([MAILSEAL, "message", "encrypt", "-", *self.cert()], input=self.message(9, b"sealed\n"),
                                capture_output=True, check=True).stdout
        full = "1700000009.M9P1.host,S=%d,W=%d" % (len(sealed), len(crlf(sealed)))
        self.put("cur", full + ":2,S", sealed)
        lines.append("20 :" + full)
        for name, text in (("dovecot-uidlist", "\n".join(lines) + "\n"), ("dovecot.index.cache", "old"),
                           ("maildirsize", "1000S\n10 1\n")):
            with open(os.path.join(self.box, name), "w") as f:
                f.write(text)
        os.chmod(os.path.join(self.box, "dovecot-uidlist"), 0o640)

    def files(self, box=None):
        """{stem: [(directory, name)]} of what is in cur and new."""
        found = {}
        for sub in ("cur", "new"):
            for name in os.listdir(os.path.join(box or self.box, sub)):
                found.setdefault(stem(name), []).append((sub, name))
        return found

    def open(self, raw):
        """The content of RAW: itself, or what is sealed in it."""
        if b"\nContent-Type: application/pkcs7-mime" not in raw:
            return crlf(raw)
        if raw not in self.opened:
            self.opened[raw] = subprocess.run([MAILSEAL, "message", "decrypt", "-", "--crlf", *self.key()], input=raw,
                                              capture_output=True, check=True).stdout
        return self.opened[raw]

    def read(self, box=None):
        """{stem: (directory, info, content, mtime, mode, owner)}; each message must be there once."""
        seen = {}
        for name, places in self.files(box).items():
            same(len(places), 1, "%s is there once" % name)
            sub, full = places[0]
            path = os.path.join(box or self.box, sub, full)
            st = os.lstat(path)
            with open(path, "rb") as f:
                content = self.open(f.read())
            # What sealing moves about in a header is looked at elsewhere.
            head, _, body = content.partition(b"\r\n\r\n")
            seen[name] = (sub, full.partition(":")[2], sorted(head.split(b"\r\n")), body, st.st_mtime_ns,
                          stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
        return seen

    def sealed(self, box=None):
        """The stems of what is sealed."""
        found = set()
        for name, places in self.files(box).items():
            for sub, full in places:
                with open(os.path.join(box or self.box, sub, full), "rb") as f:
                    if b"\nContent-Type: application/pkcs7-mime" in f.read():
                        found.add(name)
        return found

    def uids(self, box=None):
        """{uid: (stem, fields)} of the list; every base in it is a file's, but for the expunged one."""
        bases = {base(full) for places in self.files(box).values() for _, full in places}
        found = {}
        with open(os.path.join(box or self.box, "dovecot-uidlist")) as f:
            lines = f.read().split("\n")
        for line in lines[1:-1]:
            left, name = line.split(" :")
            uid, *fields = left.split(" ")
            found[int(uid)] = (stem(name), fields)
            check("expunged" in name or name in bases, "UID %s has its file" % uid, line, sorted(bases))
        return found

    def sizes_are_right(self, box=None):
        for places in self.files(box).values():
            for sub, full in places:
                with open(os.path.join(box or self.box, sub, full), "rb") as f:
                    raw = f.read()
                for key, size in (("S", len(raw)), ("W", len(crlf(raw)))):
                    for told in re.findall(",%s=(\\d+)" % key, full):
                        same(int(told), size, "%s= of %s" % (key, full))

    def nothing_left_over(self, box=None):
        box = box or self.box
        same(os.listdir(os.path.join(box, "tmp")), [], "tmp is empty")
        same([n for n in os.listdir(box) if n.endswith((".lock", ".mailseal"))], [], "no lock, no other list")

    def copy_box(self):
        """A fresh copy of the box, for one try."""
        path = self.path("try")
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.box, path, symlinks=True)
        for sub in ("cur", "new"):
            for name in os.listdir(os.path.join(path, sub)):
                st = os.lstat(os.path.join(self.box, sub, name))
                os.chown(os.path.join(path, sub, name), st.st_uid, st.st_gid)
        return path
