/* test_dns_dnsmasq.c - libhark-dns asks a name server that others wrote: dnsmasq, as a process of
 * its own over loopback. Skipped where it is not installed. */
#include "dns/resolving.h"
#include "net/witness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOT = 60, MANY = 1000, FIXED = 16, PORTS = 20, OUTPUT_ROOM = 1 << 20 };

struct dnsmasq {
    struct witness said; /* what it says on its standard error */
    int pidfd;
    struct harness_op wait;
    siginfo_t end;
    char server[32];
};

static bool says(const struct dnsmasq *dnsmasq, const char *text)
{
    return dnsmasq->said.count > 0 &&
           memmem(dnsmasq->said.bytes, dnsmasq->said.count, text, strlen(text));
}

static unsigned free_port(struct hark_loop *loop)
{
    struct hark_address address;
    int fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_int_equal(hark_os_bind(loop, fd, &address), 0);
    assert_int_equal(hark_os_getsockname(loop, fd, &address), 0);
    assert_int_equal(hark_os_close(loop, fd), 0);
    return ntohs(address.name.ip4.sin_port);
}

static int spawn(unsigned port, int error)
{
    char port_option[16], records[LOT][48];
    const char *arguments[FIXED + LOT] = {"/usr/sbin/dnsmasq",
                                          "--keep-in-foreground",
                                          "--conf-file=/dev/null",
                                          "--no-resolv",
                                          "--no-hosts",
                                          "--bind-interfaces",
                                          "--listen-address=127.0.0.1",
                                          "--pid-file=",
                                          "--log-facility=-",
                                          "--user=root",
                                          "--local=/test/",
                                          "--host-record=both.test,127.0.0.1,::1",
                                          "--cname=chain.test,both.test",
                                          "--address=/wild.test/10.0.0.1",
                                          port_option};
    size_t count = FIXED - 1;
    snprintf(port_option, sizeof port_option, "--port=%u", port);
    for (unsigned i = 0; i < LOT; i++) {
        snprintf(records[i], sizeof records[i], "--host-record=many.test,10.0.1.%u", i);
        arguments[count++] = records[i];
    }
    struct hark_child_descriptor own[] = {{error, 1}, {error, 2}};
    struct hark_child_options options = {.program = arguments[0],
                                         .arguments = arguments,
                                         .descriptors = own,
                                         .descriptor_count = 2,
                                         .death_signal = SIGKILL};
    return hark_os_spawn(&options, NULL);
}

static void dnsmasq_wait(struct hark_loop *loop, struct dnsmasq *dnsmasq)
{
    hark_waitid(loop, &dnsmasq->wait.op, dnsmasq->pidfd, &dnsmasq->end, harness_done);
    assert_result(harness_wait(loop, &dnsmasq->wait), 0);
    witness_close(loop, &dnsmasq->said);
    harness_close(loop, dnsmasq->pidfd);
    free(dnsmasq->said.bytes);
}

/* Gives: whether it runs; the port may have become another's. */
static bool dnsmasq_try(struct hark_loop *loop, struct dnsmasq *dnsmasq)
{
    unsigned port = free_port(loop);
    int pipe[2];
    *dnsmasq = (struct dnsmasq){.pidfd = -1};
    harness_pipe(pipe, 0);
    snprintf(dnsmasq->server, sizeof dnsmasq->server, "127.0.0.1:%u", port);
    dnsmasq->pidfd = spawn(port, pipe[1]);
    close(pipe[1]);
    if (dnsmasq->pidfd == -ENOENT) {
        close(pipe[0]);
        harness_skip("dnsmasq is not installed");
    }
    assert_true(dnsmasq->pidfd >= 0);
    assert_result(
        hark_stream_open_pair(loop, &dnsmasq->said.stream, pipe[0], -1, NULL, &witness_events), 0);
    witness_collect(&dnsmasq->said, OUTPUT_ROOM);
    witness_read_start(&dnsmasq->said);
    while (!says(dnsmasq, "started, version") && !dnsmasq->said.ended)
        assert_true(hark_run_once(loop) >= 0);
    if (!dnsmasq->said.ended)
        return true;
    fprintf(stderr, "%.*s", (int)dnsmasq->said.count, dnsmasq->said.bytes);
    dnsmasq_wait(loop, dnsmasq);
    return false;
}

static void dnsmasq_start(struct hark_loop *loop, struct dnsmasq *dnsmasq)
{
    int tries = 0;
    if (geteuid() != 0)
        harness_skip("dnsmasq keeps its user only as root");
    while (!dnsmasq_try(loop, dnsmasq))
        assert_true(++tries < PORTS);
}

static void dnsmasq_stop(struct hark_loop *loop, struct dnsmasq *dnsmasq)
{
    assert_result(hark_os_kill(dnsmasq->pidfd, SIGTERM), 0);
    dnsmasq_wait(loop, dnsmasq);
}

BACKEND_TEST(dns_of_dnsmasq_is_found_by_udp_and_tcp_and_by_its_other_names)
{
    static const struct {
        const char *name;
        int family, error;
        const char *texts; /* NULL: as many as there are */
    } cases[] = {
        {"both.test", AF_UNSPEC, 0, "127.0.0.1:80 [::1]:80"},
        {"chain.test", AF_UNSPEC, 0, "127.0.0.1:80 [::1]:80"},
        {"any.wild.test", AF_UNSPEC, 0, "10.0.0.1:80"},
        {"any.wild.test", AF_INET6, HARK_LOOKUP_NOT_FOUND, NULL},
        {"nobody.test", AF_UNSPEC, HARK_LOOKUP_NOT_FOUND, NULL},
        {"many.test", AF_INET, 0, NULL},
        {"nobody.example", AF_INET, HARK_LOOKUP_AGAIN, NULL}, /* REFUSED: it has no server above */
    };
    struct dnsmasq dnsmasq;
    struct resolving resolving;
    dnsmasq_start(loop, &dnsmasq);
    resolving_begin(loop, &resolving, &(struct hark_dns_options){.servers = dnsmasq.server});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asking asking = {0};
        int error = asking_wait(&resolving, &asking, cases[i].name, cases[i].family);
        if (error != cases[i].error)
            fail_msg("%s: %s", cases[i].name, hark_error_name(error));
        if (cases[i].texts)
            asking_found(&asking, cases[i].texts);
        else if (!error)
            assert_int_equal(asking.lookup.count, LOT);
        asking_done(&asking);
    }
    dnsmasq_stop(loop, &dnsmasq);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_of_dnsmasq_is_found_for_a_thousand_names_at_once)
{
    static struct asking askings[MANY];
    struct dnsmasq dnsmasq;
    struct resolving resolving;
    memset(askings, 0, sizeof askings);
    dnsmasq_start(loop, &dnsmasq);
    resolving_begin(
        loop, &resolving,
        &(struct hark_dns_options){.servers = dnsmasq.server, .timeout_ns = 5000000000});
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.wild.test", i);
        asking_start(&resolving, &askings[i], name, "80", AF_UNSPEC, 0);
    }
    for (int i = 0; i < MANY; i++) {
        harness_run_until(loop, &askings[i].ended);
        asking_found(&askings[i], "10.0.0.1:80");
    }
    dnsmasq_stop(loop, &dnsmasq);
    resolving_end(&resolving);
}
