/* position.c - the text of positions: a line for the batch, a line for each file. Text, so that a
 * person can look at it. */
#include "tail/position.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#define HEADING "hark-tail 1"

/* The longest lines, to see that all but the places of files that were cut have room. */
#define LONGEST_HEADING                                                                            \
    HEADING " lines 4294967295 source -1 last 1 files 8 looked -9223372036854775808 cut 8 done "   \
            "6\n"
#define LONGEST_PLACE                                                                              \
    "inode 18446744073709551615 offset 18446744073709551615 part 4294967295 "                      \
    "first 512 ffffffffffffffff last 512 ffffffffffffffff born -9223372036854775808 "              \
    "skip 4294967295 stood unplaced\n"
#define LONGEST_DONE         "done 18446744073709551615 born -9223372036854775808\n"
#define LONGEST_SLOT_HEADING "record 18446744073709551615 sum ffffffffffffffff bytes 1983\n"

_Static_assert(POSITION_PLACES_MAX < 10 && POSITION_DONE_MAX < 10 && POSITION_FIRST_BYTES < 1000 &&
                   POSITION_LAST_BYTES < 1000 && POSITION_TEXT_BYTES <= 10000,
               "the longest lines are longer");
_Static_assert(sizeof LONGEST_HEADING + POSITION_PLACES_MAX * (sizeof LONGEST_PLACE - 1) +
                       POSITION_DONE_MAX * (sizeof LONGEST_DONE - 1) <=
                   POSITION_TEXT_BYTES,
               "a position has more than its text has room for");
_Static_assert(sizeof LONGEST_SLOT_HEADING - 1 + POSITION_TEXT_BYTES <= POSITION_SLOT_BYTES,
               "a text has more than a slot has room for");

uint64_t position_hash(const void *bytes, size_t count)
{
    return XXH64(bytes, count, 0);
}

/* Adds a line. */
static size_t write_place(const char *word, const struct position_place *place, char *text,
                          size_t room)
{
    return (size_t)snprintf(
        text, room,
        "%s %" PRIu64 " offset %" PRIu64 " part %" PRIu32 " first %" PRIu32 " %016" PRIx64
        " last %" PRIu32 " %016" PRIx64 " born %" PRId64 " skip %" PRIu32 "%s%s\n",
        word, place->inode, place->offset, place->part, place->first_count, place->first_hash,
        place->last_count, place->last_hash, place->born_ns, place->skip,
        place->stood ? " stood" : "", place->unplaced ? " unplaced" : "");
}

static size_t write_done(const struct position_done *done, char *text, size_t room)
{
    return (size_t)snprintf(text, room, "done %" PRIu64 " born %" PRId64 "\n", done->inode,
                            done->born_ns);
}

static size_t write_heading(const struct position *position, uint32_t cut_count, char *text,
                            size_t room)
{
    return (size_t)snprintf(text, room,
                            HEADING " lines %" PRIu32 " source %" PRId32 " last %d files %" PRIu32
                                    " looked %" PRId64 " cut %" PRIu32 " done %" PRIu32 "\n",
                            position->lines, position->source, position->last, position->count,
                            position->looked_ns, cut_count, position->done_count);
}

/* For how many places of files that were cut there is room beside all else. */
static uint32_t cuts_with_room(const struct position *position)
{
    char none[1]; /* the lengths alone are asked for */
    uint32_t cut_count = 0;
    size_t used = write_heading(position, position->cut_count, none, 0);
    for (uint32_t i = 0; i < position->count; i++)
        used += write_place("inode", &position->places[i], none, 0);
    for (uint32_t i = 0; i < position->done_count; i++)
        used += write_done(&position->done[i], none, 0);
    while (cut_count < position->cut_count) {
        used += write_place("cut", &position->cuts[cut_count], none, 0);
        if (used >= POSITION_TEXT_BYTES)
            break;
        cut_count++;
    }
    return cut_count;
}

size_t position_write(const struct position *position, char *text)
{
    const uint32_t cut_count = position->cut_count ? cuts_with_room(position) : 0;
    size_t at = write_heading(position, cut_count, text, POSITION_TEXT_BYTES);
    for (uint32_t i = 0; i < position->count; i++)
        at += write_place("inode", &position->places[i], text + at, POSITION_TEXT_BYTES - at);
    for (uint32_t i = 0; i < cut_count; i++)
        at += write_place("cut", &position->cuts[i], text + at, POSITION_TEXT_BYTES - at);
    for (uint32_t i = 0; i < position->done_count; i++)
        at += write_done(&position->done[i], text + at, POSITION_TEXT_BYTES - at);
    return at;
}

