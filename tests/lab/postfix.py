# SPDX-License-Identifier: Apache-2.0
"""A Postfix instance of our own: own configuration, queue and log; loopback only."""
import grp
import os
import pwd
import smtplib
import subprocess

from .process import LogFollower, free_port, wait_until

OWN_DOMAIN = "own.example"        # Postfix's own mail, delivered to files
OWN_NETWORK = "198.51.100.0/24"   # clients of mynetworks, reached with XCLIENT

MASTER = """
{port} inet n - n - - smtpd
{bypass_port} inet n - n - - smtpd -o smtpd_milters=
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, folder, milter_socket=None, socketmap=None, port=None, settings=None):
        self.folder = os.path.join(folder, "postfix")
        self.config = os.path.join(self.folder, "config")
        self.queue = os.path.join(self.folder, "queue")
        self.mailboxes = os.path.join(self.folder, "mail")
        self.log_path = os.path.join(self.folder, "mail.log")
        self.port = port or free_port()
        self.bypass_port = free_port()
        self.milter_socket = milter_socket
        self.socketmap = socketmap
        self.settings = settings or {}
        self.log = LogFollower(self.log_path)
        self.running = False

    def start(self):
        for path in (self.folder, self.config, self.queue, self.mailboxes,
                     os.path.join(self.folder, "data")):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o755)
        postfix_uid = pwd.getpwnam("postfix").pw_uid
        os.chown(os.path.join(self.folder, "data"), postfix_uid, grp.getgrnam("postfix").gr_gid)
        os.chown(self.mailboxes, pwd.getpwnam("nobody").pw_uid, -1)
        self._write("main.cf", "".join(f"{key} = {value}\n" for key, value in self._main().items()))
        self._write("master.cf", MASTER.format(port=f"127.0.0.1:{self.port}",
                                               bypass_port=f"127.0.0.1:{self.bypass_port}"))
        self._command("start")
        self.running = True
        wait_until(self._greets, "Postfix's greeting")
        return self

    def stop(self):
        if self.running:
            self.running = False
            self._command("stop")

    def reload(self):
        self._command("reload")

    def _command(self, verb):
        done = subprocess.run(["postfix", "-c", self.config, verb], capture_output=True, text=True,
                              check=False, env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        if done.returncode != 0:
            log = open(self.log_path, encoding="utf-8").read() if os.path.exists(self.log_path) else ""
            raise RuntimeError(f"postfix {verb}: {done.stdout}{done.stderr}\n{log[-2000:]}")

    def _greets(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except OSError:
            return False

    def _main(self):
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": os.path.join(self.folder, "data"),
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "meta_directory": "/etc/postfix",
            "shlib_directory": "/usr/lib/postfix",
            "maillog_file": self.log_path,
            "maillog_file_prefixes": self.folder,
            "myhostname": "mx.mailspur.example",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": OWN_NETWORK,
            "mydestination": "",
            "relay_domains": "",
            "virtual_mailbox_domains": OWN_DOMAIN,
            "virtual_mailbox_base": self.mailboxes,
            "virtual_mailbox_maps": "static:box",
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
            "virtual_minimum_uid": "1",
            "alias_maps": "",
            "alias_database": "",
            "default_transport": "smtp",
            "smtpd_peername_lookup": "no",
            "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
            "smtpd_sasl_auth_enable": "yes",  # for XCLIENT LOGIN
            "smtpd_client_restrictions": "",
            "smtpd_recipient_restrictions": "",
            "smtpd_error_sleep_time": "0",
            "smtpd_hard_error_limit": "1000",
            "smtpd_soft_error_limit": "1000",
            "smtpd_client_connection_count_limit": "0",
            "local_header_rewrite_clients": "permit_mynetworks, permit_sasl_authenticated",
            "always_add_missing_headers": "no",
            "message_size_limit": "60000000",
            "mailbox_size_limit": "0",
            "virtual_mailbox_limit": "0",
            "smtputf8_enable": "yes",
            "in_flow_delay": "0",
            "hopcount_limit": "500",  # ours is asked
            "minimal_backoff_time": "300s",
        }
        if self.socketmap is not None:
            settings["smtpd_relay_restrictions"] = (
                "permit_mynetworks, permit_sasl_authenticated, permit_auth_destination, "
                f"check_recipient_access socketmap:unix:{self.socketmap}:access, reject")
            settings["best_mx_transport"] = "retry:4.3.0 mailspur milter was bypassed"
        if self.milter_socket is not None:
            settings["smtpd_milters"] = f"unix:{self.milter_socket}"
            settings["milter_default_action"] = "tempfail"
            settings["milter_connect_macros"] = "j {daemon_name} {daemon_addr} {client_addr} v _"
        return {**settings, **self.settings}

    def _write(self, name, text):
        path = os.path.join(self.config, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        os.utime(path, (0, 0))  # of a file just written Postfix waits until nobody writes any more
