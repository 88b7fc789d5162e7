// SPDX-License-Identifier: Apache-2.0
#include "common/id.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/cleanup.h"
#include "common/clock.h"

static void
fill_random(void *out, size_t size)
{
    if (getrandom(out, size, 0) != (ssize_t)size) { // never short below 256 bytes
        abort();
    }
}

// The 60-bit time and sequence: milliseconds in the upper 48 bits, a counter in the 12 below.
static uint64_t
next_time_and_sequence(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last;
    AUTO_LOCK(lock, &mutex);
    uint64_t now = (uint64_t)clock_wall_ms() << 12;
    last = now > last ? now : last + 1;
    return last;
}

// Time and sequence as above; of `tail` the lower 62 bits count.
static struct id
make_id(uint64_t stamp, uint64_t tail)
{
    tail = (tail & 0x3fffffffffffffffU) | 0x8000000000000000U; // variant 10
    struct id id;
    (void)snprintf(id.text, sizeof(id.text), "%08x-%04x-7%03x-%04x-%012llx",
                   (unsigned)(stamp >> 28), (unsigned)(stamp >> 12) & 0xffffU,
                   (unsigned)stamp & 0xfffU, (unsigned)(tail >> 48),
                   (unsigned long long)(tail & 0xffffffffffffU));
    return id;
}

struct id
id_new(void)
{
    uint64_t tail;
    fill_random(&tail, sizeof(tail));
    return make_id(next_time_and_sequence(), tail);
}

struct id
id_floor(int64_t wall_ms)
{
    return make_id(wall_ms <= 0 ? 0 : (uint64_t)wall_ms << 12, 0);
}

bool
id_is_valid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (strlen(text) != sizeof(form) - 1) {
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        bool is_hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (form[i] == '-' ? text[i] != '-' : !is_hex) {
            return false;
        }
    }
    return true;
}

void
id_new_token(char out[TOKEN_SIZE])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char bytes[TOKEN_SIZE - 1];
    fill_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[i] = alphabet[bytes[i] & 31U];
    }
    out[TOKEN_SIZE - 1] = '\0';
}
