/* http_target.c - the target of a request (RFC 9112, 3.2; RFC 3986).
 *
 * A path that this lets through has one meaning: each escape is whole, none hides a slash, a NUL or
 * a control byte, and nothing is normalised: "/a/../b" is no other name of "/b" but a path that the
 * server does not have.
 */
#include "wire/http_target.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool refuse(struct http_refusal *refusal, const char *reason)
{
    return http_refuse(refusal, 400, reason);
}

/* Letters, digits and the bytes that RFC 3986 lets stand for themselves in a part of a path,
 * besides those in `more`. */
static bool plain(char byte, const char *more)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') ||
           (byte && (strchr("-._~!$&'()*+,;=", byte) || strchr(more, byte)));
}

/* The byte that an escape stands for, or -1. Takes: what begins with the "%". */
static int escaped(struct http_span rest)
{
    int high;
    int low;

    if (rest.count < 3)
        return -1;
    high = http_hex_digit(rest.bytes[1]);
    low = http_hex_digit(rest.bytes[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool control(int byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* Where the path of a stream stands as one part of another path, its slashes are escapes: behind
 * this, which nothing else follows but such paths, they have one meaning. */
static bool has_inner_path(struct http_span path)
{
    static const char prefix[] = "/v1/stream/__ds/subscriptions/";
    return path.count >= sizeof prefix - 1 && memcmp(path.bytes, prefix, sizeof prefix - 1) == 0;
}

static bool check_path(struct http_span path, struct http_refusal *refusal)
{
    const bool inner = has_inner_path(path);
    while (path.count > 0) {
        size_t step = 1;

        if (path.bytes[0] == '%') {
            const int byte = escaped(path);

            if (byte < 0)
                return refuse(refusal, "a broken escape in the path");
            if (control(byte) || (byte == '/' && !inner))
                return refuse(refusal,
                              "an escape in the path that hides a slash or a control byte");
            step = 3;
        } else if (!plain(path.bytes[0], "/:@")) {
            return refuse(refusal, "a byte in the path that must be escaped");
        }
        path.bytes += step;
        path.count -= step;
    }
    return true;
}

/* Browsers send more bytes as they are in a query than RFC 3986 allows: any visible ASCII passes
 * here, but for "#". */
static bool check_query(struct http_span query, struct http_refusal *refusal)
{
    for (size_t at = 0; at < query.count; at++) {
        if (query.bytes[at] <= ' ' || query.bytes[at] > '~' || query.bytes[at] == '#')
            return refuse(refusal, "a byte in the query that must be escaped");
    }
    return true;
}

static bool port_valid(struct http_span port)
{
    uint64_t number;

    return port.count == 0 || (port.count <= 5 && http_decimal(port, &number) && number <= 65535);
}

bool http_host_valid(struct http_span host)
{
    const bool bracketed = host.count > 0 && host.bytes[0] == '[';
    size_t at = bracketed;
    const size_t start = at;

    while (at < host.count && host.bytes[at] != (bracketed ? ']' : ':')) {
        const bool good = bracketed ? http_hex_digit(host.bytes[at]) >= 0 ||
                                          host.bytes[at] == ':' || host.bytes[at] == '.'
                                    : plain(host.bytes[at], "");

        if (!good)
            return false;
        at++;
    }
    if (at == start)
        return false;
    if (bracketed && at++ == host.count)
        return false;
    if (at == host.count)
        return true;
    return host.bytes[at] == ':' &&
           port_valid((struct http_span){host.bytes + at + 1, host.count - at - 1});
}

/* Takes "http://host" off the front of an absolute target. */
static bool take_authority(struct http_span *bytes, struct http_target *target,
                           struct http_refusal *refusal)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t index = 0; index < sizeof schemes / sizeof schemes[0]; index++) {
        const size_t scheme = strlen(schemes[index]);
        size_t end = scheme;

        if (bytes->count < scheme || strncasecmp(bytes->bytes, schemes[index], scheme) != 0)
            continue;
        while (end < bytes->count && bytes->bytes[end] != '/' && bytes->bytes[end] != '?')
            end++;
        target->authority = (struct http_span){bytes->bytes + scheme, end - scheme};
        bytes->bytes += end;
        bytes->count -= end;
        return http_host_valid(target->authority) || refuse(refusal, "a bad host in the target");
    }
    return refuse(refusal, "a target that is no path");
}

bool http_target_read(struct http_span bytes, bool asterisk, struct http_target *out_target,
                      struct http_refusal *out_refusal)
{
    struct http_target target = {0};
    const char *mark;

    if (asterisk && bytes.count == 1 && bytes.bytes[0] == '*') {
        target.path = bytes;
        *out_target = target;
        return true;
    }
    if (bytes.count == 0 || bytes.bytes[0] != '/') {
        if (!take_authority(&bytes, &target, out_refusal))
            return false;
    }
    target.path = bytes;
    mark = memchr(bytes.bytes, '?', bytes.count);
    if (mark) {
        target.path.count = (size_t)(mark - bytes.bytes);
        target.query = (struct http_span){mark + 1, bytes.count - target.path.count - 1};
    }
    if (!check_path(target.path, out_refusal) || !check_query(target.query, out_refusal))
        return false;
    *out_target = target;
    return true;
}

size_t http_path_decode(char *bytes, size_t count)
{
    size_t from = 0;
    size_t to = 0;

    while (from < count) {
        if (bytes[from] == '%') {
            bytes[to++] = (char)escaped((struct http_span){bytes + from, count - from});
            from += 3;
        } else {
            bytes[to++] = bytes[from++];
        }
    }
    return to;
}

/* One byte of a name or value in a query, decoded; -1 if it may not be there. Moves past the
 * byte. */
static int next_byte(struct http_span *rest)
{
    int byte = (unsigned char)rest->bytes[0];
    size_t step = 1;

    if (byte == '%') {
        byte = escaped(*rest);
        step = 3;
    } else if (byte == '+') {
        byte = ' ';
    }
    if (byte < 0 || control(byte))
        return -1;
    rest->bytes += step;
    rest->count -= step;
    return byte;
}

/* Whether a pair's name, decoded, is the name; -1 if it cannot be decoded. */
static int named(struct http_span pair, const char *name)
{
    while (pair.count > 0) {
        const int byte = next_byte(&pair);

        if (byte < 0)
            return -1;
        if (*name == '\0' || byte != (unsigned char)*name)
            return 0;
        name++;
    }
    return *name == '\0';
}

static int decode_value(struct http_span value, char *text, size_t room)
{
    size_t count = 0;

    while (value.count > 0) {
        const int byte = next_byte(&value);

        if (byte < 0 || count + 1 >= room)
            return -EINVAL;
        text[count++] = (char)byte;
    }
    if (room == 0)
        return -EINVAL;
    text[count] = '\0';
    return 0;
}

/* Takes the next "name=value" off a query. */
static bool take_pair(struct http_span *query, struct http_span *out_name,
                      struct http_span *out_value)
{
    const char *end;
    const char *equals;
    struct http_span pair = *query;

    if (query->count == 0)
        return false;
    end = memchr(query->bytes, '&', query->count);
    if (end)
        pair.count = (size_t)(end - query->bytes);
    query->bytes += pair.count + !!end;
    query->count -= pair.count + !!end;
    equals = memchr(pair.bytes, '=', pair.count);
    *out_name = pair;
    *out_value = (struct http_span){pair.bytes + pair.count, 0};
    if (equals) {
        out_name->count = (size_t)(equals - pair.bytes);
        *out_value = (struct http_span){equals + 1, pair.count - out_name->count - 1};
    }
    return true;
}

int http_request_query(const struct http_request *request, const char *name, char *text,
                       size_t room)
{
    struct http_span query = {request->query, strlen(request->query)};
    struct http_span pair_name;
    struct http_span pair_value;
    struct http_span found = {NULL, 0};

    while (take_pair(&query, &pair_name, &pair_value)) {
        const int same = named(pair_name, name);

        if (same < 0 || (same && found.bytes))
            return -EINVAL;
        if (same)
            found = pair_value;
    }
    return found.bytes ? decode_value(found, text, room) : -ENOENT;
}
