// SPDX-License-Identifier: Apache-2.0
// A resolver for the milter's tests, on a UDP port of its own: DMARC records of a few names.
//
//   _dmarc.reject.example     TXT p=reject        _dmarc.quarantine.example  TXT p=quarantine
//   …temp.example             SERVFAIL            everything else            NXDOMAIN
#ifndef TESTS_MILTER_STUB_DNS_H
#define TESTS_MILTER_STUB_DNS_H

#include <stdint.h>

struct stub_dns;

struct stub_dns *stub_dns_start(uint16_t *port_out);
void stub_dns_stop(struct stub_dns *stub);

#endif
