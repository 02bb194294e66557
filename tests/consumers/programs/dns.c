/* dns.c - a resolver finds this machine, whose name nobody is asked for. */
#include <hark.h>
#include <hark/dns.h>
#include <stdio.h>
#include <stdlib.h>

static void found(struct hark_lookup *lookup, int error)
{
    if (error == 0 && lookup->count == 1)
        printf("%s\n", hark_version());
    free(lookup->addresses);
}

int main(void)
{
    static const struct hark_dns_options options = {.servers = "127.0.0.1:53", .hosts_file = ""};
    static struct hark_lookup lookup;
    struct hark_loop *loop;
    struct hark_dns *dns;
    if (hark_loop_create(NULL, &loop) < 0 || hark_dns_create(loop, &options, &dns) < 0)
        return 1;
    hark_dns_lookup(dns, &lookup, "localhost", "80", AF_INET, 0, found);
    if (hark_run(loop) < 0)
        return 1;
    hark_dns_destroy(dns);
    return hark_loop_destroy(loop) < 0;
}
