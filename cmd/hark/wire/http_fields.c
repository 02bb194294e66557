/* http_fields.c - the head of a message, gathered line by line.
 *
 * Every byte is looked at once, as it comes, in order: what refuses a message does so at the same
 * byte, however the bytes were cut into pieces. A line ends with CR LF and nothing else ends one;
 * CR and LF stand nowhere else; no NUL, no control byte but the tab. What the lines mean is for the
 * request's and the response's parsers.
 */
#include "wire/http_fields.h"

#include "wire/block.h"

#include <errno.h>
#include <string.h>

/* Looks at the bytes that were added since the last look. */
static int examine(struct http_fields *fields, struct http_refusal *refusal)
{
    for (; fields->examined < fields->count; fields->examined++) {
        const char byte = fields->bytes[fields->examined];

        if (fields->after_cr != (byte == '\n'))
            return http_refuse_with_error(refusal, 400,
                                          fields->after_cr ? "a CR without LF in the head"
                                                           : "an LF without CR in the head");
        fields->after_cr = byte == '\r';
        if (byte != '\r' && byte != '\n' && !http_text_byte(byte))
            return http_refuse_with_error(
                refusal, 400, byte ? "a control byte in the head" : "a NUL in the head");
    }
    return 0;
}

/* How many more bytes the line that is being gathered may have. */
static size_t allowance(const struct http_fields *fields)
{
    const size_t head = HTTP_HEAD_BYTES_MAX - fields->spent - fields->count;

    if (fields->lines == 0 && HTTP_LINE_BYTES_MAX - fields->count < head)
        return HTTP_LINE_BYTES_MAX - fields->count;
    return head;
}

int http_fields_gather(struct http_fields *fields, const char *bytes, size_t count,
                       size_t *out_used, struct http_span *out_line,
                       struct http_refusal *out_refusal)
{
    const char *end = memchr(bytes, '\n', count);
    const size_t wanted = end ? (size_t)(end - bytes) + 1 : count;
    const size_t taken = wanted < allowance(fields) ? wanted : allowance(fields);

    *out_used = 0;
    if (block_reserve(&fields->bytes, &fields->room, fields->count + taken))
        return http_refuse_with_error(out_refusal, 503, "out of memory");
    memcpy(fields->bytes + fields->count, bytes, taken);
    fields->count += taken;
    *out_used = taken;
    if (examine(fields, out_refusal))
        return -EBADMSG;
    if (taken < wanted && fields->lines == 0)
        return http_refuse_with_error(out_refusal, 414, "the first line is too long");
    if (taken < wanted)
        return http_refuse_with_error(out_refusal, 431, "the head is too long");
    if (!end)
        return 0;
    out_line->bytes = fields->bytes + fields->line;
    out_line->count = fields->count - fields->line - 2;
    fields->line = fields->count;
    fields->lines++;
    return 1;
}

/* Tabs around a value become blanks, which mean the same (RFC 9110, 5.6.3): llhttp 8.1 refuses a
 * tab beside a length or a coding.
 */
static void blank_out(struct http_fields *fields, struct http_span around, struct http_span value)
{
    char *bytes = fields->bytes + (around.bytes - fields->bytes);
    const size_t start = (size_t)(value.bytes - around.bytes);

    memset(bytes, ' ', start);
    memset(bytes + start + value.count, ' ', around.count - start - value.count);
}

bool http_fields_add(struct http_fields *fields, struct http_span line,
                     struct http_refusal *out_refusal)
{
    const size_t start = (size_t)(line.bytes - fields->bytes);
    struct http_field *field = &fields->field[fields->fields];
    struct http_span around;
    struct http_span value;
    size_t name = 0;

    while (name < line.count && http_token_byte(line.bytes[name]))
        name++;
    if (name == line.count || line.bytes[name] != ':') {
        const bool blank =
            name < line.count && (line.bytes[name] == ' ' || line.bytes[name] == '\t');

        return http_refuse(out_refusal, 400,
                           !blank      ? "a header without a colon or with a bad name"
                           : name == 0 ? "a header line that begins with a blank"
                                       : "a blank in or after a header's name");
    }
    if (name == 0)
        return http_refuse(out_refusal, 400, "a header without a name");
    if (fields->fields == HTTP_HEADERS_MAX)
        return http_refuse(out_refusal, 431, "too many headers");
    around = (struct http_span){line.bytes + name + 1, line.count - name - 1};
    value = http_span_trim(around);
    blank_out(fields, around, value);
    field->name = (uint16_t)start;
    field->name_count = (uint16_t)name;
    field->value = (uint16_t)(value.bytes - fields->bytes);
    field->value_count = (uint16_t)value.count;
    fields->fields++;
    return true;
}

struct http_span http_fields_name(const struct http_fields *fields, unsigned index)
{
    return (struct http_span){fields->bytes + fields->field[index].name,
                              fields->field[index].name_count};
}

struct http_span http_fields_value(const struct http_fields *fields, unsigned index)
{
    return (struct http_span){fields->bytes + fields->field[index].value,
                              fields->field[index].value_count};
}

unsigned http_fields_find(const struct http_fields *fields, const char *name,
                          struct http_span *out_first)
{
    unsigned found = 0;

    for (unsigned index = 0; index < fields->fields; index++) {
        if (!http_span_is(http_fields_name(fields, index), name))
            continue;
        if (found++ == 0)
            *out_first = http_fields_value(fields, index);
    }
    return found;
}

void http_fields_terminate(struct http_fields *fields)
{
    for (unsigned index = 0; index < fields->fields; index++)
        fields->bytes[fields->field[index].value + fields->field[index].value_count] = '\0';
}

const char *http_fields_text(const struct http_fields *fields, const char *name)
{
    struct http_span value;

    return http_fields_find(fields, name, &value) ? value.bytes : NULL;
}

void http_fields_reset(struct http_fields *fields, size_t spent)
{
    fields->count = 0;
    fields->line = 0;
    fields->examined = 0;
    fields->spent = spent;
    fields->lines = 0;
    fields->fields = 0;
    fields->after_cr = false;
}
