"""What every test of the command line needs: a room, the real program run in it, and a picture of all files."""
import hashlib
import json
import os
import resource
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))

import harness  # noqa: E402
from harness import BUILD, SANITIZER, check, libconfig, same  # noqa: E402

MAILSEAL = os.path.join(BUILD, "src/tool/mailseal")
MKCERT = os.path.join(BUILD, "tests/unit/mkcert")
# Beside a catalogue in use; the tool makes and removes them as it likes.
PASSING = ("catalogue.db-shm",)
# Where a script makes the 1st, 2nd, ... call fail: every how many of them it takes. contrib/run-tests says where more than 1.
EVERY = int(os.environ.get("FAULT_EVERY", "1"))


MAIN_CF = """config_directory = %(dir)s
compatibility_level = 3.6
queue_directory = %(dir)s
mail_owner = %(owner)s
milter_default_action = tempfail
milter_protocol = 6
smtpd_milters = inet:127.0.0.1:11332
non_smtpd_milters =
internal_mail_filter_classes =
"""

# As much of postconf(1) as mailseal uses: it must not take a mail server to test the command line.
POSTCONF = r"""#!/usr/bin/python3
import os, re, sys
directory, words = sys.argv[2], sys.argv[3:]
def setting(text):
    return re.split(" ?= ?", text.rstrip("\n"), maxsplit=1)
def expand(value):
    return re.sub(r"\$(\w+)", lambda m: settings[m[1]], value)
def services():
    # [name, type, private, ..., command], {override: value}
    try:
        with open(directory + "/master.cf") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        lines = ["smtp inet n - n - - smtpd"]
    for line in lines:
        options = re.findall(r" -o (?:\{(\w+)=(.*)\}|(\w+)=(\S*))", line)
        yield line.split()[:8], {a or b: x or y for a, x, b, y in options}
with open(directory + "/main.cf") as f:
    settings = dict(map(setting, f))
if words[:1] == ["-e"] and os.environ.get("POSTCONF_FAILS", "-") in words[1]:
    sys.exit("postconf: fatal: no space left")
if words[:1] == ["-e"]:
    settings.update([setting(words[1])])
elif words[:1] == ["-X"]:
    settings[words[1]] = ""
elif words == ["-M"]:
    for words, _ in services():
        print(" ".join(words))
elif words in ([], ["-x"]):
    for name, value in settings.items():
        print("%s = %s" % (name, expand(value) if words else value))
elif words == ["-xP"]:
    for words, options in services():
        for name, value in options.items():
            print("%s/%s/%s = %s" % (words[0], words[1], name, expand(value)))
else:
    sys.exit("unknown: %r" % words)
if words[:1] in (["-e"], ["-X"]):
    with open(directory + "/main.cf", "w") as f:
        f.writelines("%s = %s\n" % item for item in settings.items())
"""


class Done:
    """A run of the program that has ended."""

    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, err

    def json(self):
        """Standard output, which is one JSON value; None is a failed check."""
        try:
            return json.loads(self.out)
        except ValueError as e:
            check(False, "%s: its output is JSON" % " ".join(self.words), str(e), self.out[:300], self.err)
            return None

    def __repr__(self):
        return "mailseal %s: %d\n%s%s" % (" ".join(self.words), self.status, self.out[:2000], self.err)


class Room(harness.Room):
    """Configuration in etc/, which setup() writes; state in state/."""

    def __init__(self):
        super().__init__()
        os.rmdir(self.state_dir)
        self.conf_file = self.path("etc/mailseal.conf")
        self.environ = {}
        self.program = MAILSEAL
        self.file_limit = None   # bytes that a file may have: a full disk

    def run(self, *words, input="", user=None, umask=-1, conf=True):
        """mailseal WORDS; USER: another account, by its entry of the password file; CONF: with -c."""
        def begin():
            if self.file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, self.file_limit))
            if user is not None:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)

        options = ["-c", self.conf_file] if conf else []
        done = subprocess.run([self.program, *options, *words], input=input, capture_output=True, text=True,
                              errors="backslashreplace", env=dict(os.environ, LC_ALL="C", **self.environ), umask=umask,
                              timeout=harness.PATIENCE, preexec_fn=begin if user is not None or self.file_limit is not None else None)
        check(not SANITIZER.search(done.stderr), "a sanitizer complains", done.stderr[:3000])
        return Done(words, done.returncode, done.stdout, done.stderr)

    def good(self, *words, **how):
        """As run(), and it must succeed."""
        done = self.run(*words, **how)
        same(done.status, 0, repr(done))
        return done

    def ask(self, *words, **how):
        """What a verb says with --json."""
        return self.good(*words, "--json", **how).json()

    def new_conf_options(self):
        return ["--socket", self.socket, "--control-socket", self.control, "--state-dir", self.state_dir,
                "--user", self.user]

    def setup(self, domain):
        """The names that it made: (rsa, ed)."""
        options = [] if os.path.exists(self.conf_file) else self.new_conf_options()
        self.good("setup", domain, *options)
        return tuple(s["name"] for s in self.selectors(domain))

    def certificate(self, name, **how):
        """A file with a certificate (tests/unit/mkcert); its key is in the file beside, NAME.key."""
        out = self.path(name)
        subprocess.run([MKCERT, "out=" + out, *("%s=%s" % item for item in how.items())], check=True)
        return out

    def selectors(self, domain, **how):
        return self.ask("selector", "list", domain, **how)["selectors"]

    def states(self, domain, **how):
        return {s["name"]: s["state"] for s in self.selectors(domain, **how)}

    def keys(self, sub="keys"):
        return sorted(n[:-4] for n in os.listdir(os.path.join(self.state_dir, sub)) if n.endswith(".pem"))

    def postfix(self, name):
        """The configuration directory of a mail server that has another filter, for the postconf above; its path."""
        if not os.path.exists(self.path("bin")):
            os.mkdir(self.path("bin"))
            with open(os.open(self.path("bin/postconf"), os.O_WRONLY | os.O_CREAT, 0o755), "w") as f:
                f.write(POSTCONF)
            self.environ["PATH"] = self.path("bin") + ":" + os.environ["PATH"]
        os.mkdir(self.path(name))
        with open(self.path(name + "/main.cf"), "w") as f:
            f.write(MAIN_CF % {"dir": self.path(name), "owner": self.user})
        return self.path(name)

    def picture(self):
        """Everything that lies in the room: {path: what is there}, times of files included."""
        seen = {}
        for base, dirs, files in os.walk(self.dir):
            for name in dirs + files:
                path = os.path.join(base, name)
                st = os.lstat(path)
                if name in PASSING or stat.S_ISSOCK(st.st_mode) or (name.endswith("-wal") and st.st_size == 0):
                    continue
                what = [oct(st.st_mode), st.st_uid, st.st_gid]
                if stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as f:
                        what += [st.st_mtime_ns, hashlib.sha256(f.read()).hexdigest()]
                seen[os.path.relpath(path, self.dir)] = tuple(what)
        return seen


def changed(before, after):
    """The paths in which two pictures differ."""
    return sorted(p for p in set(before) | set(after) if before.get(p) != after.get(p))


def unchanged(before, after, what):
    return check(before == after, "%s: nothing has changed" % what, changed(before, after))


def run(namespace, make_room=Room):
    harness.run(namespace, make_room, (MAILSEAL, harness.MAILSEALD, MKCERT))
