"""What every test of the command line needs: a room, the real program run in it, and a picture of all files."""
import hashlib
import json
import os
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))

import harness  # noqa: E402
from harness import BUILD, SANITIZER, check, same  # noqa: E402

MAILSEAL = os.path.join(BUILD, "src/tool/mailseal")
MKCERT = os.path.join(BUILD, "tests/unit/mkcert")
# Beside a catalogue in use; the tool makes and removes them as it likes.
PASSING = ("catalogue.db-shm",)


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

    def run(self, *words, input="", user=None, umask=-1, conf=True):
        """mailseal WORDS; USER: another account, by its entry of the password file; CONF: with -c."""
        def become():
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)

        options = ["-c", self.conf_file] if conf else []
        done = subprocess.run([MAILSEAL, *options, *words], input=input, capture_output=True, text=True,
                              errors="backslashreplace", env=dict(os.environ, LC_ALL="C", **self.environ), umask=umask,
                              timeout=harness.PATIENCE, preexec_fn=become if user is not None else None)
        check(not SANITIZER.search(done.stderr), "a sanitizer complains", done.stderr[:3000])
        return Done(words, done.returncode, done.stdout, done.stderr)

    def good(self, *words, **how):
        """As run(), and it must succeed."""
        done = self.run(*words, **how)
        same(done.status, 0, repr(done))
        return done

    def ask(self, *words):
        """What a verb says with --json."""
        return self.good(*words, "--json").json()

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

    def selectors(self, domain):
        return self.ask("selector", "list", domain)["selectors"]

    def states(self, domain):
        return {s["name"]: s["state"] for s in self.selectors(domain)}

    def keys(self, sub="keys"):
        return sorted(n[:-4] for n in os.listdir(os.path.join(self.state_dir, sub)) if n.endswith(".pem"))

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
