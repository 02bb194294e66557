/* 23_dns.c - looks many names up at once, and prints their addresses.
 *
 * Shows: libhark-dns asks name servers from the loop itself: no thread waits for any of the names.
 * Each has a deadline of its own; what is still asked for when its time is over is given up.
 *
 * Try:   ./23_dns localhost example.org example.com
 *        ./23_dns -s 127.0.0.1:5353 some.name      another server than the system's
 */
#include "hark.h"
#include "hark/dns.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

struct asking {
    struct hark_lookup lookup;
    const char *name;
};

static int code; /* of the program's end */

static void found(struct hark_lookup *lookup, int error)
{
    struct asking *asking = hark_container_of(lookup, struct asking, lookup);
    char text[HARK_ADDRESS_TEXT_MAX];

    if (error) {
        fprintf(stderr, "23_dns: %s: %s\n", asking->name, hark_error_text(error));
        code = 1;
    }
    for (size_t i = 0; i < lookup->count; i++)
        printf("%s %s\n", asking->name,
               hark_address_format(&lookup->addresses[i], text, sizeof text));
    free(lookup->addresses);
}

static int look_up_all(struct hark_loop *loop, const struct hark_dns_options *options, int count,
                       char **names)
{
    struct hark_dns *dns;
    struct asking *askings = calloc((size_t)count, sizeof *askings);
    int error = askings ? hark_dns_create(loop, options, &dns) : -ENOMEM;

    if (error < 0) {
        free(askings);
        return error;
    }
    for (int i = 0; i < count; i++) {
        askings[i].name = names[i];
        hark_dns_lookup(dns, &askings[i].lookup, names[i], "80", AF_UNSPEC, 0, found);
        hark_op_deadline(&askings[i].lookup.op, hark_os_clock(loop) + 10 * SECOND);
    }
    error = hark_run(loop); /* returns when all have ended: the resolver itself keeps no loop */
    hark_dns_destroy(dns);
    free(askings);
    return error;
}

int main(int count, char **arguments)
{
    struct hark_dns_options options = {0};
    struct hark_loop *loop;
    int first = 1, error;

    if (count > 3 && strcmp(arguments[1], "-s") == 0) {
        options.servers = arguments[2];
        first = 3;
    }
    if (count <= first) {
        fprintf(stderr, "usage: 23_dns [-s SERVERS] NAME...\n");
        return 2;
    }
    if ((error = hark_loop_create(NULL, &loop)) < 0) {
        fprintf(stderr, "23_dns: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    error = look_up_all(loop, &options, count - first, arguments + first);
    if (error < 0) {
        fprintf(stderr, "23_dns: %s\n", hark_error_text(error));
        code = 1;
    }
    hark_loop_destroy(loop);
    return code;
}
