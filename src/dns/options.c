/* options.c - a resolver's options as c-ares wants them. */
#include "dns/dns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLISECOND_NS 1000000ull

enum { DOMAINS_MAX = 32, SERVERS_MAX = 32, NDOTS_MAX = 15, TRIES = 2, TRIES_MAX = 10 };

static const uint64_t timeout_default_ns = 5000 * MILLISECOND_NS;
static const uint64_t timeout_most_ns = 1800 * 1000 * MILLISECOND_NS; /* doubled TRIES_MAX times */

/* What the texts of the options are taken apart into. */
struct words {
    char *text;
    char *at[DOMAINS_MAX];
    int count;
};

static int split(struct words *words, const char *text, const char *between)
{
    char *rest, *word;
    words->count = 0;
    words->text = strdup(text);
    if (!words->text)
        return -ENOMEM;
    for (word = strtok_r(words->text, between, &rest); word;
         word = strtok_r(NULL, between, &rest)) {
        if (words->count == DOMAINS_MAX)
            return -EINVAL;
        words->at[words->count++] = word;
    }
    return 0;
}

/* --- servers --- */

/* Reads an address with a port, or without one, in brackets or not: "::1" has none. */
static int parse_server(const char *text, struct hark_address *out_address)
{
    static const char *const around[][2] = {{"", ""}, {"", ":53"}, {"[", "]:53"}};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        char whole[HARK_ADDRESS_TEXT_MAX];
        int length = snprintf(whole, sizeof whole, "%s%s%s", around[i][0], text, around[i][1]);
        if (length < (int)sizeof whole && whole[0] != ':' && whole[0] != '*' &&
            hark_address_parse(whole, out_address) == 0)
            return 0;
    }
    return -EINVAL;
}

static int set_server(struct ares_addr_port_node *node, const char *text)
{
    struct hark_address address;
    if (parse_server(text, &address) < 0)
        return -EINVAL;
    node->family = address.name.any.sa_family;
    if (node->family == AF_INET)
        node->addr.addr4 = address.name.ip4.sin_addr;
    else if (node->family == AF_INET6 && address.name.ip6.sin6_scope_id == 0)
        memcpy(&node->addr.addr6, &address.name.ip6.sin6_addr, sizeof node->addr.addr6);
    else
        return -EINVAL; /* c-ares has no place for a scope */
    node->udp_port = node->tcp_port =
        ntohs(node->family == AF_INET ? address.name.ip4.sin_port : address.name.ip6.sin6_port);
    return node->udp_port ? 0 : -EINVAL;
}

static int set_servers(struct hark_dns *dns, const char *text)
{
    struct ares_addr_port_node nodes[SERVERS_MAX] = {{.next = NULL}};
    struct words words;
    int error = split(&words, text, ", ");
    if (words.count == 0)
        error = error ? error : -EINVAL;
    for (int i = 0; i < words.count && !error; i++) {
        error = set_server(&nodes[i], words.at[i]);
        if (i > 0)
            nodes[i - 1].next = &nodes[i];
    }
    free(words.text);
    if (!error && ares_set_servers_ports(dns->channel, nodes) != ARES_SUCCESS)
        error = -ENOMEM;
    return error;
}

/* --- the rest --- */

/* What has come of the options and of resolv.conf. */
static int note_search(struct hark_dns *dns)
{
    struct ares_options is;
    int mask;
    if (ares_save_options(dns->channel, &is, &mask) != ARES_SUCCESS)
        return -ENOMEM;
    dns->ndots = (unsigned)is.ndots;
    dns->has_domains = is.ndomains > 0;
    ares_destroy_options(&is);
    return 0;
}

static int open_channel(struct hark_dns *dns, const struct hark_dns_options *options,
                        struct words *domains)
{
    char lookups[] = "b", no_file[] = "/dev/null";
    const uint64_t timeout_ns = options->timeout_ns ? options->timeout_ns : timeout_default_ns;
    const uint64_t timeout_ms = timeout_ns / MILLISECOND_NS + (timeout_ns % MILLISECOND_NS != 0);
    const bool has_file = !options->resolv_conf || *options->resolv_conf;
    struct ares_options wanted = {
        .flags = ARES_FLAG_NOALIASES, /* a file that would be read for each name */
        .timeout = (int)timeout_ms,
        .tries = options->tries ? (int)options->tries : TRIES,
        .ndots = (int)options->ndots,
        .domains = domains->at,
        .ndomains = domains->count,
        .lookups = lookups,
        .sock_state_cb = sockets_wanted,
        .sock_state_cb_data = dns,
        .resolvconf_path = has_file ? (char *)options->resolv_conf : no_file,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
               ARES_OPT_SOCK_STATE_CB;
    mask |= options->ndots ? ARES_OPT_NDOTS : 0;
    mask |= options->domains || !has_file ? ARES_OPT_DOMAINS : 0;
    mask |= options->resolv_conf ? ARES_OPT_RESOLVCONF : 0;
    mask |= options->rotate ? ARES_OPT_ROTATE : 0;
    if (timeout_ns > timeout_most_ns || options->tries > TRIES_MAX || options->ndots > NDOTS_MAX)
        return -EINVAL;
    switch (ares_init_options(&dns->channel, &wanted, mask)) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOMEM:
        return -ENOMEM;
    default:
        return -EINVAL;
    }
}

int options_open_channel(struct hark_dns *dns, const struct hark_dns_options *options)
{
    struct words domains;
    int error = split(&domains, options->domains ? options->domains : "", ", ");
    if (!error)
        error = open_channel(dns, options, &domains);
    free(domains.text);
    if (error)
        return error;
    ares_set_socket_functions(dns->channel, &sockets_functions, dns);
    error = options->servers ? set_servers(dns, options->servers) : 0;
    if (!error)
        error = note_search(dns);
    if (error)
        ares_destroy(dns->channel);
    return error;
}
