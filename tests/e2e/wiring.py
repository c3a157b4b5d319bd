"""What `mailseal postfix status` says, by the real postconf: the rows of tests/unit/postfix-status. And Sendmail's."""

import os
import subprocess

import smwiring

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../unit/postfix-status')


def check(results, build, programs):
    environment = dict(programs.environment, POSTCONF_DIR=os.path.dirname(programs.path('postconf')),
                       POSTCONF_SETTINGS=''.join(line + '\n' for line in programs.settings), builddir=build)
    done = subprocess.run(['/usr/bin/python3', SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=environment)
    results.row('postfix status', 'the rows of the unit test', done.stdout.splitlines() if done.returncode else [])
    smwiring.check(results, build)
