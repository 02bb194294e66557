/* fields.c - see the header. */
#include "durable/fields.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NUMBER_MAX ((UINT64_C(1) << 53) - 1)

bool field_is_true(const char *text)
{
    return text && strcasecmp(text, "true") == 0;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

int field_number(const char *text, uint64_t *out_value)
{
    uint64_t value = 0;
    if (!is_digit(*text) || (text[0] == '0' && text[1] != '\0'))
        return -EINVAL;
    for (; is_digit(*text); text++) {
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > NUMBER_MAX)
            return -EINVAL;
    }
    if (*text != '\0')
        return -EINVAL;
    *out_value = value;
    return 0;
}

/* Reads `digits` digits of a number from low to high. Gives: NULL: it is none of these. */
static const char *take_number(const char *text, int digits, int low, int high, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++, text++) {
        if (!is_digit(*text))
            return NULL;
        value = value * 10 + *text - '0';
    }
    *out = value;
    return value >= low && value <= high ? text : NULL;
}

static const char *take_byte(const char *text, const char *any_of)
{
    return text && *text != '\0' && strchr(any_of, *text) ? text + 1 : NULL;
}

static const char *take_part(const char *text, const char *before, int digits, int low, int high,
                             int *out)
{
    if (*before)
        text = take_byte(text, before);
    return text ? take_number(text, digits, low, high, out) : NULL;
}

/* "Z", or how far local time is ahead. Gives: its end; NULL. */
static const char *take_zone(const char *text, int64_t *out_seconds)
{
    int hours = 0, minutes = 0;
    const char sign = *text;
    *out_seconds = 0;
    const char *end = take_byte(text, "Zz");
    if (end)
        return end;
    end = take_part(text, "+-", 2, 0, 23, &hours);
    end = end ? take_part(end, ":", 2, 0, 59, &minutes) : NULL;
    *out_seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return end;
}

static const char *take_date(const char *text, struct tm *out)
{
    const char *at = take_part(text, "", 4, 1970, 2261, &out->tm_year);
    at = at ? take_part(at, "-", 2, 1, 12, &out->tm_mon) : NULL;
    at = at ? take_part(at, "-", 2, 1, 31, &out->tm_mday) : NULL;
    at = at ? take_part(at, "Tt", 2, 0, 23, &out->tm_hour) : NULL;
    at = at ? take_part(at, ":", 2, 0, 59, &out->tm_min) : NULL;
    return at ? take_part(at, ":", 2, 0, 60, &out->tm_sec) : NULL;
}

/* Takes: month: 0 to 11. */
static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month] + (month == 1 && leaps);
}

int field_time(const char *text, uint64_t *out_ns)
{
    struct tm parts = {0};
    int64_t ahead;
    uint64_t fraction = 0, digit = 100000000;
    const char *at = take_date(text, &parts);
    if (at && *at == '.') {
        if (!is_digit(*++at))
            return -EINVAL;
        for (; is_digit(*at); at++, digit /= 10)
            fraction += (uint64_t)(*at - '0') * digit;
    }
    at = at ? take_zone(at, &ahead) : NULL;
    if (!at || *at != '\0')
        return -EINVAL;
    parts.tm_year -= 1900;
    parts.tm_mon--;
    if (parts.tm_mday > days_of(parts.tm_year + 1900, parts.tm_mon))
        return -EINVAL;
    const int64_t seconds = (int64_t)timegm(&parts) - ahead;
    if (seconds < 0)
        return -EINVAL;
    *out_ns = (uint64_t)seconds * 1000000000 + fraction;
    return 0;
}
