/* hark_stream_connect_name with a resolver of the program's own: what it gives early, what it gives
 * late, and that it is given up. It says what the test says, and when. */
#include "net/witness.h"

struct scripted {
    struct hark_resolver resolver;
    struct hark_loop *loop;
    struct hark_lookup *lookup; /* NULL: nobody asks */
    hark_lookup_done *done;
    hark_lookup_early *early;
    struct hark_op step; /* whose call says something */
    struct hark_address addresses[2];
    size_t count;
    int error;
    bool cancelled, has_said;
};

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_lookup *lookup = hark_container_of(op, struct hark_lookup, op);
    struct scripted *scripted = lookup->context;
    scripted->lookup = NULL;
    if (result < 0) {
        scripted->cancelled = true;
        scripted->error = (int)result;
    }
    lookup->addresses = NULL;
    lookup->count = 0;
    if (!scripted->error) {
        lookup->count = scripted->count;
        lookup->addresses = malloc(sizeof scripted->addresses);
        assert_non_null(lookup->addresses);
        memcpy(lookup->addresses, scripted->addresses, sizeof scripted->addresses);
    }
    scripted->done(lookup, scripted->error);
}

static void start(const struct hark_resolver *resolver, struct hark_loop *loop,
                  struct hark_lookup *lookup, const char *host, const char *service, int family,
                  unsigned flags, hark_lookup_done *done, hark_lookup_early *early)
{
    struct scripted *scripted = (struct scripted *)(void *)(uintptr_t)resolver;
    assert_string_equal(host, "somebody");
    assert_string_equal(service, "80");
    assert_int_equal(family, AF_UNSPEC);
    assert_int_equal(flags, 0);
    assert_null(scripted->lookup);
    scripted->loop = loop;
    scripted->lookup = lookup;
    scripted->done = done;
    scripted->early = early;
    lookup->context = scripted;
    hark_sleep_until(loop, &lookup->op, HARK_NEVER, ended);
}

static void says_early(struct hark_op *op, int64_t result)
{
    struct scripted *scripted = hark_container_of(op, struct scripted, step);
    assert_int_equal(result, 0);
    scripted->early(scripted->lookup, scripted->addresses, scripted->count);
    scripted->has_said = true;
}

/* From hark_run, as resolvers do. */
static void tell_early(struct scripted *scripted, size_t count)
{
    scripted->count = count;
    hark_defer(scripted->loop, &scripted->step, says_early);
    scripted->has_said = false;
    harness_run_until(scripted->loop, &scripted->has_said);
}

static void tell(struct scripted *scripted, size_t count, int error)
{
    scripted->count = count;
    scripted->error = error;
    assert_result(hark_sleep_move(&scripted->lookup->op, 0), 0);
}

static void ask(struct hark_loop *loop, struct scripted *scripted, struct witness *client)
{
    *scripted = (struct scripted){.resolver = {.version = HARK_RESOLVER_VERSION, .start = start}};
    const struct hark_stream_name name = {.host = "somebody",
                                          .service = "80",
                                          .attempt_delay_ns = 10000000,
                                          .resolver = &scripted->resolver};
    assert_result(
        CALL(hark_stream_connect_name(loop, &client->stream, &name, NULL, &witness_events)), 0);
    assert_false(client->connected);
    assert_non_null(scripted->lookup);
}

static struct hark_address refusing(struct hark_loop *loop)
{
    struct hark_address address;
    close(harness_listen(loop, &address));
    return address;
}

static in_port_t peer_port(struct hark_loop *loop, struct witness *client)
{
    struct hark_address peer;
    assert_int_equal(hark_os_getpeername(loop, hark_stream_fd(&client->stream), &peer), 0);
    return peer.name.ip4.sin_port;
}

BACKEND_TEST(stream_name_connects_to_what_comes_early_and_gives_the_rest_up)
{
    struct witness client = {0};
    struct scripted scripted;
    ask(loop, &scripted, &client);
    int listener = harness_listen(loop, &scripted.addresses[0]);
    tell_early(&scripted, 1);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(peer_port(loop, &client), scripted.addresses[0].name.ip4.sin_port);
    while (scripted.lookup)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(scripted.cancelled);
    witness_close(loop, &client);
    close(listener);
}

BACKEND_TEST(stream_name_goes_on_with_what_comes_late_when_all_that_came_early_refuse)
{
    struct witness client = {0};
    struct scripted scripted;
    ask(loop, &scripted, &client);
    scripted.addresses[0] = refusing(loop);
    int listener = harness_listen(loop, &scripted.addresses[1]);
    tell_early(&scripted, 1);
    struct harness_op pause = {.context = NULL}; /* it is refused meanwhile, or not yet */
    hark_sleep(loop, &pause.op, 200000000, harness_done);
    harness_wait(loop, &pause);
    assert_false(client.connected);
    tell(&scripted, 2, 0);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(peer_port(loop, &client), scripted.addresses[1].name.ip4.sin_port);
    assert_false(scripted.cancelled);
    witness_close(loop, &client);
    close(listener);
}

BACKEND_TEST(stream_name_tells_what_its_resolver_says_or_what_came_of_the_early_ones)
{
    for (int early = 0; early < 2; early++) {
        struct witness client = {0};
        struct scripted scripted;
        ask(loop, &scripted, &client);
        scripted.addresses[0] = refusing(loop);
        if (early)
            tell_early(&scripted, 1);
        tell(&scripted, 0, HARK_LOOKUP_AGAIN);
        harness_run_until(loop, &client.connected);
        assert_result(client.connected_error, early ? -ECONNREFUSED : HARK_LOOKUP_AGAIN);
        witness_close(loop, &client);
    }
}

BACKEND_TEST(stream_name_closed_while_its_resolver_is_busy_gives_it_up)
{
    for (int turns = 0; turns < 6; turns++) {
        struct witness client = {0};
        struct scripted scripted;
        ask(loop, &scripted, &client);
        scripted.addresses[0] = refusing(loop);
        if (turns % 2)
            tell_early(&scripted, 1);
        harness_turns(loop, turns);
        assert_false(client.connected);
        witness_close(loop, &client);
        harness_run(loop);
        assert_true(scripted.cancelled);
        assert_int_equal(hark_loop_active(loop), 0);
    }
}
