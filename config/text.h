// SPDX-License-Identifier: Apache-2.0
// Small texts of the configuration: files as a whole, paths, names, URLs.
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/status.h"
#include "common/strbuf.h"

enum {
    CONFIG_NAME_MAX = 64,  /* of a route or destination */
    CONFIG_URL_MAX = 2048, /* bytes */
    CONFIG_REGION_MAX = 32,
    CONFIG_REPORT_MAX = 254, /* bytes of an address for reports (RFC 5321, 4.5.3.1.3) */
    CONFIG_LABEL_MAX = 63,   /* RFC 1035 */
    CONFIG_REPLY_MAX = 180   /* bytes of a refusal's text; a reply line is at most 512 */
};

/**
 * Append a whole file to `out`.
 *
 * @mode_out  its permission bits; may be NULL
 * @return    ST_OK; ST_IO: cannot be read, or is no regular file; ST_TOO_LARGE: more than out's cap
 */
MUST_CHECK enum status text_read_file(const char *path, struct strbuf *out, mode_t *mode_out,
                                      struct why *why);

/** The folder a file is in, without a final slash: "." for a plain name. Owned by the caller. */
char *text_folder(const char *path);

/** `path`, or `folder`/`path` when it is relative. Owned by the caller. */
char *text_resolve(const char *folder, const char *path);

/** A name of a route or destination: letters, digits, "-", "_", "."; at most CONFIG_NAME_MAX. */
MUST_CHECK enum status text_check_name(const char *text, struct why *why);

/** Printable ASCII, not empty: safe in SMTP replies, headers and logs. */
MUST_CHECK enum status text_check_printable(const char *text, struct why *why);

/** As text_check_printable, and short enough for an SMTP reply. */
MUST_CHECK enum status text_check_reply(const char *text, struct why *why);

/** No control characters; UTF-8 is taken. */
MUST_CHECK enum status text_check_line(const char *text, struct why *why);

/** An absolute http or https URL with a host, without user, password or fragment. */
MUST_CHECK enum status text_check_url(const char *text, struct why *why);

/** A socket as libmilter takes it: "unix:/path", "local:/path", "inet:port@host", "inet6:...". */
MUST_CHECK enum status text_check_milter_socket(const char *text, struct why *why);

/** One label of a domain name: lower-case letters, digits, hyphens inside. */
MUST_CHECK enum status text_check_label(const char *text, struct why *why);

/** A region of a provider, such as "us-east-1": as a label, at most CONFIG_REGION_MAX. */
MUST_CHECK enum status text_check_region(const char *text, struct why *why);

/** A mailbox for reports: "name@domain", both safe in a DMARC record; the domain may be or end in
 *  "{domain}". */
MUST_CHECK enum status text_check_report_address(const char *text, struct why *why);

/** A path that fits a Unix socket's address. */
MUST_CHECK enum status text_check_socket_path(const char *text, struct why *why);

/** A DNS server: "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53". */
MUST_CHECK enum status text_check_server(const char *text, struct why *why);

#endif
