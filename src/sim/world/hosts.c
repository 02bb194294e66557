/* hosts.c - the names of hosts that the world's resolver knows, as scenes tell them. */
#include "sim/world/hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int hark_sim_add_name(struct hark_sim *in, const char *text, const char *address)
{
    unsigned char ip[sizeof(struct in6_addr)];
    size_t length = strlen(text) + 1;
    if (inet_pton(strchr(address, ':') ? AF_INET6 : AF_INET, address, ip) != 1)
        return -EINVAL;
    struct host *name = memory_own(sizeof *name + length + strlen(address) + 1);
    memcpy(name->bytes, text, length);
    memcpy(name->bytes + length, address, strlen(address) + 1);
    name->text = name->bytes;
    name->address = name->bytes + length;
    struct host **last = &in->hosts;
    while (*last)
        last = &(*last)->next;
    *last = name;
    return 0;
}

void hosts_done(struct hark_sim *ended)
{
    while (ended->hosts) {
        struct host *name = ended->hosts;
        ended->hosts = name->next;
        memory_own_free(name);
    }
}
