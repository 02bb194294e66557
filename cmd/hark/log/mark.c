/* mark.c - the line in the lock file that names the newest segment. No I/O. */
#include "log/mark.h"

#include "log/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_AT 7u /* after "newest " */

size_t mark_encode(char *to, uint64_t first)
{
    int length = snprintf(to, MARK_BYTES, "newest %020" PRIu64, first);
    uint64_t checksum = log_checksum(to, (size_t)length, 0);
    length += snprintf(to + length, MARK_BYTES - (size_t)length, " %016" PRIx64 "\n", checksum);
    return (size_t)length;
}

uint64_t mark_decode(const char *text, size_t length)
{
    char own[MARK_BYTES], again[MARK_BYTES];
    if (length < MARK_BYTES - 1)
        return 0;
    memcpy(own, text, MARK_BYTES - 1);
    own[MARK_BYTES - 1] = '\0';
    uint64_t first = strtoull(own + DIGITS_AT, NULL, 10);
    (void)mark_encode(again, first);
    return memcmp(own, again, MARK_BYTES - 1) == 0 ? first : 0;
}
