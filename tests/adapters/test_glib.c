/* test_glib.c - a hark loop inside of GLib's main loop: all of its work is done, what is started
 * from outside as well, and while it rests it is left alone. */
#include "adapters/inside.h"
#include "hark/adapters/glib.h"

#include <errno.h>

enum { ROUNDS = 100 };

struct outside {
    struct inside inside;
    GMainLoop *main_loop;
    int rounds;
    uint64_t turns;
};

static gboolean round_of_rest(gpointer context)
{
    struct outside *outside = context;
    if (outside->rounds == 0)
        outside->turns = hark_loop_metrics(outside->inside.loop)->turns;
    if (++outside->rounds < ROUNDS)
        return G_SOURCE_CONTINUE;
    inside_assert_rested(&outside->inside, outside->turns);
    g_main_loop_quit(outside->main_loop);
    return G_SOURCE_REMOVE;
}

/* In a context of the test's own, which goes with it. */
static void add(struct outside *outside, GSource *source, GSourceFunc function)
{
    g_source_set_callback(source, function, outside, NULL);
    g_source_attach(source, g_main_loop_get_context(outside->main_loop));
    g_source_unref(source);
}

static void rests(struct inside *inside)
{
    add(inside->context, g_idle_source_new(), round_of_rest);
}

/* From a callback of GLib's alone. */
static gboolean begin(gpointer context)
{
    struct outside *outside = context;
    inside_start(&outside->inside, outside->inside.loop, rests, outside);
    return G_SOURCE_REMOVE;
}

BACKEND_TEST(glib_runs_the_loop_and_leaves_it_alone_while_it_rests)
{
    static struct outside outside;
    GSource *source = hark_glib_source_new(loop);
    if (hark_loop_descriptor(loop) == -ENOTSUP) {
        assert_null(source);
        harness_skip("this backend cannot be inside of another loop");
    }
    assert_non_null(source);
    GMainContext *context = g_main_context_new();
    assert_true(g_source_attach(source, context) > 0);
    outside.inside.loop = loop;
    outside.main_loop = g_main_loop_new(context, FALSE);
    add(&outside, g_timeout_source_new(1), begin);
    g_main_loop_run(outside.main_loop);
    assert_int_equal(outside.rounds, ROUNDS);
    assert_int_equal(((struct hark_glib_source *)(void *)source)->error, 0);
    g_source_destroy(source);
    g_source_unref(source);
    g_main_loop_unref(outside.main_loop);
    g_main_context_unref(context);
    inside_done(&outside.inside);
}
