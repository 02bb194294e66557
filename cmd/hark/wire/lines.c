/* lines.c - the words of the lines protocol: commands in, events out, and how a client reads them.
 *
 * An id is digits, so that a line's first byte tells its kind, and nothing in an event needs
 * escaping.
 */
#include "wire/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define USAGE                                                                                      \
    "say PUB NAME, PUB NAME ack, SUB NAME, SUB NAME now, SUB NAME start or SUB NAME after ID; "    \
    "before it maybe AUTH TOKEN"

struct word {
    const char *bytes;
    size_t count;
};

enum { WORDS_MAX = 4 };

/* Cuts at single blanks. Gives: how many words there are; 0 if one is empty or there are too
 * many. */
static unsigned cut(const char *line, size_t count, struct word *words)
{
    unsigned found = 0;

    for (;;) {
        const char *blank = count ? memchr(line, ' ', count) : NULL;
        const size_t length = blank ? (size_t)(blank - line) : count;

        if (length == 0 || found == WORDS_MAX)
            return 0;
        words[found++] = (struct word){line, length};
        if (!blank)
            return found;
        line += length + 1;
        count -= length + 1;
    }
}

static bool is(struct word word, const char *text)
{
    return strlen(text) == word.count && memcmp(word.bytes, text, word.count) == 0;
}

/* What follows "SUB NAME": nothing, "now", "start", "after start", "after ID". */
static const char *parse_from(const struct word *words, unsigned count,
                              struct lines_command *command)
{
    command->position = count == 1 && is(words[0], "now");
    if (count == 0 || command->position)
        return NULL;
    if (count == 1 ? is(words[0], "start") : is(words[0], "after") && is(words[1], "start")) {
        command->from = LINES_FROM_START;
        return NULL;
    }
    if (count != 2 || !is(words[0], "after"))
        return USAGE;
    if (id_parse(words[1].bytes, words[1].count, &command->after))
        return "an id is a decimal number, as it was given with an event";
    command->from = LINES_FROM_AFTER;
    return NULL;
}

const char *lines_command_parse(const char *line, size_t count, struct lines_command *out_command)
{
    struct lines_command command = {0};
    struct word words[WORDS_MAX];
    const char *reason;
    unsigned found;

    if (count > 0 && line[count - 1] == '\r')
        count--;
    if (count > LINES_COMMAND_BYTES_MAX && memcmp(line, "AUTH ", 5) != 0)
        return LINES_TOO_LONG;
    found = cut(line, count, words);
    if (found < 2)
        return USAGE;
    if (is(words[0], "AUTH")) {
        if (found != 2)
            return USAGE;
        command.token = words[1].bytes;
        command.token_count = words[1].count;
        *out_command = command;
        return NULL;
    }
    if (is(words[0], "PUB")) {
        command.verb = LINES_PUB;
        command.ack = found == 3;
        if (found > 3 || (found == 3 && !is(words[2], "ack")))
            return USAGE;
    } else if (is(words[0], "SUB")) {
        command.verb = LINES_SUB;
        reason = parse_from(words + 2, found - 2, &command);
        if (reason)
            return reason;
    } else {
        return USAGE;
    }
    if (!name_valid(words[1].bytes, words[1].count))
        return "a name is " NAME_RULE;
    memcpy(command.name, words[1].bytes, words[1].count);
    *out_command = command;
    return NULL;
}

/* The end of the part that begins at `at`: its LF, or the event's end. */
static const char *part_end(const char *at, const char *end)
{
    const char *found = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

    return found ? found : end;
}

size_t lines_event_size(uint64_t id, const void *event, size_t count)
{
    const char *at = event;
    const char *end = count ? at + count : at;
    size_t size = id_size(id) + 1 + count + 1;

    for (at = part_end(at, end); at < end; at = part_end(at + 1, end))
        size += 2; /* "+<TAB>": the LF itself is counted with the event */
    return size;
}

int64_t lines_event_encode(uint64_t id, const void *event, size_t count, char *bytes, size_t room)
{
    const char *at = event;
    const char *end = count ? at + count : at;
    char *to = bytes;

    if (lines_event_size(id, event, count) > room)
        return -ENOSPC;
    for (;;) {
        const char *stop = part_end(at, end);
        const size_t part = (size_t)(stop - at);

        if (stop == end)
            to += id_format(id, to);
        else
            *to++ = '+';
        *to++ = '\t';
        if (part > 0)
            memcpy(to, at, part);
        to += part;
        *to++ = '\n';
        if (stop == end)
            return to - bytes;
        at = stop + 1;
    }
}

size_t lines_gap_encode(uint64_t after, uint64_t first, char *bytes)
{
    return (size_t)snprintf(bytes, LINES_GAP_BYTES_MAX, "GAP\t%llu\t%llu\n",
                            (unsigned long long)after, (unsigned long long)first);
}

size_t lines_id_encode(uint64_t id, char *bytes)
{
    const size_t digits = id_format(id, bytes);

    bytes[digits] = '\n';
    return digits + 1;
}

static bool begins(const char *line, size_t count, const char *with)
{
    return count >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static int parse_gap(const char *line, size_t count, struct lines_output *output)
{
    const char *tab = count ? memchr(line, '\t', count) : NULL;
    size_t first;

    if (!tab)
        return -EINVAL;
    first = (size_t)(tab - line) + 1;
    output->kind = LINES_GAP;
    if (id_parse(line, first - 1, &output->after) ||
        id_parse(line + first, count - first, &output->id))
        return -EINVAL;
    return 0;
}

int lines_output_parse(const char *line, size_t count, struct lines_output *out_output)
{
    struct lines_output output = {.bytes = line};
    const char *tab = count ? memchr(line, '\t', count) : NULL;
    size_t head = tab ? (size_t)(tab - line) : count;

    if (begins(line, count, "ERR ")) {
        output.kind = LINES_ERROR;
        output.bytes += 4;
        output.count = count - 4;
    } else if (begins(line, count, "GAP\t")) {
        if (parse_gap(line + 4, count - 4, &output))
            return -EINVAL;
    } else if (begins(line, count, "+\t")) {
        output.kind = LINES_PART;
        output.bytes += 2;
        output.count = count - 2;
    } else {
        if (id_parse(line, head, &output.id))
            return -EINVAL;
        output.kind = tab ? LINES_EVENT : LINES_ID;
        output.bytes = tab ? tab + 1 : line + head;
        output.count = tab ? count - head - 1 : 0;
    }
    *out_output = output;
    return 0;
}

bool lines_is_for_now(const char *reason)
{
    size_t length = strlen(reason), wanted = strlen(LINES_LATER);
    return length >= wanted && strcmp(reason + length - wanted, LINES_LATER) == 0;
}
