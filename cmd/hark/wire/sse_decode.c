/* sse_decode.c - decoding an event stream, as WHATWG HTML 9.2.6 says, but for what bytes mean: they
 * are passed on as they are.
 *
 * A line that lies whole in a piece is understood in place; only a line that is cut is gathered.
 * The data of an event is gathered with an LF after each line, of which the last is dropped.
 * Whatever a server sends, what is held stays within the limits of sse.h.
 */
#include "wire/block.h"
#include "wire/line_end.h"
#include "wire/sse.h"

#include <errno.h>
#include <stdlib.h>

enum {
    LINE_BYTES_MAX = SSE_DATA_BYTES_MAX + 16, /* "data: " and the data */
    MARK_BYTES = 3,
    MARK_DECIDED = 4,
};

static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark that may stand first */

void sse_decoder_init(struct sse_decoder *decoder, sse_decoded *decoded, void *context)
{
    *decoder = (struct sse_decoder){.decoded = decoded, .context = context};
}

/* Puts a copy of the bytes in the place of a text. */
static int set_text(char **text, const char *bytes, size_t count)
{
    char *copy = malloc(count + 1);

    if (!copy)
        return -ENOMEM;
    if (count > 0)
        memcpy(copy, bytes, count);
    copy[count] = '\0';
    free(*text);
    *text = copy;
    return 0;
}

static void clear_text(char **text)
{
    free(*text);
    *text = NULL;
}

static int add_data(struct sse_decoder *decoder, const char *bytes, size_t count)
{
    if (decoder->data_count + count > SSE_DATA_BYTES_MAX)
        return -EMSGSIZE;
    if (block_reserve(&decoder->data, &decoder->data_room, decoder->data_count + count + 1))
        return -ENOMEM;
    if (count > 0)
        memcpy(decoder->data + decoder->data_count, bytes, count);
    decoder->data_count += count;
    decoder->data[decoder->data_count++] = '\n';
    decoder->has_data = true;
    return 0;
}

static void set_retry(struct sse_decoder *decoder, const char *bytes, size_t count)
{
    uint64_t number = 0;

    if (count == 0)
        return;
    for (size_t at = 0; at < count; at++) {
        if (bytes[at] < '0' || bytes[at] > '9')
            return;
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(bytes[at] - '0'), &number))
            return;
    }
    decoder->retry = number;
    decoder->has_retry = true;
}

/* An empty line: the event is complete. An id counts even if no data came with it. */
static int dispatch(struct sse_decoder *decoder)
{
    struct sse_event event = {0};

    if (decoder->id) {
        free(decoder->last_id);
        decoder->last_id = decoder->id;
        decoder->id = NULL;
    }
    if (decoder->has_data) {
        decoder->data_count--;
        decoder->data[decoder->data_count] = '\0';
        event.id = decoder->last_id ? decoder->last_id : "";
        event.name = decoder->name && *decoder->name ? decoder->name : "message";
        event.data = decoder->data;
        event.data_count = decoder->data_count;
        decoder->decoded(decoder->context, &event);
    }
    clear_text(&decoder->name);
    decoder->data_count = 0;
    decoder->has_data = false;
    return 0;
}

static bool is(const char *bytes, size_t count, const char *word)
{
    return strlen(word) == count && memcmp(bytes, word, count) == 0;
}

static int take_line(struct sse_decoder *decoder, const char *line, size_t count)
{
    const char *colon = count ? memchr(line, ':', count) : NULL;
    const size_t field = colon ? (size_t)(colon - line) : count;
    const char *value = line + field;
    size_t value_count = 0;

    if (count == 0)
        return dispatch(decoder);
    if (colon) {
        value++;
        value_count = count - field - 1;
        if (value_count > 0 && *value == ' ') {
            value++;
            value_count--;
        }
    }
    if (is(line, field, "data"))
        return add_data(decoder, value, value_count);
    if (is(line, field, "event"))
        return value_count > SSE_ID_BYTES_MAX ? -EMSGSIZE
                                              : set_text(&decoder->name, value, value_count);
    if (is(line, field, "id")) {
        if (value_count > SSE_ID_BYTES_MAX)
            return -EMSGSIZE;
        return value_count && memchr(value, '\0', value_count)
                   ? 0
                   : set_text(&decoder->id, value, value_count);
    }
    if (is(line, field, "retry"))
        set_retry(decoder, value, value_count);
    return 0;
}

/* Gathers a part of a line that is cut. */
static int keep(struct sse_decoder *decoder, const char *bytes, size_t count)
{
    if (decoder->line_count + count > LINE_BYTES_MAX)
        return -EMSGSIZE;
    if (block_reserve(&decoder->line, &decoder->line_room, decoder->line_count + count))
        return -ENOMEM;
    memcpy(decoder->line + decoder->line_count, bytes, count);
    decoder->line_count += count;
    return 0;
}

/* Passes over a mark at the very beginning, also when it comes in pieces; bytes that only looked
 * like one are kept. */
static int take_mark(struct sse_decoder *decoder, struct line_walk *walk)
{
    unsigned seen;

    while (decoder->mark_count < MARK_BYTES && walk->at < walk->end &&
           *walk->at == mark[decoder->mark_count]) {
        walk->at++;
        decoder->mark_count++;
    }
    seen = decoder->mark_count;
    if (seen < MARK_BYTES && walk->at == walk->end)
        return 0;
    decoder->mark_count = MARK_DECIDED;
    return seen > 0 && seen < MARK_BYTES ? keep(decoder, mark, seen) : 0;
}

/* Takes one line, or what there is of it. */
static int take_piece(struct sse_decoder *decoder, struct line_walk *walk)
{
    const char *line_end = line_walk_find(walk);
    const size_t count = (size_t)(line_end - walk->at);
    int error = 0;

    if (line_end == walk->end || decoder->line_count > 0) {
        error = keep(decoder, walk->at, count);
        if (error == 0 && line_end < walk->end) {
            error = take_line(decoder, decoder->line, decoder->line_count);
            decoder->line_count = 0;
        }
    } else {
        error = count > LINE_BYTES_MAX ? -EMSGSIZE : take_line(decoder, walk->at, count);
    }
    walk->at = line_end;
    if (line_end < walk->end) {
        decoder->after_cr = *line_end == '\r';
        walk->at++;
    }
    return error;
}

int sse_decoder_feed(struct sse_decoder *decoder, const void *bytes, size_t count)
{
    struct line_walk walk = line_walk_over(bytes, count);

    if (decoder->error == 0 && decoder->mark_count < MARK_DECIDED && count > 0)
        decoder->error = take_mark(decoder, &walk);
    while (decoder->error == 0 && walk.at < walk.end) {
        if (decoder->after_cr) {
            decoder->after_cr = false;
            if (*walk.at == '\n') {
                walk.at++;
                continue;
            }
        }
        decoder->error = take_piece(decoder, &walk);
    }
    return decoder->error;
}

void sse_decoder_restart(struct sse_decoder *decoder)
{
    clear_text(&decoder->name);
    clear_text(&decoder->id);
    decoder->line_count = 0;
    decoder->data_count = 0;
    decoder->mark_count = 0;
    decoder->after_cr = false;
    decoder->has_data = false;
    decoder->error = 0;
}

void sse_decoder_done(struct sse_decoder *decoder)
{
    sse_decoder_restart(decoder);
    clear_text(&decoder->last_id);
    block_free(&decoder->line, &decoder->line_room);
    block_free(&decoder->data, &decoder->data_room);
    sse_decoder_init(decoder, decoder->decoded, decoder->context);
}
