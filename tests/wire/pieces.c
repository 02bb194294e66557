/* pieces.c - see the header. */
#include "wire/pieces.h"

void note(struct transcript *transcript, const char *format, ...)
{
    va_list arguments;
    int count;

    va_start(arguments, format);
    count = vsnprintf(transcript->text + transcript->count,
                      sizeof transcript->text - transcript->count, format, arguments);
    va_end(arguments);
    assert_true(count >= 0 && (size_t)count < sizeof transcript->text - transcript->count);
    transcript->count += (size_t)count;
}

void note_bytes(struct transcript *transcript, const char *bytes, size_t count)
{
    uint64_t sum = 14695981039346656037u;

    for (size_t at = 0; at < count; at++) {
        const unsigned char byte = (unsigned char)bytes[at];

        sum = (sum ^ byte) * 1099511628211u;
        if (at >= 200)
            continue;
        if (byte < 0x20 || byte > 0x7e)
            note(transcript, "<%02x>", byte);
        else
            note(transcript, "%c", byte);
    }
    if (count > 200)
        note(transcript, "...%zu:%llx", count, (unsigned long long)sum);
}

void read_in_pieces(const struct reader *reader, const char *bytes, size_t count, size_t first,
                    size_t step, struct transcript *transcript)
{
    void *state;
    size_t at = 0;
    bool going = true;

    transcript->count = 0;
    transcript->text[0] = '\0';
    state = reader->begin(transcript);
    while (going && at < count) {
        const size_t wanted = at == 0 ? first : step;
        const size_t taken = wanted < count - at ? wanted : count - at;
        char *piece = malloc(taken ? taken : 1);

        assert_non_null(piece);
        memcpy(piece, bytes + at, taken);
        going = reader->feed(state, piece, taken);
        free(piece);
        at += taken;
    }
    reader->end(state);
}

void assert_reads_as(const struct reader *reader, const char *name, const char *bytes, size_t count,
                     const char *expected)
{
    static struct transcript whole;
    static struct transcript pieces;
    const size_t stride = count <= SPLIT_EVERYWHERE_BYTES ? 1 : count / 61 + 1;

    read_in_pieces(reader, bytes, count, count, count, &whole);
    if (expected && strcmp(whole.text, expected) != 0)
        fail_msg("%s: reads as\n%s\nexpected\n%s", name, whole.text, expected);
    read_in_pieces(reader, bytes, count, 1, 1, &pieces);
    if (strcmp(whole.text, pieces.text) != 0)
        fail_msg("%s: byte by byte it reads as\n%s\nwhole as\n%s", name, pieces.text, whole.text);
    for (size_t at = 1; at < count; at += stride) {
        read_in_pieces(reader, bytes, count, at, count, &pieces);
        if (strcmp(whole.text, pieces.text) != 0)
            fail_msg("%s: split at %zu it reads as\n%s\nwhole as\n%s", name, at, pieces.text,
                     whole.text);
    }
}

void assert_all_read(const struct reader *reader, const struct reading *rows, size_t count)
{
    for (size_t at = 0; at < count; at++)
        assert_reads_as(reader, rows[at].name, rows[at].bytes, rows[at].count, rows[at].expected);
}
