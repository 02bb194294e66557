/* resolving.h - a resolver beside a name server of the test's, and look-ups that tell what they
 * were told. */
#ifndef DNS_RESOLVING_H
#define DNS_RESOLVING_H

#include "dns/name_server.h"
#include "hark/dns.h"

struct resolving {
    struct hark_loop *loop;
    struct name_server server;
    struct hark_dns *dns;
};

/* Takes: options: those that are zero are the test's: its server, no file, no domains, and so much
 *   patience that no question is asked twice. NULL: all of them. */
void resolving_begin(struct hark_loop *loop, struct resolving *resolving,
                     const struct hark_dns_options *options);

/* Destroys the resolver, ends the server: asserts that nothing is left. */
void resolving_end(struct resolving *resolving);

/* A look-up, zeroed. */
struct asking {
    struct hark_lookup lookup;
    bool ended;
    int error;
};

void asking_start(struct resolving *resolving, struct asking *asking, const char *host,
                  const char *service, int family, unsigned flags);

/* Looks up, and runs until it is told. Gives: its error; addresses stay until asking_done. */
int asking_wait(struct resolving *resolving, struct asking *asking, const char *host, int family);

/* Asserts what is found, in any order where there are two: "127.0.0.1:80 [::1]:80". Frees it. */
void asking_found(struct asking *asking, const char *texts);

void asking_done(struct asking *asking);

/* Runs until the server was asked for the name last. */
void resolving_await_question(struct resolving *resolving, const char *name);

#endif
