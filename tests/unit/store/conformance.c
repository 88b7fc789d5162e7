// SPDX-License-Identifier: Apache-2.0
// The suite that every backend of the store has to pass; it knows store.h only.
#include "conformance.h"

int
main(void)
{
    int failed = run_message_tests();
    failed += run_delivery_tests();
    failed += run_registry_tests();
    failed += run_room_tests();
    failed += run_evidence_tests();
    return failed == 0 ? 0 : 1;
}
