/* json.c - which bytes are a message is found by jansson, a value at a time. */
#include "durable/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

struct reading {
    const char *at;
    const char *end;
};

static void skip_blanks(struct reading *reading)
{
    while (reading->at < reading->end && strchr(" \t\r\n", *reading->at) && *reading->at != '\0')
        reading->at++;
}

/* Whether that byte stands there, blanks before it; it is passed over. */
static bool take_byte(struct reading *reading, char byte)
{
    skip_blanks(reading);
    if (reading->at == reading->end || *reading->at != byte)
        return false;
    reading->at++;
    return true;
}

/* Passes over a value. Gives: 0; -EINVAL, -ENOMEM. */
static int pass_value(struct reading *reading)
{
    const size_t flags =
        JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_error_t error;
    skip_blanks(reading);
    json_t *value = json_loadb(reading->at, (size_t)(reading->end - reading->at), flags, &error);
    if (!value)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    json_decref(value);
    reading->at += error.position;
    return 0;
}

/* Copies a value; line ends are blanks there, as none stands inside of a string. */
static char *put_line(char *to, const char *from, const char *end)
{
    for (; from < end; from++)
        *to++ = *from == '\n' || *from == '\r' ? ' ' : *from;
    return to;
}

/* A value that stands alone, up to the end. */
static int64_t one_message(struct reading reading, char *to, size_t *out_count)
{
    skip_blanks(&reading);
    const char *from = reading.at;
    int error = pass_value(&reading);
    if (error != 0)
        return error;
    *out_count = (size_t)(put_line(to, from, reading.at) - to);
    skip_blanks(&reading);
    return reading.at == reading.end ? 1 : -EINVAL;
}

int64_t json_messages(const char *body, size_t count, char *to, size_t *out_count)
{
    struct reading reading = {body, body + count};
    char *end = to;
    int64_t messages = 0;
    if (!take_byte(&reading, '['))
        return one_message(reading, to, out_count);
    while (messages > 0 || !take_byte(&reading, ']')) {
        skip_blanks(&reading);
        const char *from = reading.at;
        int error = pass_value(&reading);
        if (error != 0)
            return error;
        if (messages++ > 0)
            *end++ = '\n';
        end = put_line(end, from, reading.at);
        if (take_byte(&reading, ']'))
            break;
        if (!take_byte(&reading, ','))
            return -EINVAL;
    }
    *out_count = (size_t)(end - to);
    skip_blanks(&reading);
    return reading.at == reading.end ? messages : -EINVAL;
}
