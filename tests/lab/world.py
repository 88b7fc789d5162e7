# SPDX-License-Identifier: Apache-2.0
"""The DNS as it is in the world, on real port 53 of a network namespace: a root and the top-level
domain `test.` of our own, and three NSD for the zones below, which may differ: `good`, `late` (left
behind at will) and `lame` (delegated to, but it does not serve the zone)."""
import os
import shutil
import signal
import socket
import subprocess

import dns.exception
import dns.message
import dns.query
import dns.rcode

from .process import Daemon, wait_until

SERVERS = ("good", "late", "lame")
# The last number of each address in the lab's network.
HOSTS = {"root": 1, "good": 11, "late": 12, "lame": 13,
         "silent": 14,   # a socket that never answers
         "closed": 15}   # nobody listens: refused at once
BROKEN = ("silent", "closed")  # named below names of their own, as another provider's servers
PRIVATE = "10.0.0.1"     # of host `private`: not asked, whoever allows loopback
TOP = "test"
BOGUS_ZONE = "bogus.test"  # "signed", and no signature is right: SERVFAIL unless CD
BOGUS_ANCHOR = f"{BOGUS_ZONE}. DS 12345 13 2 " + "ab" * 32
BOGUS_BYTES = "QUJD" * 21 + "QQ=="  # 64 of them


class Zone:
    """A zone below `test.`, with the same records on all its servers unless told otherwise."""

    def __init__(self, name, servers):
        self.name = name
        self.servers = list(servers)    # in the NS set: names of HOSTS, or host names
        self.ttl = 0
        self.negative_ttl = 0
        self.records = {}
        self.records_at = {}            # by server: what stands there instead
        self.frozen = {}                # by server: the text it goes on serving
        self.texts = {}                 # as published last, by server

    def set(self, name, record_type, *values):
        """Replace the records of a name and type on all servers; no values: none."""
        self.records[(name.lower(), record_type)] = list(values)

    def set_at(self, server, name, record_type, *values):
        """The same on one server only."""
        self.records_at.setdefault(server, {})[(name.lower(), record_type)] = list(values)

    def freeze(self, server):
        """The server keeps what was published last, until thaw()."""
        self.frozen[server] = self.texts[server]

    def thaw(self, server):
        self.frozen.pop(server, None)

    def served_by(self):
        return [server for server in self.servers if server in SERVERS and server != "lame"]


