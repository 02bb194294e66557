/* check_lines.h - lines: cut the same in pieces of any size; what is understood is valid; and what
 * is encoded for a subscriber is put together again, whatever it is. */
#ifndef TESTS_FUZZ_CHECK_LINES_H
#define TESTS_FUZZ_CHECK_LINES_H

#include "check.h"
#include "wire/lines.h"

struct fuzzed_lines {
    struct lines_splitter splitter;
    struct digest *digest;
};

enum { FUZZED_LINE_MAX = 300 };

static inline void lines_fuzz_line(struct digest *digest, const char *line, size_t count)
{
    struct lines_command command;
    struct lines_output output;
    const char *reason = lines_command_parse(line, count, &command);

    must(count <= FUZZED_LINE_MAX && !memchr(line, '\n', count));
    digest_number(digest, count);
    digest_bytes(digest, line, count);
    digest_text(digest, reason ? reason : command.name);
    must(reason || command.verb == LINES_AUTH || name_valid(command.name, strlen(command.name)));
    must(
        reason || command.verb != LINES_AUTH ||
        (command.token == line + 5 && command.token_count > 0 && command.token_count + 5 <= count));
    must(reason || command.verb == LINES_PUB || !command.ack);
    if (lines_output_parse(line, count, &output))
        return;
    must(output.bytes >= line && output.bytes + output.count <= line + count);
    digest_number(digest, output.kind);
    digest_number(digest, output.id);
}

static inline void lines_fuzz_begin(void *state, struct digest *digest)
{
    struct fuzzed_lines *fuzzed = state;

    lines_splitter_init(&fuzzed->splitter, FUZZED_LINE_MAX);
    fuzzed->digest = digest;
}

static inline bool lines_fuzz_feed(void *state, const char *bytes, size_t count)
{
    struct fuzzed_lines *fuzzed = state;
    const char *line;
    size_t line_count;
    int result;

    while ((result = lines_splitter_next(&fuzzed->splitter, &bytes, &count, &line, &line_count)) >
           0)
        lines_fuzz_line(fuzzed->digest, line, line_count);
    must(result < 0 || count == 0);
    return result == 0;
}

static inline void lines_fuzz_end(void *state)
{
    struct fuzzed_lines *fuzzed = state;

    digest_number(fuzzed->digest, (uint64_t)fuzzed->splitter.error);
    if (fuzzed->splitter.error == 0)
        digest_number(fuzzed->digest, lines_splitter_kept(&fuzzed->splitter));
    lines_splitter_done(&fuzzed->splitter);
}

/* Puts the event together from its lines, as a subscriber does. */
static inline void lines_fuzz_join(const char *encoded, size_t encoded_size, const uint8_t *data,
                                   size_t size)
{
    struct lines_splitter splitter;
    char *joined = malloc(size + 1);
    size_t count = 0;
    const char *line;
    size_t line_count;
    bool whole = false;

    must(joined);
    lines_splitter_init(&splitter, size + 32);
    while (lines_splitter_next(&splitter, &encoded, &encoded_size, &line, &line_count) > 0) {
        struct lines_output output;

        must(!whole && lines_output_parse(line, line_count, &output) == 0);
        must(output.kind == LINES_PART || (output.kind == LINES_EVENT && output.id == 42));
        must(count + output.count <= size);
        memcpy(joined + count, output.bytes, output.count);
        count += output.count;
        if (output.kind == LINES_PART)
            joined[count++] = '\n';
        whole = output.kind == LINES_EVENT;
    }
    must(whole && count == size && memcmp(joined, data, size) == 0);
    must(lines_splitter_kept(&splitter) == 0);
    lines_splitter_done(&splitter);
    free(joined);
}

static inline void lines_fuzz_round_trip(const uint8_t *data, size_t size)
{
    const size_t encoded_size = lines_event_size(42, data, size);
    char *encoded = malloc(encoded_size);

    must(encoded);
    must(lines_event_encode(42, data, size, encoded, encoded_size) == (int64_t)encoded_size);
    lines_fuzz_join(encoded, encoded_size, data, size);
    free(encoded);
}

static inline void check_lines(const uint8_t *data, size_t size)
{
    static const struct fed fed = {lines_fuzz_begin, lines_fuzz_feed, lines_fuzz_end};
    static const uint8_t nothing[1];
    struct fuzzed_lines fuzzed;

    data = size ? data : nothing;
    feed_all(&fed, &fuzzed, data, size);
    lines_fuzz_round_trip(data, size);
}

#endif
