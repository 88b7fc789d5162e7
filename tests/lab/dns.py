# SPDX-License-Identifier: Apache-2.0
"""Authoritative NSD and recursive Unbound for one zone, `example.`. With TTL 0, the default, changes
show at once; benchmarks take one that lets caches work. With `world` the zones of world.py too."""
import os
import random
import shutil
import signal
import socket

import dns.exception
import dns.message
import dns.query

from .process import Daemon, free_port, wait_until
from .world import World

ZONE = "example"
DEAD_ZONE = "dead.example"  # delegated to a port where nobody listens: SERVFAIL
TXT_STRING_MAX = 255


def can_bind(address, port):
    """False where another DNS server has the port, or we have no right to it: then domains are
    checked through the resolver only."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def network_of_our_own():
    """The start of loopback addresses, such as "127.77.8.", so that labs side by side do not take
    each other's name servers for their own."""
    return f"127.{random.randint(2, 254)}.{random.randint(0, 255)}."


def quote_txt(text):
    parts = [text[i:i + TXT_STRING_MAX] for i in range(0, len(text), TXT_STRING_MAX)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


class Dns:
    def __init__(self, folder, listen_on_53=False, ttl=0, world=False):
        self.ttl = ttl
        self.folder = os.path.join(folder, "dns")
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.listen_on_53 = listen_on_53
        self.nsd_port = free_port()
        self.port = free_port()
        network = network_of_our_own()
        self.authority = network + "2"  # address of the zone's name server, on port 53
        # All labs' resolvers share 127.0.0.1:53, and the kernel picks one: who wants this lab's asks here.
        self.resolver_on_53 = network + "253"
        self.listen_as_authority = can_bind(self.authority, 53)
        self.records = {}
        self.serial = 0
        self.nsd = None
        self.unbound = None
        self.world = World(self.folder, network) if world else None

    @property
    def server(self):
        return f"127.0.0.1:{self.port}"

    # ---- records ---------------------------------------------------------------------------

    def set(self, name, record_type, *values):
        """Replace the records of a name and type; no values: none. Shown at the next publish()."""
        self.records[(name.lower(), record_type)] = list(values)

    def set_txt(self, name, *texts):
        self.set(name, "TXT", *[quote_txt(text) for text in texts])

    def publish(self):
        self.serial += 1
        lines = [f"$ORIGIN {ZONE}.", f"$TTL {self.ttl}",
                 f"@ SOA ns.{ZONE}. hostmaster.{ZONE}. {self.serial} 3600 600 86400 {self.ttl}",
                 f"@ NS ns.{ZONE}.", f"ns A {self.authority}"]
        for (name, record_type), values in sorted(self.records.items()):
            lines += [f"{name}. {record_type} {value}" for value in values]
        path = os.path.join(self.folder, "zone")
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write("\n".join(lines) + "\n")
        os.replace(path + ".new", path)
        if self.nsd is not None:
            self.nsd.signal(signal.SIGHUP)
            self._await_serial()

    def _await_serial(self):
        def current():
            for port in (self.nsd_port, self.port):
                query = dns.message.make_query(f"{ZONE}.", "SOA")
                try:
                    answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2).answer
                except (dns.exception.DNSException, OSError):
                    return False
                stale = port == self.port and self.ttl > 0  # its cache may be right to be late
                if not answer or (answer[0][0].serial != self.serial and not stale):
                    return False
            return True
        wait_until(current, f"zone serial {self.serial}")

    # ---- servers ----------------------------------------------------------------------------

    def start(self):
        self.publish()
        if self.world is not None:
            self.world.start()
        self._write("nsd.conf", self._nsd_config())
        self._write("unbound.conf", self._unbound_config())
        self.start_authority()
        # Unbound drops root itself, once it holds port 53.
        self.unbound = Daemon("unbound", [shutil.which("unbound", path="/usr/sbin:/usr/bin"), "-d",
                                          "-c", os.path.join(self.folder, "unbound.conf")],
                              os.path.join(self.folder, "unbound.log")).start()
        self._await_serial()
        return self

    def start_authority(self):
        self.nsd = Daemon("nsd", [shutil.which("nsd", path="/usr/sbin:/usr/bin"), "-d", "-c",
                                  os.path.join(self.folder, "nsd.conf")],
                          os.path.join(self.folder, "nsd.log"),
                          user=None if self.listen_as_authority else "nsd").start()
        if self.unbound is not None:
            self._await_serial()

    def stop(self):
        for part in (self.unbound, self.nsd, self.world):
            if part is not None:
                part.stop()

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as out:
            out.write(text)

    def _nsd_config(self):
        extra = f"  ip-address: {self.authority}@53\n" if self.listen_as_authority else ""
        return f"""server:
  ip-address: 127.0.0.1@{self.nsd_port}
{extra}  username: "{'nsd' if self.listen_as_authority else ''}"
  chroot: ""
  zonesdir: "{self.folder}"
  pidfile: ""
  database: ""
  xfrdfile: "{self.folder}/xfrd.state"
  zonelistfile: "{self.folder}/zone.list"
  server-count: 1
  zonefiles-check: yes
  rrl-ratelimit: 0
  verbosity: 1
remote-control:
  control-enable: no
zone:
  name: "{ZONE}"
  zonefile: "zone"
"""

    def _unbound_config(self):
        extra = ""
        if self.listen_on_53:
            extra = f"  interface: 127.0.0.1@53\n  interface: {self.resolver_on_53}@53\n"
        modules = "iterator" if self.world is None else "validator iterator"
        if self.world is not None:
            extra += self.world.unbound_config()
        return f"""server:
  interface: 127.0.0.1@{self.port}
{extra}  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  chroot: ""
  directory: "{self.folder}"
  pidfile: ""
  username: "unbound"
  use-syslog: no
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  module-config: "{modules}"
  cache-max-ttl: {self.ttl}
  cache-max-negative-ttl: {self.ttl}
  qname-minimisation: no
  infra-host-ttl: 0
  outbound-msg-retry: 1
remote-control:
  control-enable: no
stub-zone:
  name: "{ZONE}"
  stub-addr: 127.0.0.1@{self.nsd_port}
stub-zone:
  name: "{DEAD_ZONE}"
  stub-addr: 127.0.0.1@{free_port(socket.SOCK_DGRAM)}
"""