/* The text after the next LF; NULL if there is none. */
static const char *next_line(const char *text)
{
    const char *lf = strchr(text, '\n');
    return lf ? lf + 1 : NULL;
}

/* Gives: whether the word stands there; *at is behind it then. */
static bool take_word(const char **at, const char *word)
{
    bool found = strncmp(*at, word, strlen(word)) == 0;
    *at += found ? strlen(word) : 0;
    return found;
}

/* Reads a line. What older versions did not write is left 0. */
static bool read_place(const char *word, const char *line, struct position_place *place)
{
    size_t length = strlen(word);
    int end = 0;
    if (!line || strncmp(line, word, length) != 0)
        return false;
    int count =
        sscanf(line + length,
               " %" SCNu64 " offset %" SCNu64 " part %" SCNu32 " first %" SCNu32 " %" SCNx64
               " last %" SCNu32 " %" SCNx64 " born %" SCNd64 " skip %" SCNu32 "%n",
               &place->inode, &place->offset, &place->part, &place->first_count, &place->first_hash,
               &place->last_count, &place->last_hash, &place->born_ns, &place->skip, &end);
    if (count == 9) {
        const char *at = line + length + end;
        place->stood = take_word(&at, " stood");
        place->unplaced = take_word(&at, " unplaced");
    }
    return (count == 5 || count == 9) && place->first_count <= POSITION_FIRST_BYTES &&
           place->last_count <= POSITION_LAST_BYTES && place->last_count <= place->offset;
}

static bool read_done(const char *line, struct position_done *done)
{
    return line &&
           sscanf(line, "done %" SCNu64 " born %" SCNd64, &done->inode, &done->born_ns) == 2;
}

int position_read(const char *text, size_t count, struct position *out_position)
{
    char copy[POSITION_TEXT_BYTES];
    struct position position = {0};
    int last;
    if (count >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, count);
    copy[count] = '\0';
    const char *line = copy;
    if (sscanf(line,
               HEADING " lines %" SCNu32 " source %" SCNd32 " last %d files %" SCNu32
                       " looked %" SCNd64 " cut %" SCNu32 " done %" SCNu32,
               &position.lines, &position.source, &last, &position.count, &position.looked_ns,
               &position.cut_count, &position.done_count) < 4 ||
        position.count > POSITION_PLACES_MAX || position.done_count > POSITION_DONE_MAX ||
        position.cut_count > POSITION_PLACES_MAX || position.source >= (int32_t)position.count ||
        position.source < -1)
        return -EINVAL;
    position.last = last != 0;
    for (uint32_t i = 0; i < position.count; i++) {
        line = next_line(line);
        if (!read_place("inode", line, &position.places[i]))
            return -EINVAL;
    }
    line = next_line(line);
    for (uint32_t i = 0; line && i < position.cut_count; i++) {
        if (!read_place("cut", line, &position.cuts[i]))
            return -EINVAL;
        line = next_line(line);
    }
    if (!line)
        return -EINVAL;
    for (uint32_t i = 0; i < position.done_count; i++) {
        if (!read_done(line, &position.done[i]) || !next_line(line))
            return -EINVAL;
        line = next_line(line);
    }
    *out_position = position;
    return 0;
}

void position_slot_write(uint64_t id, const struct position *position, char *slot)
{
    char text[POSITION_TEXT_BYTES];
    size_t count = position_write(position, text);
    memset(slot, 0, POSITION_SLOT_BYTES);
    snprintf(slot, POSITION_SLOT_BYTES, "record %" PRIu64 " sum %016" PRIx64 " bytes %zu\n%s", id,
             XXH64(text, count, id), count, text);
}

int position_slot_read(const char *slot, size_t count, uint64_t *out_id,
                       struct position *out_position)
{
    char copy[POSITION_SLOT_BYTES + 1] = {0};
    uint64_t id, sum;
    size_t bytes;
    if (count > POSITION_SLOT_BYTES)
        count = POSITION_SLOT_BYTES;
    memcpy(copy, slot, count);
    if (sscanf(copy, "record %" SCNu64 " sum %" SCNx64 " bytes %zu", &id, &sum, &bytes) != 3)
        return -EINVAL;
    const char *text = next_line(copy);
    if (!text || bytes > POSITION_TEXT_BYTES || (size_t)(text - copy) + bytes > count ||
        XXH64(text, bytes, id) != sum)
        return -EINVAL;
    if (position_read(text, bytes, out_position))
        return -EINVAL;
    *out_id = id;
    return 0;
}
