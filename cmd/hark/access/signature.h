/* signature.h - signatures of URLs: a client that may read a stream gets one, and whoever shows it
 * may begin to read that stream for a short time, in its name. For browsers, whose EventSource
 * sends no headers. A signature is an HMAC with a key of this process.
 *
 * Thread: as the digest's. */
#ifndef HARK_COMMAND_ACCESS_SIGNATURE_H
#define HARK_COMMAND_ACCESS_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "access/access.h"

enum {
    SIGNATURE_BY_BYTES = ACCESS_NAME_MAX + 32, /* in whose name, with its NUL */
    SIGNATURE_QUERY_BYTES = 320,               /* of what signature_make writes, with its NUL */
    SIGNATURE_SECONDS_MAX = 3600,
};

/* Writes "until=...&by=...&sign=...": for GET of a stream.
 * Takes: who: somebody who may read it now; until: seconds since 1970.
 * Gives: false: it could not be computed, or there is nobody to sign for. */
bool signature_make(struct access *access, const struct access_who *who, const char *stream,
                    uint64_t until, char out_query[SIGNATURE_QUERY_BYTES]);

/* Whether a signature is ours and of that stream, and its time is not over.
 * Takes: until, by, sign: as they came. now: seconds since 1970.
 * Gives: 0 and *out_who, in whose name, to be dropped; what he may do now is another question.
 * Fails: -ETIME it is too late; -EACCES it is none of ours, or nobody has that name any more. */
int signature_check(struct access *access, const char *stream, const char *until, const char *by,
                    const char *sign, uint64_t now, struct access_who *out_who);

#endif
