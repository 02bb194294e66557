/* child.c - one test in its process: the loop before it, and after it the checks that nothing is
 * left.
 *
 * What must hold: the list of descriptors is taken before the loop is made and compared after it is
 * destroyed, so it covers the backend's own descriptors as well.
 */
#include "harness/child.h"
#include "harness/coverage.h"
#include "harness/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void harness_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("skipped: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(NULL);
    coverage_keep();
    _exit(HARNESS_SKIPPED);
}

/* Skips with the reason that a loop of automatic choice gives for not being on io_uring. */
static void skip_refused(int error)
{
    struct hark_loop *loop = NULL;
    const char *reason = NULL;
    if (hark_loop_create(NULL, &loop) == 0)
        reason = hark_loop_refusal(loop, harness_backend());
    harness_skip("%s is refused: %s", harness_backend_name(),
                 reason ? reason : hark_error_name(error));
}

/* HARK_TEST_TINY: what a test leaves to the defaults is as small as it may be, so that queues are
 * full and pools empty all the time. */
static void make_tiny(struct hark_options *options)
{
    const char *tiny = getenv("HARK_TEST_TINY");
    if (!tiny || strcmp(tiny, "1") != 0)
        return;
    if (!options->entries)
        options->entries = 4;
    if (!options->completions)
        options->completions = options->entries;
    if (!options->buffer_count)
        options->buffer_count = 2;
}

struct hark_loop *harness_loop_create(const struct hark_options *options)
{
    struct hark_options chosen = options ? *options : (struct hark_options){0};
    struct hark_loop *loop = NULL;
    chosen.backend = harness_backend();
    make_tiny(&chosen);
    int error = hark_loop_create(&chosen, &loop);
    if (error && !harness_backend_required())
        skip_refused(error);
    if (error)
        fail_msg("hark_loop_create on %s: %s", harness_backend_name(), hark_error_name(error));
    if (chosen.backend != HARK_BACKEND_AUTO)
        assert_string_equal(hark_loop_backend(loop), harness_backend_name());
    return loop;
}

struct hark_group *harness_group_create(uint32_t loops)
{
    struct hark_group_options options = {.loop.backend = harness_backend(), .loops = loops};
    struct hark_group *group = NULL;
    assert_result(hark_group_create(&options, &group), 0);
    return group;
}

void harness_loop_destroy(struct hark_loop *loop)
{
    if (hark_loop_active(loop) != 0)
        fail_msg("%llu ops are left in flight", (unsigned long long)hark_loop_active(loop));
    assert_result(hark_loop_destroy(loop), 0);
}

/* Fails where the two lists differ, naming what is open that was not, or closed that was open. */
static void compare(const int *before, size_t before_count, const int *after, size_t after_count)
{
    char text[1024];
    size_t used = 0;
    size_t old = 0;
    size_t new = 0;
    text[0] = '\0';
    while ((old < before_count || new < after_count) && used < sizeof text - 300) {
        if (old < before_count && new < after_count && before[old] == after[new]) {
            old++;
            new ++;
        } else if (new >= after_count || (old < before_count && before[old] < after[new])) {
            used +=
                (size_t)snprintf(text + used, sizeof text - used, " %d is closed;", before[old++]);
        } else {
            char link[64];
            char target[128];
            snprintf(link, sizeof link, "/proc/self/fd/%d", after[new]);
            ssize_t length = readlink(link, target, sizeof target - 1);
            target[length > 0 ? length : 0] = '\0';
            used += (size_t)snprintf(text + used, sizeof text - used, " %d (%s) is open;",
                                     after[new ++], target);
        }
    }
    if (used > 0)
        fail_msg("descriptors differ after the test:%s", text);
}

static void run_checked(const struct harness_test *test)
{
    int *before = calloc(HARNESS_DESCRIPTORS_MAX, sizeof *before);
    int *after = calloc(HARNESS_DESCRIPTORS_MAX, sizeof *after);
    assert_true(before && after);
    size_t before_count = harness_descriptors(before, HARNESS_DESCRIPTORS_MAX);
    if (test->plain) {
        test->plain();
    } else if (test->on_backend) {
        struct hark_loop *loop = harness_loop_create(&test->options);
        test->on_backend(loop);
        harness_loop_destroy(loop);
    }
    size_t after_count = harness_descriptors(after, HARNESS_DESCRIPTORS_MAX);
    compare(before, before_count, after, after_count);
    free(before);
    free(after);
}

void harness_child_run(const struct harness_test *test)
{
    harness_skip_gap(test->name);
    if (test->in_worlds)
        harness_world_run(test, run_checked);
    else
        run_checked(test);
}
