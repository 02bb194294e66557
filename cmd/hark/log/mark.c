/* mark.c - the lines in the lock file that name the newest and the oldest segment. No I/O. */
#include "log/mark.h"

#include "log/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_AT 7u /* after the word */

size_t mark_encode(char *to, const char *word, uint64_t first)
{
    int length = snprintf(to, MARK_BYTES, "%s%020" PRIu64, word, first);
    uint64_t checksum = log_checksum(to, (size_t)length, 0);
    length += snprintf(to + length, MARK_BYTES - (size_t)length, " %016" PRIx64 "\n", checksum);
    return (size_t)length;
}

uint64_t mark_decode(const char *text, size_t length, const char *word)
{
    char own[MARK_BYTES], again[MARK_BYTES];
    if (length < MARK_LINE_BYTES)
        return 0;
    memcpy(own, text, MARK_LINE_BYTES);
    own[MARK_LINE_BYTES] = '\0';
    uint64_t first = strtoull(own + DIGITS_AT, NULL, 10);
    (void)mark_encode(again, word, first);
    return memcmp(own, again, MARK_LINE_BYTES) == 0 ? first : 0;
}
