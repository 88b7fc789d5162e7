// SPDX-License-Identifier: Apache-2.0
// Logging to standard error: one line per event, `<level>event key=value ...`, with journald's
// level prefix. Values from outside are always quoted and cut here, so no caller can forget it.
//
//   log_info("commit", LOG_STR("message", id), LOG_INT("bytes", size));
//
// Levels: err someone must act; warn it was handled, and says how; notice start, stop, reload;
// info one line per change in a message's or domain's life; debug the rest.
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERR = 3, /* numbers are syslog's, as journald reads them */
    LOG_LEVEL_WARN = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

struct log_field {
    const char *key;  /* NULL ends the list */
    const char *text; /* borrowed; NULL means `number` */
    int64_t number;
};

#define LOG_STR(field_key, value)                                                                  \
    {                                                                                              \
        .key = (field_key), .text = log_text(value)                                                \
    }
#define LOG_INT(field_key, value)                                                                  \
    {                                                                                              \
        .key = (field_key), .number = (int64_t)(value)                                             \
    }

#define log_at(level, event, ...)                                                                  \
    log_event(level, event, (const struct log_field[]){__VA_ARGS__, {.key = NULL}})
#define log_err(event, ...) log_at(LOG_LEVEL_ERR, event, __VA_ARGS__)
#define log_warn(event, ...) log_at(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_notice(event, ...) log_at(LOG_LEVEL_NOTICE, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_at(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/** Write nothing less urgent than `level`. Call before threads start. Default: info. */
void log_set_level(enum log_level level);

/** The text, or "-" for NULL. */
const char *log_text(const char *text);

/** Write one event; `fields` ends with a NULL key. Any thread; one write(2) a line. */
void log_event(enum log_level level, const char *event, const struct log_field *fields);

#endif
