# SPDX-License-Identifier: Apache-2.0
"""A Sendmail of our own beside Postfix: Debian's packages conflict, so its files are unpacked into a folder
(build/sendmail, by ./dev), and the configuration is made from conf/sendmail/mailspur.m4."""
import os
import shutil
import smtplib
import subprocess

from .mail import BAD_CLIENT, GOOD_CLIENT
from .process import Daemon, free_port, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OWN_DOMAIN = "own.example"

MC = """divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.mailspur.example')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`ALIAS_FILE', `{folder}/aliases')dnl
define(`HELP_FILE', `{folder}/helpfile')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl the clients are addresses of this host
define(`confSERVICE_SWITCH_FILE', `{folder}/switch')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`confTO_IDENT', `0')dnl
define(`confTO_ICONNECT', `5s')dnl
define(`confLOG_LEVEL', `12')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit, GroupWritableDirPathSafe, FileDeliveryToSymlink, GroupWritableAliasFile, NonRootSafeAddr')dnl
define(`confDEF_USER_ID', `nobody:nogroup')dnl
LOCAL_DOMAIN(`own.example')dnl
DAEMON_OPTIONS(`Name=MTA, Port={port}, Addr=0.0.0.0')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
define(`confMAILSPUR_SOCKETMAP', `{socketmap}')dnl
define(`confMAILSPUR_MILTER', `{milter}')dnl
include(`{snippet}')dnl
"""


class Sendmail:
    def __init__(self, folder, milter_socket, socketmap):
        self.unpacked = os.path.join(ROOT, "build", "sendmail")
        self.folder = os.path.join(folder, "sendmail")
        self.mailbox = os.path.join(self.folder, "box")
        self.log_path = os.path.join(self.folder, "mail.log")
        self.port = free_port()
        self.sockets = {"milter": milter_socket, "socketmap": socketmap}
        self.daemon = None

    def start(self):
        os.makedirs(os.path.join(self.folder, "queue"), mode=0o700)
        os.chmod(self.folder, 0o755)
        self._write("aliases", f"someone: {self.mailbox}\n")
        self._write("helpfile", "")
        open(self.mailbox, "w", encoding="ascii").close()
        os.chmod(self.mailbox, 0o666)
        # As it comes it is setgid, which no dynamic library path survives.
        program = os.path.join(self.folder, "sendmail")
        shutil.copyfile(os.path.join(self.unpacked, "usr/libexec/sendmail/sendmail"), program)
        os.chmod(program, 0o755)
        self._write("sendmail.cf", self._configuration())
        # It sleeps a minute over a host name that nobody knows: it gets one, and a hosts file that has it.
        self._write("hosts", "127.0.0.1 mx.mailspur.example localhost\n"
                    f"{GOOD_CLIENT} mail.sender.example\n{BAD_CLIENT} bad.example\n")
        self._write("switch", "hosts files\naliases files\n")
        named = ["unshare", "-u", "-m", "--", "sh", "-c",
                 'hostname mx.mailspur.example && mount --bind "$0" /etc/hosts && exec "$@"',
                 self._path("hosts")]
        command = [*named, program, "-C", self._path("sendmail.cf")]
        subprocess.run([*command, "-bi"], check=True, capture_output=True)
        self.daemon = Daemon("sendmail", [*command, "-bD"], self.log_path)
        self.daemon.start()
        wait_until(self._greets, "Sendmail's greeting", 30)
        return self

    def stop(self):
        if self.daemon is not None:
            self.daemon.stop()

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="ascii") as out:
            out.write(text)

    def _configuration(self):
        cf = os.path.join(self.unpacked, "usr/share/sendmail/cf/")
        self._write("mailspur.mc", MC.format(
            folder=self.folder, port=self.port, snippet=os.path.join(ROOT, "conf/sendmail/mailspur.m4"),
            **self.sockets))
        done = subprocess.run(["m4", f"-D_CF_DIR_={cf}", cf + "m4/cf.m4", self._path("mailspur.mc")],
                              check=True, capture_output=True, text=True)
        assert done.stderr == "", done.stderr
        return done.stdout

    def _greets(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except OSError:
            return False
