// SPDX-License-Identifier: Apache-2.0
// The kinds of DNS records that a tenant publishes: the words of profile files, API and CLI.
#ifndef COMMON_RECORD_KIND_H
#define COMMON_RECORD_KIND_H

/** What a record is for: which condition needs it. */
enum record_for { RECORD_FOR_OWNERSHIP, RECORD_FOR_SENDING, RECORD_FOR_INBOUND };

/** What a record is, and so how it is checked. */
enum record_purpose {
    PURPOSE_OWNERSHIP,     /* "ownership": TXT, equal; not by wildcard, not through a CNAME out */
    PURPOSE_SPF,           /* "spf": TXT; the include is found anywhere in the evaluated tree */
    PURPOSE_DKIM,          /* "dkim": CNAME to a key that someone else keeps */
    PURPOSE_DMARC,         /* "dmarc": TXT; valid and at least as strict */
    PURPOSE_MAIL_FROM_MX,  /* "mail_from_mx": MX of the custom MAIL FROM domain */
    PURPOSE_MAIL_FROM_SPF, /* "mail_from_spf": its SPF */
    PURPOSE_INBOUND_MX     /* "mx": where the domain's mail goes */
};

/** The types that profiles use. */
enum record_type { RECORD_TYPE_TXT, RECORD_TYPE_CNAME, RECORD_TYPE_MX };

/** The words in the order of the enums, NULL-terminated. */
extern const char *const RECORD_FOR_WORDS[];
extern const char *const RECORD_PURPOSE_WORDS[];
extern const char *const RECORD_TYPE_WORDS[];

/** The type that records of this purpose have. */
enum record_type record_purpose_type(enum record_purpose purpose);

/** What records of this purpose are for. */
enum record_for record_purpose_for(enum record_purpose purpose);

#endif
