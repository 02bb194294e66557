/* resolving.c - see the header. */
#include "dns/resolving.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t patience_ns = 1800ull * 1000000000;

void resolving_begin(struct hark_loop *loop, struct resolving *resolving,
                     const struct hark_dns_options *options)
{
    struct hark_dns_options all = options ? *options : (struct hark_dns_options){0};
    *resolving = (struct resolving){.loop = loop};
    name_server_start(loop, &resolving->server);
    all.servers = all.servers ? all.servers : resolving->server.text;
    all.domains = all.domains || all.resolv_conf ? all.domains : "";
    all.resolv_conf = all.resolv_conf ? all.resolv_conf : "";
    all.hosts_file = all.hosts_file ? all.hosts_file : "";
    all.timeout_ns = all.timeout_ns ? all.timeout_ns : patience_ns;
    assert_result(hark_dns_create(loop, &all, &resolving->dns), 0);
}

void resolving_end(struct resolving *resolving)
{
    hark_dns_destroy(resolving->dns);
    name_server_end(resolving->loop, &resolving->server);
    harness_run(resolving->loop);
    assert_int_equal(hark_loop_active(resolving->loop), 0);
    assert_int_equal(resolving->server.peers.open, 0);
}

static void found(struct hark_lookup *lookup, int error)
{
    struct asking *asking = hark_container_of(lookup, struct asking, lookup);
    assert_false(asking->ended);
    asking->ended = true;
    asking->error = error;
    assert_true(error == 0 ? lookup->addresses && lookup->count > 0
                           : !lookup->addresses && lookup->count == 0);
}

void asking_start(struct resolving *resolving, struct asking *asking, const char *host,
                  const char *service, int family, unsigned flags)
{
    asking->ended = false;
    hark_dns_lookup(resolving->dns, &asking->lookup, host, service, family, flags, found);
    assert_false(asking->ended);
}

int asking_wait(struct resolving *resolving, struct asking *asking, const char *host, int family)
{
    asking_start(resolving, asking, host, "80", family, 0);
    harness_run_until(resolving->loop, &asking->ended);
    return asking->error;
}

void asking_found(struct asking *asking, const char *texts)
{
    char is[HARK_ADDRESS_TEXT_MAX];
    size_t words = 0;
    assert_true(asking->ended);
    assert_result(asking->error, 0);
    for (const char *at = texts; *at; at++)
        words += at == texts || at[-1] == ' ';
    assert_int_equal(asking->lookup.count, words);
    for (size_t i = 0; i < asking->lookup.count; i++) {
        hark_address_format(&asking->lookup.addresses[i], is, sizeof is);
        if (!strstr(texts, is))
            fail_msg("%s was found, not %s", is, texts);
    }
    asking_done(asking);
}

void asking_done(struct asking *asking)
{
    free(asking->lookup.addresses);
    asking->lookup.addresses = NULL;
}

void resolving_await_question(struct resolving *resolving, const char *name)
{
    while (strcmp(resolving->server.last, name) != 0)
        assert_int_equal(hark_run_once(resolving->loop), 1);
}
