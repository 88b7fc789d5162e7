// SPDX-License-Identifier: Apache-2.0
// Wrong files and, to the letter, what is said of them: each fault at its place, nothing else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support.h"

#define DESTINATION                                                                                \
    "destinations:\n"                                                                              \
    "  psa:\n"                                                                                     \
    "    kind: psa\n"                                                                              \
    "    url: https://psa.test/hook\n"
#define DOMAIN_LINES "domain: a.test\n" DESTINATION
#define ROUTES DOMAIN_LINES "routes:\n"

struct wrong_file {
    const char *label;
    const char *host;   /* behind HOST_LINES: starts in line 3 */
    const char *domain; /* NULL: no domain file. ROUTES end in line 6 */
    const char *expected;
};

static const struct wrong_file WRONG_FILES[] = {
    // ---- forwarders
    {"forwarder that nobody knows", "policy: {forwarders: [googel]}\n", NULL,
     "$/mailspur.yaml:3:23: error: 'forwarders': 'googel' is none of: microsoft365, google, nor "
     "{name: ..., arc_sealers: [...], networks: [...]}; did you mean 'google'?\n"},
    {"forwarders that are no list", "policy: {forwarders: google}\n", NULL,
     "$/mailspur.yaml:3:22: error: 'forwarders' takes a list of at most 16\n"},
    {"forwarder that is a list", "policy: {forwarders: [[google]]}\n", NULL,
     "$/mailspur.yaml:3:23: error: 'forwarders' takes names and {name: ...}, not a list\n"},
    {"forwarder twice", "policy: {forwarders: [google, google]}\n", NULL,
     "$/mailspur.yaml:3:31: error: 'forwarders': 'google' stands twice\n"},
    {"forwarder without a name", "policy: {forwarders: [{arc_sealers: [a.test]}]}\n", NULL,
     "$/mailspur.yaml:3:23: error: 'name' is missing in a forwarder\n"},
    {"forwarder that does nothing", "policy: {forwarders: [{name: gw}]}\n", NULL,
     "$/mailspur.yaml:3:23: error: a forwarder needs 'arc_sealers', 'networks' or both\n"},
    {"wrong name, sealer and network",
     "policy: {forwarders: [{name: 'g w', arc_sealers: [a..b], networks: [10.0.0.1/8]}]}\n", NULL,
     "$/mailspur.yaml:3:30: error: 'name': 'g w' is no name: letters, digits, '-', '_' and '.' "
     "are\n"
     "$/mailspur.yaml:3:51: error: 'arc_sealers': 'a..b' is not a domain name\n"
     "$/mailspur.yaml:3:69: error: 'networks': '10.0.0.1/8' has bits set behind its prefix "
     "length\n"},
    {"forwarders of a domain", "",
     "domain: a.test\n"
     "policy: {forwarders: [x]}\n"
     "routes: [{name: a, recipient: '*', reject: no}]\n",
     "$/domains.d/a.yaml:2:23: error: 'forwarders': 'x' is none of: microsoft365, google, nor "
     "{name: ..., arc_sealers: [...], networks: [...]}\n"},
    // ---- keys
    {"unknown key",
     "limit:\n"
     "  hops: 50\n",
     NULL,
     "$/mailspur.yaml:3:1: error: unknown key 'limit' in mailspur.yaml; did you mean 'limits'?\n"},
    {"unknown key, nothing like it", "zzzzzz: 1\n", NULL,
     "$/mailspur.yaml:3:1: error: unknown key 'zzzzzz' in mailspur.yaml\n"},
    {"unknown key in a section",
     "limits:\n"
     "  hop: 50\n",
     NULL, "$/mailspur.yaml:4:3: error: unknown key 'hop' in limits; did you mean 'hops'?\n"},
    {"unknown key in a section of a section",
     "sockets:\n"
     "  intake:\n"
     "    pth: /run/x\n",
     NULL,
     "$/mailspur.yaml:5:5: error: unknown key 'pth' in sockets.intake; did you mean 'path'?\n"},
    {"unknown key in a destination",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', timeot: 3s}\n",
     NULL,
     "$/mailspur.yaml:4:43: error: unknown key 'timeot' in a destination; did you mean "
     "'timeout'?\n"},
    {"unknown key in retry",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', retry: {frist: 3s}}\n",
     NULL, "$/mailspur.yaml:4:51: error: unknown key 'frist' in retry; did you mean 'first'?\n"},
    {"key that stands twice",
     "store:\n"
     "  keep_done: 1d\n"
     "  hold_for: 2d\n"
     "  keep_done: 3d\n",
     NULL, "$/mailspur.yaml:6:3: error: 'keep_done' stands twice; the first is in line 4\n"},
    {"required key of a destination missing",
     "destinations:\n"
     "  psa:\n"
     "    url: https://a.test\n",
     NULL, "$/mailspur.yaml:4:3: error: 'kind' is missing in a destination\n"},
    {"the host's required key twice", "hostname: other.test\n", NULL,
     "$/mailspur.yaml:3:1: error: 'hostname' stands twice; the first is in line 1\n"},
    // ---- types
    {"section where a value belongs", "authserv_id: {a: b}\n", NULL,
     "$/mailspur.yaml:3:14: error: 'authserv_id' takes a value, not a section; quote a text that "
     "begins with { or [\n"},
    {"list where a value belongs",
     "store:\n"
     "  path: [a, b]\n",
     NULL,
     "$/mailspur.yaml:4:9: error: 'path' takes a value, not a list; quote a text that begins with "
     "{ or [\n"},
    {"value where a section belongs", "limits: 5\n", NULL,
     "$/mailspur.yaml:3:9: error: limits must be a section (key: value), not a value\n"},
    {"list where a section belongs", "dns: [a]\n", NULL,
     "$/mailspur.yaml:3:6: error: dns must be a section (key: value), not a list\n"},
    {"value where a list belongs",
     "dns:\n"
     "  servers: 127.0.0.1\n",
     NULL, "$/mailspur.yaml:4:12: error: 'servers' takes a list such as [a, b], not a value\n"},
    {"no value",
     "store:\n"
     "  keep_done:\n",
     NULL, "$/mailspur.yaml:4:13: error: 'keep_done' has no value\n"},
    {"destinations as a list",
     "destinations:\n"
     "  - psa\n",
     NULL,
     "$/mailspur.yaml:4:3: error: 'destinations' must be a section (name: settings), not a list\n"},
    {"a destination as a value",
     "destinations:\n"
     "  psa: https://a.test\n",
     NULL,
     "$/mailspur.yaml:4:8: error: a destination must be a section (key: value), not a value\n"},
    // ---- values
    {"duration without a unit",
     "store:\n"
     "  keep_done: 7\n",
     NULL,
     "$/mailspur.yaml:4:14: error: 'keep_done': '7' is not a time such as 500ms, 30s, 5m, 2h or "
     "7d\n"},
    {"duration with an unknown unit",
     "store:\n"
     "  keep_done: 7 days\n",
     NULL,
     "$/mailspur.yaml:4:14: error: 'keep_done': '7 days' is not a time such as 500ms, 30s, 5m, 2h "
     "or 7d\n"},
    {"duration too long",
     "store:\n"
     "  keep_done: 3651d\n",
     NULL, "$/mailspur.yaml:4:14: error: 'keep_done': 3651d is not from 0s to 3650d\n"},
    {"duration too short",
     "dns:\n"
     "  timeout: 9ms\n",
     NULL, "$/mailspur.yaml:4:12: error: 'timeout': 9ms is not from 10ms to 1m\n"},
    {"size with an unknown unit",
     "limits:\n"
     "  message_size: 50MB\n",
     NULL,
     "$/mailspur.yaml:4:17: error: 'message_size': '50MB' is not a size such as 4096, 256K, 50M or "
     "20G\n"},
    {"size too small",
     "limits:\n"
     "  message_size: 1023\n",
     NULL, "$/mailspur.yaml:4:17: error: 'message_size': 1023 is not from 1K to 1G\n"},
    {"size too large",
     "limits:\n"
     "  message_size: 2G\n",
     NULL, "$/mailspur.yaml:4:17: error: 'message_size': 2G is not from 1K to 1G\n"},
    {"percent over 100",
     "limits:\n"
     "  tenant_share: 101\n",
     NULL,
     "$/mailspur.yaml:4:17: error: 'tenant_share': '101' is not a whole number from 1 to 100\n"},
    {"percent with a sign",
     "limits:\n"
     "  tenant_share: 20%\n",
     NULL,
     "$/mailspur.yaml:4:17: error: 'tenant_share': '20%' is not a whole number from 1 to 100\n"},
    {"number too large",
     "limits:\n"
     "  recipients: 1001\n",
     NULL,
     "$/mailspur.yaml:4:15: error: 'recipients': '1001' is not a whole number from 1 to 1000\n"},
    {"number below 0",
     "limits:\n"
     "  hops: -1\n",
     NULL, "$/mailspur.yaml:4:9: error: 'hops': '-1' is not a whole number from 5 to 1000\n"},
    {"mode not octal",
     "sockets:\n"
     "  intake:\n"
     "    mode: \"0680\"\n",
     NULL, "$/mailspur.yaml:5:11: error: 'mode': '0680' is not a mode in octal such as \"0660\"\n"},
    {"mode with bits beyond",
     "sockets:\n"
     "  intake:\n"
     "    mode: \"4770\"\n",
     NULL, "$/mailspur.yaml:5:11: error: 'mode': mode 4770 has bits beyond 0777\n"},
    {"mode in letters",
     "sockets:\n"
     "  intake:\n"
     "    mode: rw-rw----\n",
     NULL,
     "$/mailspur.yaml:5:11: error: 'mode': 'rw-rw----' is not a mode in octal such as \"0660\"\n"},
    {"switch",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', allow_http: maybe}\n",
     NULL, "$/mailspur.yaml:4:55: error: 'allow_http': 'maybe' is neither on nor off\n"},
    {"choice",
     "policy:\n"
     "  dmarc: enforced\n",
     NULL,
     "$/mailspur.yaml:4:10: error: 'dmarc': 'enforced' is none of: enforce, tag, off; did you mean "
     "'enforce'?\n"},
    {"choice, nothing like it",
     "policy:\n"
     "  on_temperror: bounce\n",
     NULL, "$/mailspur.yaml:4:17: error: 'on_temperror': 'bounce' is none of: tag, defer\n"},
    {"network with host bits",
     "policy:\n"
     "  trusted_networks: [192.0.2.1/24]\n",
     NULL,
     "$/mailspur.yaml:4:22: error: 'trusted_networks': '192.0.2.1/24' has bits set behind its "
     "prefix length\n"},
    {"network that is none",
     "policy:\n"
     "  trusted_networks: [192.0.2.0/24, office]\n",
     NULL,
     "$/mailspur.yaml:4:36: error: 'trusted_networks': 'office' is not a network such as "
     "10.0.0.0/8\n"},
    {"prefix too long",
     "policy:\n"
     "  trusted_networks:\n"
     "    - 192.0.2.0/33\n",
     NULL,
     "$/mailspur.yaml:5:7: error: 'trusted_networks': '192.0.2.0/33' needs a prefix length from 0 "
     "to 32\n"},
    {"host name", "authserv_id: mx_.-bad\n", NULL,
     "$/mailspur.yaml:3:14: error: 'authserv_id': 'mx_.-bad' is not a domain name\n"},
    {"dns server",
     "dns:\n"
     "  servers: [127.0.0.1, resolver.test]\n",
     NULL,
     "$/mailspur.yaml:4:24: error: 'servers': 'resolver.test' is not a DNS server such as "
     "127.0.0.1, 192.0.2.1:5353 or [::1]:53\n"},
    {"dns server's port",
     "dns:\n"
     "  servers: ['127.0.0.1:0']\n",
     NULL,
     "$/mailspur.yaml:4:13: error: 'servers': '127.0.0.1:0' is not a DNS server such as 127.0.0.1, "
     "192.0.2.1:5353 or [::1]:53\n"},
    {"no dns server",
     "dns:\n"
     "  servers: []\n",
     NULL, "$/mailspur.yaml:4:12: error: 'servers' needs at least one item\n"},
    {"too many dns servers",
     "dns:\n"
     "  servers: ['::1', '::1', '::1', '::1', '::1', '::1', '::1', '::1', '::1']\n",
     NULL, "$/mailspur.yaml:4:12: error: 'servers' has 9 items; at most 8 are taken\n"},
    {"path of a socket too long",
     "sockets:\n"
     "  intake:\n"
     "    path: "
     "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaa\n",
     NULL,
     "$/mailspur.yaml:5:11: error: 'path': the path of a socket has 1 to 107 bytes, not 108\n"},
    {"two sockets at one path",
     "sockets:\n"
     "  intake: {path: /run/a.sock}\n"
     "  control: {path: /run/a.sock}\n",
     NULL, "$/mailspur.yaml:4:11: error: sockets 'control' and 'intake' have the same path\n"},
    {"milter socket",
     "milter:\n"
     "  socket: /run/milter.sock\n",
     NULL,
     "$/mailspur.yaml:4:11: error: 'socket': '/run/milter.sock' is neither unix:/path nor "
     "inet:port@host\n"},
    {"milter socket's port",
     "milter:\n"
     "  socket: inet:70000@localhost\n",
     NULL,
     "$/mailspur.yaml:4:11: error: 'socket': 'inet:70000@localhost' is neither unix:/path nor "
     "inet:port@host\n"},
    {"control character in a text",
     "sockets:\n"
     "  intake:\n"
     "    group: \"a\\tb\"\n",
     NULL,
     "$/mailspur.yaml:5:12: error: 'group': only printable ASCII characters can stand here\n"},
    {"message larger than a tenant's share",
     "limits:\n"
     "  message_size: 50M\n"
     "  store_size: 100M\n",
     NULL,
     "$/mailspur.yaml:3:1: error: a message of 'message_size' does not fit a tenant's share of the "
     "store ('store_size' and 'tenant_share')\n"},
    // ---- tenants
    {"tenants as a list", "tenants: [acme]\n", NULL,
     "$/mailspur.yaml:3:10: error: 'tenants' must be a section (name: limits), not a list\n"},
    {"unknown key of a tenant",
     "tenants:\n"
     "  acme: {shares: 3}\n",
     NULL,
     "$/mailspur.yaml:4:10: error: unknown key 'shares' in a tenant; did you mean 'share'?\n"},
    {"tenant named twice",
     "tenants:\n"
     "  acme: {share: 3}\n"
     "  acme: {share: 4}\n",
     NULL, "$/mailspur.yaml:5:3: error: 'acme' stands twice; the first is in line 4\n"},
    {"tenant's name",
     "tenants:\n"
     "  a/b: {share: 30}\n",
     NULL,
     "$/mailspur.yaml:4:3: error: 'a/b' is not a name: letters and digits, then also - _ ., at "
     "most "
     "64\n"},
    {"rate of a tenant too large",
     "tenants:\n"
     "  acme: {messages_per_minute: 1000000001}\n",
     NULL,
     "$/mailspur.yaml:4:31: error: 'messages_per_minute': '1000000001' is not a whole number from "
     "0 "
     "to 1000000000\n"},
    {"share of 0",
     "tenants:\n"
     "  acme: {share: 0}\n",
     NULL, "$/mailspur.yaml:4:17: error: 'share': '0' is not a whole number from 1 to 100\n"},
    {"message larger than the room of a tenant",
     "tenants:\n"
     "  acme: {store_size: 40M}\n",
     NULL,
     "$/mailspur.yaml:4:3: error: a message of 'message_size' does not fit the room of tenant "
     "'acme'; give it a larger 'share' or 'store_size'\n"},
    // ---- verification
    {"label of MAIL FROM",
     "verification:\n"
     "  mail_from: mail.x\n",
     NULL,
     "$/mailspur.yaml:4:14: error: 'mail_from': 'mail.x' is not one label of a domain name: "
     "lower-case letters, digits, and hyphens inside, at most 63\n"},
    {"address of reports",
     "verification:\n"
     "  dmarc_report: mailto:a@b.test\n",
     NULL,
     "$/mailspur.yaml:4:17: error: 'dmarc_report': 'mailto:a@b.test' is not an address such as "
     "dmarc@example.com or dmarc@{domain}\n"},
    {"word of mx",
     "verification:\n"
     "  mx: require\n",
     NULL,
     "$/mailspur.yaml:4:7: error: 'mx': 'require' is none of: watch, required; did you mean "
     "'required'?\n"},
    {"reserved name",
     "verification:\n"
     "  reserved_names: [a..test]\n",
     NULL, "$/mailspur.yaml:4:20: error: 'reserved_names': 'a..test' is not a domain name\n"},
    {"one more backup MX than is taken", "backup_mx: [a.test, b.test, c.test, d.test, e.test]\n",
     NULL, "$/mailspur.yaml:3:12: error: 'backup_mx' has 5 items; at most 4 are taken\n"},
    {"destination of events",
     "verification:\n"
     "  events: psa\n",
     NULL, "$/mailspur.yaml:4:11: error: 'events': there is no destination 'psa' in this file\n"},
    {"one key of SES",
     "verification:\n"
     "  ses: {access_key_file: a}\n",
     NULL, "$/mailspur.yaml:4:8: error: 'access_key_file' and 'secret_key_file' need each other\n"},
    // ---- destinations
    {"url without allow_http",
     "destinations:\n"
     "  psa: {kind: psa, url: 'http://a.test'}\n",
     NULL,
     "$/mailspur.yaml:4:25: error: 'url': http:// sends mail in clear text; use https://, or set "
     "`allow_http: on` for a network you trust\n"},
    {"url of another scheme",
     "destinations:\n"
     "  psa: {kind: psa, url: 'ftp://a.test'}\n",
     NULL,
     "$/mailspur.yaml:4:25: error: 'url': 'ftp://a.test' does not begin with https:// or "
     "http://\n"},
    {"url without a host",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https:///hook'}\n",
     NULL, "$/mailspur.yaml:4:25: error: 'url': '' is not a host, or host:port\n"},
    {"url with a password",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://user:hunter2@a.test'}\n",
     NULL,
     "$/mailspur.yaml:4:25: error: 'url': a URL cannot hold a user or password; use "
     "authorization_file\n"},
    {"url with a fragment",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test/#x'}\n",
     NULL,
     "$/mailspur.yaml:4:25: error: 'url': 'https://a.test/#x' has a fragment (#), which is never "
     "sent\n"},
    {"url with a blank",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test/a b'}\n",
     NULL,
     "$/mailspur.yaml:4:25: error: 'url': a URL cannot hold blanks, control characters or other "
     "than ASCII; percent-encode them\n"},
    {"url with a bad port",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test:65536/'}\n",
     NULL, "$/mailspur.yaml:4:25: error: 'url': 'a.test:65536' is not a host, or host:port\n"},
    {"kind",
     "destinations:\n"
     "  psa: {kind: pas, url: 'https://a.test'}\n",
     NULL,
     "$/mailspur.yaml:4:15: error: 'kind': 'pas' is none of: psa, crm, portal; did you mean "
     "'psa'?\n"},
    {"name of a destination",
     "destinations:\n"
     "  my psa: {kind: psa, url: 'https://a.test'}\n",
     NULL,
     "$/mailspur.yaml:4:3: error: 'my psa' is not a name: letters and digits, then also - _ ., at "
     "most 64\n"},
    {"destination that stands twice",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test'}\n"
     "  psa: {kind: crm, url: 'https://b.test'}\n",
     NULL, "$/mailspur.yaml:5:3: error: 'psa' stands twice; the first is in line 4\n"},
    {"retry first over most",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', retry: {first: 2h, most: 1h}}\n",
     NULL, "$/mailspur.yaml:4:58: error: retry: 'first' is longer than 'most'\n"},
    {"retry first over for",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', retry: {first: 1h, for: 30m}}\n",
     NULL,
     "$/mailspur.yaml:4:58: error: retry: 'first' is longer than 'for', the age at which it "
     "ends\n"},
    {"retry most over for",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', retry: {most: 1h, for: 30m}}\n",
     NULL,
     "$/mailspur.yaml:4:57: error: retry: 'most' is longer than 'for', the age at which it ends\n"},
    {"connect_timeout over timeout",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', timeout: 5s, connect_timeout: 6s}\n",
     NULL,
     "$/mailspur.yaml:4:73: error: 'connect_timeout' is longer than 'timeout', which it is a part "
     "of\n"},
    {"missing secret file",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', secret_file: none.secret}\n",
     NULL,
     "$/mailspur.yaml:4:56: error: 'secret_file': $/none.secret cannot be read: No such file or "
     "directory\n"},
    {"secret file is a folder",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', secret_file: domains.d}\n",
     NULL, "$/mailspur.yaml:4:56: error: 'secret_file': $/domains.d is not a regular file\n"},
    {"missing ca file",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test', ca_file: none.pem}\n",
     NULL,
     "$/mailspur.yaml:4:52: error: 'ca_file': $/none.pem cannot be read: No such file or "
     "directory\n"},
    // ---- domain files
    {"missing domains folder", "domains: none.d\n", NULL,
     "$/mailspur.yaml:3:10: error: 'domains': $/none.d cannot be read: No such file or "
     "directory\n"},
    {"domains folder is a file", "domains: mailspur.yaml\n", NULL,
     "$/mailspur.yaml:3:10: error: 'domains': $/mailspur.yaml cannot be read: Not a directory\n"},
    {"profiles folder is a file", "verification: {profiles: mailspur.yaml}\n", NULL,
     "$/mailspur.yaml:3:26: error: 'profiles': $/mailspur.yaml cannot be read: Not a directory\n"},
    {"domain missing", "", "routes: []\n",
     "$/domains.d/a.yaml:1:1: error: 'domain' is missing in a domain's file\n"},
    {"domain is no name", "", "domain: a b.test\n",
     "$/domains.d/a.yaml:1:9: error: 'domain': 'a b.test' is not a domain name\n"},
    {"inbound is no key of the file", "",
     "domain: a.test\n"
     "inbound: on\n",
     "$/domains.d/a.yaml:2:1: error: unknown key 'inbound' in a domain's file\n"},
    {"file is a list", "", "- domain: a.test\n",
     "$/domains.d/a.yaml:1:1: error: a domain's file must be a section (key: value), not a list\n"},
    {"policy of a domain", "",
     "domain: a.test\n"
     "policy: {dmarc: of}\n",
     "$/domains.d/a.yaml:2:17: error: 'dmarc': 'of' is none of: enforce, tag, off; did you mean "
     "'off'?\n"},
    {"destination that is also global",
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test'}\n",
     "domain: a.test\n"
     "destinations:\n"
     "  psa: {kind: psa, url: 'https://a.test'}\n",
     "$/domains.d/a.yaml:3:3: error: destination 'psa' is also one of mailspur.yaml, for all "
     "domains; give this one a name of its own\n"},
    // ---- routes
    {"routes as a section", "",
     "domain: a.test\n"
     "routes: {a: b}\n",
     "$/domains.d/a.yaml:2:9: error: 'routes' takes a list (- name: ...) of at most 1000 routes\n"},
    {"route without a name", "",
     ROUTES "  - recipient: x\n"
            "    destinations: [psa]\n",
     "$/domains.d/a.yaml:7:5: error: 'name' is missing in a route\n"},
    {"route without a recipient", "",
     ROUTES "  - name: x\n"
            "    destinations: [psa]\n",
     "$/domains.d/a.yaml:7:5: error: 'recipient' is missing in a route\n"},
    {"route that does nothing", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n",
     "$/domains.d/a.yaml:7:5: error: a route needs 'destinations' or 'reject'\n"},
    {"route that does both", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n"
            "    destinations: [psa]\n"
            "    reject: no\n",
     "$/domains.d/a.yaml:10:5: error: a route has 'destinations' or 'reject', not both\n"},
    {"unknown key in a route", "",
     ROUTES "  - name: x\n"
            "    recipent: x\n"
            "    destinations: [psa]\n",
     "$/domains.d/a.yaml:8:5: error: unknown key 'recipent' in a route; did you mean 'recipient'?\n"
     "$/domains.d/a.yaml:7:5: error: 'recipient' is missing in a route\n"},
    {"unknown destination", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n"
            "    destinations: [pas]\n",
     "$/domains.d/a.yaml:9:20: error: there is no destination 'pas'; did you mean 'psa'?\n"},
    {"destination of another domain's file", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n"
            "    destinations: [a.test/psa]\n",
     "$/domains.d/a.yaml:9:20: error: there is no destination 'a.test/psa'\n"},
    {"destination twice in a route", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n"
            "    destinations: [psa, psa]\n",
     "$/domains.d/a.yaml:9:25: error: destination 'psa' stands twice\n"},
    {"destinations as a value", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n"
            "    destinations: psa\n",
     "$/domains.d/a.yaml:9:19: error: 'destinations' takes a list of 1 to 32 names, such as "
     "[psa]\n"},
    {"no destinations", "",
     ROUTES "  - name: x\n"
            "    recipient: x\n"
            "    destinations: []\n",
     "$/domains.d/a.yaml:9:19: error: 'destinations' takes a list of 1 to 32 names, such as "
     "[psa]\n"},
    {"route name twice", "",
     ROUTES "  - {name: x, recipient: x, destinations: [psa]}\n"
            "  - {name: x, recipient: y, destinations: [psa]}\n",
     "$/domains.d/a.yaml:8:12: error: a route 'x' stands already in line 7\n"},
    {"reject and stop off", "", ROUTES "  - {name: x, recipient: x, reject: go away, stop: off}\n",
     "$/domains.d/a.yaml:7:52: error: 'stop': a route that rejects is always the last one\n"},
    {"reject with a line end", "", ROUTES "  - {name: x, recipient: x, reject: \"go\\naway\"}\n",
     "$/domains.d/a.yaml:7:37: error: 'reject': only printable ASCII characters can stand here\n"},
    {"reject too long", "",
     ROUTES
     "  - {name: x, recipient: x, reject: "
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n",
     "$/domains.d/a.yaml:7:37: error: 'reject': the text has 181 bytes; at most 180 are taken\n"},
    {"recipient of another domain", "",
     ROUTES "  - {name: x, recipient: x@b.test, destinations: [psa]}\n",
     "$/domains.d/a.yaml:7:26: error: 'recipient': 'x@b.test' is not in a.test; a route takes mail "
     "of its own domain only\n"},
    {"recipient with two wildcards", "",
     ROUTES "  - {name: x, recipient: '{a}{b}', destinations: [psa]}\n",
     "$/domains.d/a.yaml:7:26: error: 'recipient': '{a}{b}' has two wildcards side by side; put "
     "text between them\n"},
    {"recipient with an open brace", "",
     ROUTES "  - {name: x, recipient: 'ticket+{a', destinations: [psa]}\n",
     "$/domains.d/a.yaml:7:26: error: 'recipient': a '{' is not closed in 'ticket+{a'\n"},
    {"recipient with a blank", "", ROUTES "  - {name: x, recipient: 'a b', destinations: [psa]}\n",
     "$/domains.d/a.yaml:7:26: error: 'recipient': a pattern cannot hold ' ' as in 'a b'\n"},
    {"catch-all without quotes", "",
     ROUTES "  - name: x\n"
            "    recipient: *\n"
            "    destinations: [psa]\n",
     "$/domains.d/a.yaml:8:16: error: anchors (&), aliases (*) and tags (!) are not taken; quote a "
     "text that begins with one of these, such as \"*\"\n"},
    {"lone capture without quotes", "",
     ROUTES "  - name: x\n"
            "    recipient: {user}\n"
            "    destinations: [psa]\n",
     "$/domains.d/a.yaml:8:16: error: 'recipient' takes a value, not a section; quote a text that "
     "begins with { or [\n"},
    {"recipient empty", "", ROUTES "  - {name: x, recipient: '@', destinations: [psa]}\n",
     "$/domains.d/a.yaml:7:26: error: 'recipient': the pattern is empty; '*' takes every "
     "recipient\n"},
    {"route behind a catch-all", "",
     ROUTES "  - {name: all, recipient: '*', destinations: [psa]}\n"
            "  - {name: x, recipient: x, destinations: [psa]}\n",
     "$/domains.d/a.yaml:8:5: error: no mail reaches this route: 'all' in line 7 takes all of it; "
     "put it behind this one, or give it `stop: off`\n"},
    {"route behind a lone capture", "",
     ROUTES "  - {name: all, recipient: '{user}', destinations: [psa]}\n"
            "  - {name: x, recipient: 'x*', destinations: [psa]}\n",
     "$/domains.d/a.yaml:8:5: error: no mail reaches this route: 'all' in line 7 takes all of it; "
     "put it behind this one, or give it `stop: off`\n"},
    {"route behind the same pattern", "",
     ROUTES "  - {name: a, recipient: 'x*', destinations: [psa]}\n"
            "  - {name: b, recipient: 'X*@', destinations: [psa]}\n",
     "$/domains.d/a.yaml:8:5: error: no mail reaches this route: 'a' in line 7 takes all of it; "
     "put it behind this one, or give it `stop: off`\n"},
    {"route behind a wider pattern", "",
     ROUTES "  - {name: a, recipient: 'x+{n}', destinations: [psa]}\n"
            "  - {name: b, recipient: 'x+y-{n}', destinations: [psa]}\n",
     "$/domains.d/a.yaml:8:5: error: no mail reaches this route: 'a' in line 7 takes all of it; "
     "put it behind this one, or give it `stop: off`\n"},
    // ---- many at once, each told once
    {"five faults in two files",
     "limits: {hops: 4}\n"
     "stor: {}\n",
     ROUTES "  - {name: x, recipient: x, destinations: [crm]}\n"
            "  - {name: y, recipient: '**', destinations: [psa], stopp: on}\n",
     "$/mailspur.yaml:4:1: error: unknown key 'stor' in mailspur.yaml; did you mean 'store'?\n"
     "$/mailspur.yaml:3:16: error: 'hops': '4' is not a whole number from 5 to 1000\n"
     "$/domains.d/a.yaml:7:44: error: there is no destination 'crm'\n"
     "$/domains.d/a.yaml:8:53: error: unknown key 'stopp' in a route; did you mean 'stop'?\n"
     "$/domains.d/a.yaml:8:26: error: 'recipient': '**' has two wildcards side by side; put text "
     "between them\n"},
    // ---- YAML itself
    {"syntax",
     "store: [a\n"
     "limits: 5\n",
     NULL,
     "$/mailspur.yaml:4:7: error: not YAML: did not find expected ',' or ']', while parsing a flow "
     "sequence that began in line 3\n"},
    {"tab",
     "store:\n"
     "\tpath: /x\n",
     NULL, "$/mailspur.yaml:4:1: error: not YAML: found character that cannot start any token\n"},
    {"anchor", "store: &s {path: /x}\n", NULL,
     "$/mailspur.yaml:3:8: error: anchors (&), aliases (*) and tags (!) are not taken; quote a "
     "text that begins with one of these, such as \"*\"\n"},
    {"alias", "store: *s\n", NULL,
     "$/mailspur.yaml:3:8: error: anchors (&), aliases (*) and tags (!) are not taken; quote a "
     "text that begins with one of these, such as \"*\"\n"},
    {"tag", "store: {path: !!str /x}\n", NULL,
     "$/mailspur.yaml:3:15: error: anchors (&), aliases (*) and tags (!) are not taken; quote a "
     "text that begins with one of these, such as \"*\"\n"},
    {"second document",
     "---\n"
     "store: {}\n",
     NULL, "$/mailspur.yaml:3:1: error: a second document ('---') in one file\n"},
    {"too deep", "store: [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]\n", NULL,
     "$/mailspur.yaml:3:23: error: too many lists and sections inside each other\n"},
    {"list as a key",
     "? [a]\n"
     ": b\n",
     NULL, "$/mailspur.yaml:3:3: error: a key must be a plain word\n"},
    {"NUL", "store: {path: \"a\\0b\"}\n", NULL,
     "$/mailspur.yaml:3:15: error: a value cannot hold a NUL byte\n"},
    {"syntax in a domain file, and a fault in the host's", "hop: 1\n", "domain: [\n",
     "$/mailspur.yaml:3:1: error: unknown key 'hop' in mailspur.yaml\n"
     "$/domains.d/a.yaml:2:1: error: not YAML: did not find expected node content\n"},
};

static void
each_wrong_file_is_told_with_its_place(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(WRONG_FILES); i++) {
        const struct wrong_file *row = &WRONG_FILES[i];
        struct folder folder;
        folder_make(&folder);
        AUTO_STRBUF host = STRBUF_INIT(64 * 1024);
        strbuf_puts(&host, HOST_LINES);
        strbuf_puts(&host, row->host);
        folder_write(&folder, "mailspur.yaml", strbuf_text(&host));
        if (row->domain != NULL) {
            folder_write(&folder, "domains.d/a.yaml", row->domain);
        }
        struct diagnostics diagnostics = {.items = NULL};
        config_unref(folder_load(&folder, &diagnostics));
        AUTO_FREE char *told = folder_format(&folder, &diagnostics, true);
        if (strcmp(told, row->expected) != 0) {
            print_error("%s:\n--- expected\n%s--- told\n%s", row->label, row->expected, told);
            failed++;
        }
        diagnostics_done(&diagnostics);
        folder_remove(&folder);
    }
    assert_int_equal(failed, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_file_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
