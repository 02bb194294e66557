/* date.c - the time of day, written anew when its second is over. */
#include "connection/date.h"

const char *date_text(struct date *date, struct hark_loop *loop)
{
    const uint64_t second_ns = 1000000000U;
    uint64_t now_ns = hark_now(loop);
    if (now_ns >= date->until_ns) {
        uint64_t wall_ns = hark_os_wall_clock(loop);
        http_date((int64_t)(wall_ns / second_ns), date->text);
        date->until_ns = now_ns + second_ns - wall_ns % second_ns;
    }
    return date->text;
}
