/* http_chunks.c - the framing of a chunked body (RFC 9112, 7.1), byte by byte but for the data,
 * which is stepped over.
 *
 * It goes ahead of llhttp over the same bytes and refuses what llhttp or others are lenient with: a
 * line that ends with anything but CR LF, blanks around a size, sizes past any limit. Extensions
 * and trailers are checked and dropped.
 */
#include "wire/http_chunks.h"

#include <errno.h>

enum step {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    END,
};

enum { DIGITS_MAX = 16 };

void http_chunks_init(struct http_chunks *chunks, uint64_t allowed)
{
    *chunks = (struct http_chunks){.allowed = allowed, .step = SIZE};
}

static int take_size(struct http_chunks *chunks, char byte, struct http_refusal *refusal)
{
    const int digit = http_hex_digit(byte);

    if (digit >= 0) {
        if (++chunks->digits > DIGITS_MAX)
            return http_refuse_with_error(refusal, 400, "a chunk size with too many digits");
        chunks->size = chunks->size << 4 | (unsigned)digit;
        return 0;
    }
    if (chunks->digits == 0)
        return http_refuse_with_error(refusal, 400, "a chunk without a size");
    if (byte != '\r' && byte != ';')
        return http_refuse_with_error(refusal, 400, "a chunk size that is no number");
    if (chunks->size > chunks->allowed)
        return http_refuse_with_error(refusal, 413, "the body is too long");
    if (chunks->allowed != UINT64_MAX)
        chunks->allowed -= chunks->size;
    chunks->step = byte == ';' ? EXTENSION : SIZE_LF;
    return 0;
}

static int take_extension(struct http_chunks *chunks, char byte, struct http_refusal *refusal)
{
    if (byte == '\r') {
        chunks->step = SIZE_LF;
        return 0;
    }
    if (!http_text_byte(byte))
        return http_refuse_with_error(refusal, 400, "a control byte in a chunk extension");
    if (++chunks->extensions > HTTP_EXTENSION_BYTES_MAX)
        return http_refuse_with_error(refusal, 400, "too long chunk extensions");
    return 0;
}

static int take_trailer(struct http_chunks *chunks, char byte, struct http_refusal *refusal)
{
    if (++chunks->trailers > HTTP_HEAD_BYTES_MAX)
        return http_refuse_with_error(refusal, 431, "the trailers are too long");
    if (chunks->step == TRAILER_VALUE) {
        if (byte == '\r')
            chunks->step = TRAILER_LF;
        else if (!http_text_byte(byte))
            return http_refuse_with_error(refusal, 400, "a control byte in a trailer");
        return 0;
    }
    if (chunks->step == TRAILER_START && byte == '\r') {
        chunks->step = LAST_LF;
        return 0;
    }
    if (chunks->step == TRAILER_NAME && byte == ':') {
        chunks->step = TRAILER_VALUE;
        return 0;
    }
    if (!http_token_byte(byte))
        return http_refuse_with_error(refusal, 400, "a bad trailer");
    chunks->step = TRAILER_NAME;
    return 0;
}

/* The second half of a line's end, after which comes `next`. */
static int take_lf(struct http_chunks *chunks, char byte, enum step next,
                   struct http_refusal *refusal)
{
    if (byte != '\n')
        return http_refuse_with_error(refusal, 400, "a CR without LF in a chunked body");
    chunks->step = next;
    return 0;
}

static int take(struct http_chunks *chunks, char byte, struct http_refusal *refusal)
{
    switch ((enum step)chunks->step) {
    case SIZE:
        return take_size(chunks, byte, refusal);
    case EXTENSION:
        return take_extension(chunks, byte, refusal);
    case SIZE_LF:
        return take_lf(chunks, byte, chunks->size ? DATA : TRAILER_START, refusal);
    case DATA_CR:
        if (byte != '\r')
            return http_refuse_with_error(refusal, 400, "a chunk that is longer than its size");
        chunks->step = DATA_LF;
        return 0;
    case DATA_LF:
        chunks->digits = 0;
        return take_lf(chunks, byte, SIZE, refusal);
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return take_trailer(chunks, byte, refusal);
    case TRAILER_LF:
        return take_lf(chunks, byte, TRAILER_START, refusal);
    case LAST_LF:
        return take_lf(chunks, byte, END, refusal);
    case DATA:
    case END:
        break;
    }
    return 0;
}

int http_chunks_scan(struct http_chunks *chunks, const char *bytes, size_t count, size_t *out_used,
                     struct http_refusal *out_refusal)
{
    size_t at = 0;
    int error = 0;

    while (at < count && chunks->step != END && error == 0) {
        if (chunks->step == DATA) {
            const size_t piece = chunks->size < count - at ? (size_t)chunks->size : count - at;

            at += piece;
            chunks->size -= piece;
            if (chunks->size == 0)
                chunks->step = DATA_CR;
        } else {
            error = take(chunks, bytes[at], out_refusal);
            at++;
        }
    }
    *out_used = at;
    return error ? error : chunks->step == END;
}
