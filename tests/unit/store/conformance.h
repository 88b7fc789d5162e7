// SPDX-License-Identifier: Apache-2.0
// The groups of the suite that every backend has to pass.
#ifndef TESTS_UNIT_STORE_CONFORMANCE_H
#define TESTS_UNIT_STORE_CONFORMANCE_H

int run_message_tests(void);
int run_delivery_tests(void);
int run_registry_tests(void);
int run_room_tests(void);
int run_evidence_tests(void);

#endif
