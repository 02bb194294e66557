/* value.h - the kinds of values that options take: from text, with what is wrong with it in
 * words. */
#ifndef HARK_COMMAND_OPTIONS_VALUE_H
#define HARK_COMMAND_OPTIONS_VALUE_H

#include <stdint.h>

#include "hark.h"

/* Each gives NULL and its output, or what is wrong with the text: "is not a duration such as
 * 200ms". */

/* "200ms", "5s", "10m", "12h", "7d"; "0". */
const char *value_duration(const char *text, uint64_t *out_ns);

/* "65536", "64K", "16M", "1G": powers of 1024. */
const char *value_bytes(const char *text, uint64_t *out_bytes);

/* A whole number, from 0. */
const char *value_count(const char *text, uint64_t *out_count);

/* "auto", "uring", "epoll", "poll", "select". */
const char *value_backend(const char *text, enum hark_backend_kind *out_kind);

/* Only looks: the name of a host, without a port. */
const char *value_host(const char *text);

#endif
