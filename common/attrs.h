// SPDX-License-Identifier: Apache-2.0
// Compiler attributes and small macros that every file may use.
#ifndef COMMON_ATTRS_H
#define COMMON_ATTRS_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(index, first) __attribute__((format(printf, index, first)))
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