def program(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin")


def host_name(server):
    if server in BROKEN:
        return f"{server}.{server}-dns.{TOP}."
    return (server if "." in server else f"{server}.ns.{TOP}") + "."


def bogus_lines(records):
    """A key and signatures of nothing, for the records and for what each zone has."""
    lines = [f"{BOGUS_ZONE}. 0 DNSKEY 257 3 13 {BOGUS_BYTES}"]
    apex = [(BOGUS_ZONE, record_type) for record_type in ("SOA", "NS", "DNSKEY")]
    for name, record_type in apex + sorted(records):
        lines.append(f"{name}. 0 RRSIG {record_type} 13 {name.count('.') + 1} 0 20360101000000 "
                     f"20200101000000 12345 {BOGUS_ZONE}. {BOGUS_BYTES}")
    return lines


def ns_lines(zone):
    return [f"{zone.name}. 0 NS {host_name(server)}" for server in zone.servers]


class World:
    def __init__(self, folder, network):
        self.folder = os.path.join(folder, "world")
        self.addresses = {host: f"{network}{number}" for host, number in HOSTS.items()}
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.zones = {}
        self.serial = 0
        self.configs = {}
        self.daemons = {}
        self.silent = None
        with open(self.path("hints"), "w", encoding="ascii") as out:
            out.write(f". 3600 NS root.ns.{TOP}.\nroot.ns.{TOP}. 3600 A {self.addresses['root']}\n")

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    # ---- zones -----------------------------------------------------------------------------------

    def zone(self, name, servers=("good", "late", "lame")):
        """The zone of this name, made when it is not there yet; delegated at the next publish().
        A zone below another one is delegated from there."""
        if name not in self.zones:
            self.zones[name] = Zone(name, servers)
        return self.zones[name]

    def remove(self, name):
        del self.zones[name]

    def parent_of(self, zone):
        labels = zone.name.split(".")
        above = (".".join(labels[i:]) for i in range(1, len(labels)))
        return next((name for name in above if name in self.zones), TOP)

    def _children(self):
        """Zones by the zone they are delegated from."""
        children = {}
        for zone in self.zones.values():
            children.setdefault(self.parent_of(zone), []).append(zone)
        return children

    def _zone_text(self, zone, server, children):
        if server in zone.frozen:
            return zone.frozen[server]
        records = {**zone.records, **zone.records_at.get(server, {})}
        lines = [f"$TTL {zone.ttl}",
                 f"{zone.name}. SOA {host_name(zone.servers[0])} hostmaster.{zone.name}. "
                 f"{self.serial} 3600 600 86400 {zone.negative_ttl}"] + ns_lines(zone)
        for child in children.get(zone.name, []):
            lines += ns_lines(child)
        if zone.name == BOGUS_ZONE:
            lines += bogus_lines(records)
        for (name, record_type), values in sorted(records.items()):
            lines += [f"{name}. {record_type} {value}" for value in values]
        return "\n".join(lines) + "\n"

    def _top_text(self, name, children):
        lines = ["$TTL 0", f"{name} SOA root.ns.{TOP}. hostmaster.{TOP}. {self.serial} "
                 "3600 600 86400 0", f"{name} NS root.ns.{TOP}."]
        if name == ".":
            return "\n".join(lines + [f"{TOP}. NS root.ns.{TOP}.",
                                      f"{host_name('root')} A {self.addresses['root']}"]) + "\n"
        lines += [f"{host_name(host)} A {address}" for host, address in self.addresses.items()]
        lines.append(f"{host_name('private')} A {PRIVATE}")
        for child in children.get(TOP, []):
            lines += ns_lines(child)
        return "\n".join(lines) + "\n"

    def publish(self):
        """Show all changes on all servers, and wait until they do."""
        self.serial += 1
        children = self._children()
        files = {"root": {".": self._top_text(".", children),
                          TOP: self._top_text(f"{TOP}.", children)}}
        for server in SERVERS:
            files[server] = {}
        for zone in self.zones.values():
            for server in zone.served_by():
                zone.texts[server] = self._zone_text(zone, server, children)
                files[server][zone.name] = zone.texts[server]
        # A zone of the server's own tells when it has read all.
        for server in SERVERS:
            files[server][f"{server}.control"] = (
                f"{server}.control. 0 SOA . . {self.serial} 3600 600 86400 0\n"
                f"{server}.control. 0 NS .\n")
        for server, zones in files.items():
            self._publish_at(server, zones)
        for server in files:
            self._await_serial(server)

    def _publish_at(self, server, zones):
        folder = self.path(server)
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
        for name, text in zones.items():
            path = os.path.join(folder, name + ".zone")
            with open(path + ".new", "w", encoding="ascii") as out:
                out.write(text)
            os.replace(path + ".new", path)
        config = self._config(server, sorted(zones))
        conf = os.path.join(folder, "nsd.conf")
        is_new = self.configs.get(server) != config
        if is_new:
            self.configs[server] = config
            with open(conf, "w", encoding="ascii") as out:
                out.write(config)
        if server not in self.daemons:
            self.daemons[server] = Daemon(
                f"nsd {server}", [program("nsd"), "-d", "-c", conf],
                os.path.join(folder, "nsd.log")).start()  # drops root itself, once it has port 53
        elif is_new:
            subprocess.run([program("nsd-control"), "-c", conf, "reconfig"], check=True,
                           stdout=subprocess.DEVNULL)
        if self.serial > 1:
            self.daemons[server].signal(signal.SIGHUP)

    def _config(self, server, names):
        folder = self.path(server)
        zones = "".join(f'zone:\n  name: "{name}"\n  zonefile: "{name}.zone"\n' for name in names)
        return f"""server:
  ip-address: {self.addresses[server]}@53
  username: "nsd"
  chroot: ""
  zonesdir: "{folder}"
  pidfile: ""
  database: ""
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  server-count: 1
  zonefiles-check: yes
  rrl-ratelimit: 0
  verbosity: 1
remote-control:
  control-enable: yes
  control-interface: "{folder}/control"
{zones}"""

    def _await_serial(self, server):
        name = "." if server == "root" else f"{server}.control."

        def current():
            try:
                answer = dns.query.udp(dns.message.make_query(name, "SOA"),
                                       self.addresses[server], timeout=0.2).answer
            except (dns.exception.DNSException, OSError):
                return False
            return bool(answer) and answer[0][0].serial == self.serial
        wait_until(current, f"serial {self.serial} at nsd {server}")

    # ---- life ------------------------------------------------------------------------------------

    def start(self):
        self.silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.silent.bind((self.addresses["silent"], 53))
        self.publish()
        return self

    def stop(self):
        for daemon in self.daemons.values():
            daemon.stop()
        if self.silent is not None:
            self.silent.close()

    def unbound_config(self):
        """The server's part of it, and what follows."""
        return f"""  root-hints: "{self.path('hints')}"
  local-zone: "{TOP}." nodefault
  trust-anchor: "{BOGUS_ANCHOR}"
  ede: yes
"""
