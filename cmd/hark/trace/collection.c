/* collection.c - the way of the data: rings, ops, then whoever shows them. */
#include "trace/collection.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "base/say.h"
#include "trace/text.h"

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- what comes out of the ops --- */

static bool is_wanted(const struct trace_collection *collection, const struct trace_op *op)
{
    uint64_t kinds = collection->options.kinds;
    return kinds == 0 || kinds & trace_op_kind_bit(op->kind);
}

static bool is_slow(const struct trace_collection *collection, const struct trace_op *op)
{
    uint64_t all = trace_op_span(op, TRACE_SPAN_ALL);
    uint64_t own =
        collection->options.kinds && all != TRACE_OP_UNKNOWN ? all : trace_op_slowness(op);
    return own >= collection->options.slower_than_ns;
}

/* Of others nobody asks what the kernel told. */
static bool is_shown(void *context, const struct trace_op *op)
{
    const struct trace_collection *collection = context;
    if (!is_wanted(collection, op) || !is_slow(collection, op))
        return false;
    return collection->json.file ||
           (collection->html.file && !trace_html_is_full(&collection->html)) ||
           trace_slowest_takes(&collection->slowest, op);
}

static void show(struct trace_collection *collection, const struct trace_op *op)
{
    if (!is_wanted(collection, op))
        return;
    trace_table_add(&collection->table, op);
    if (!is_slow(collection, op))
        return;
    trace_slowest_offer(&collection->slowest, op);
    if (collection->json.file)
        trace_json_op(&collection->json, op);
    if (collection->html.file)
        trace_html_op(&collection->html, op);
}

static uint64_t lost_by_kernel(const struct trace_collection *collection)
{
    if (collection->simulated)
        return trace_simulated_lost(collection->simulated);
    return collection->kernel ? trace_kernel_lost(collection->kernel) : 0;
}

/* Of what is read one loop comes out after the other, the ops of each in the order in which they
 * ended: so far the kernel has told when one is joined. */
static void tell_simulated(struct trace_collection *collection, const struct trace_op *op)
{
    if (collection->joined != op->loop && trace_join_begin_again(&collection->join) == 0) {
        trace_simulated_rewind(collection->simulated);
        collection->joined = op->loop;
    }
    trace_simulated_read(collection->simulated, op->called_ns, trace_join_take, collection->join);
}

/* What the kernel knows of it is joined to a copy, and gone once that has been shown. */
static void take_ended(void *context, const struct trace_op *op)
{
    struct trace_collection *collection = context;
    if (!collection->join)
        return show(collection, op);
    if (collection->simulated)
        tell_simulated(collection, op);
    struct trace_op joined = *op;
    trace_join_op(collection->join, &joined, lost_by_kernel(collection) == 0);
    show(collection, &joined);
    trace_op_done(&joined);
}

static void take_wait(void *context, const struct trace_loop *loop, uint64_t from_ns,
                      uint64_t until_ns, uint64_t may_sleep_ns)
{
    struct trace_collection *collection = context;
    if (collection->json.file)
        trace_json_wait(&collection->json, loop, from_ns, until_ns, may_sleep_ns);
    if (collection->html.file)
        trace_html_wait(&collection->html, loop, from_ns, until_ns, may_sleep_ns);
}

/* --- pictures --- */

static int open_picture(const char *name, FILE **out_file)
{
    *out_file = fopen(name, "we");
    if (*out_file)
        return 0;
    int error = -errno;
    say("trace: cannot write %s: %s", name, why(error));
    return error;
}

static int close_picture(const char *name, FILE **file)
{
    bool failed = ferror(*file) != 0;
    int error = fclose(*file) == 0 && !failed ? 0 : -(errno ? errno : EIO);
    *file = NULL;
    if (error)
        say("trace: cannot write %s: %s", name, why(error));
    return error;
}

static int begin_pictures(struct trace_collection *collection)
{
    FILE *file;
    int error = 0;
    if (collection->options.output) {
        error = open_picture(collection->options.output, &file);
        if (!error)
            trace_json_begin(&collection->json, file);
    }
    if (!error && collection->options.html) {
        error = open_picture(collection->options.html, &file);
        if (!error)
            trace_html_begin(&collection->html, file);
    }
    return error;
}

/* Gives: the first error. */
static int end_pictures(struct trace_collection *collection)
{
    int error = 0, error_html = 0;
    if (collection->json.file) {
        trace_json_end(&collection->json);
        error = close_picture(collection->options.output, &collection->json.file);
    }
    if (collection->html.file) {
        const struct trace_html_about about = {
            .kinds = collection->options.kinds,
            .slower_than_ns = collection->options.slower_than_ns,
            .ended = collection->table.count,
            .kernel = collection->kernel_missing,
        };
        trace_html_end(&collection->html, &about);
        error_html = close_picture(collection->options.html, &collection->html.file);
    }
    return error ? error : error_html;
}

/* --- the kernel's part --- */

/* What no op has asked after for so long, no op will. */
static const uint64_t kernel_memory_ns = 10000000000;

void trace_collection_ask_kernel(struct trace_collection *collection, pid_t pid)
{
    const struct trace_join_shown shown = {.is_shown = is_shown, .context = collection};
    int error = trace_kernel_open(collection->options.kernel_bytes, &collection->kernel,
                                  &collection->kernel_missing);
    if (!error) {
        collection->kernel_missing = "it cannot be told whom to follow";
        error = trace_kernel_follow(collection->kernel, pid);
    }
    if (!error)
        error = trace_join_create(&shown, &collection->join);
    if (!error) {
        collection->kernel_missing = NULL;
        return;
    }
    trace_kernel_close(collection->kernel);
    collection->kernel = NULL;
}

int trace_collection_ask_simulated(struct trace_collection *collection, const char *directory)
{
    const struct trace_join_shown shown = {.is_shown = is_shown, .context = collection};
    int error = trace_simulated_open(directory, &collection->simulated);
    if (!error)
        error = trace_join_create(&shown, &collection->join);
    if (error && error != -ENOENT)
        say("trace: cannot read what the simulated kernel has told in %s: %s", directory,
            why(error));
    return error;
}

static void settle(struct trace_collection *collection, uint64_t until_ns)
{
    trace_ops_settle(collection->ops, until_ns);
    if (collection->join && until_ns > kernel_memory_ns && until_ns != UINT64_MAX)
        trace_join_forget(collection->join, until_ns - kernel_memory_ns);
}

/* --- reading --- */

int trace_collection_open(struct trace_collection *collection,
                          const struct trace_collection_options *options)
{
    const struct trace_ops_receiver receiver = {
        .context = collection, .ended = take_ended, .waited = take_wait};
    collection->options = *options;
    collection->slowest.wanted = options->slowest;
    collection->slowest.by_whole_time = options->kinds != 0;
    int error = trace_ops_create(&receiver, &collection->ops);
    return error ? error : begin_pictures(collection);
}

void trace_collection_round(struct trace_collection *collection)
{
    uint64_t before_ns = collection->round_ns;
    collection->round_ns = now_ns();
    if (collection->kernel)
        trace_kernel_read(collection->kernel, collection->round_ns, trace_join_take,
                          collection->join);
    trace_rings_read(&collection->rings, trace_ops_take, collection->ops);
    settle(collection, before_ns);
}

double trace_collection_fill(const struct trace_collection *collection)
{
    double fill = collection->rings.fill_most;
    double kernel = collection->kernel ? trace_kernel_fill(collection->kernel) : 0;
    return kernel > fill ? kernel : fill;
}

int trace_collection_end(struct trace_collection *collection)
{
    trace_collection_round(collection);
    settle(collection, UINT64_MAX);
    const struct trace_op *op = NULL;
    while ((op = trace_ops_next_in_flight(collection->ops, op)))
        if (is_wanted(collection, op))
            trace_table_add_in_flight(&collection->table, op);
    return end_pictures(collection);
}

void trace_collection_done(struct trace_collection *collection)
{
    (void)end_pictures(collection);
    trace_slowest_done(&collection->slowest);
    trace_table_done(&collection->table);
    trace_kernel_close(collection->kernel);
    trace_simulated_close(collection->simulated);
    trace_join_destroy(collection->join);
    trace_ops_destroy(collection->ops);
    trace_rings_done(&collection->rings);
}

/* --- printing --- */

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_loop(const struct trace_loop *loop, uint32_t events, FILE *file)
{
    char turns[TRACE_TEXT_MAX], length[TRACE_TEXT_MAX];
    uint64_t whole_ns = loop->last_ns - loop->first_ns;
    fprintf(file, "%s %u, loop %u on %s: %s, %s turns, %.1f %% asleep, %.1f %% in callbacks\n",
            loop->process[0] ? loop->process : "process", loop->pid, loop->number,
            trace_text_backend(loop->backend), trace_text_duration(length, whole_ns),
            trace_text_count(turns, loop->turns), share(loop->asleep_ns, whole_ns),
            share(loop->callbacks_ns, whole_ns));
    if (loop->lost)
        fprintf(file,
                "  %s of its events were overwritten before they were read: more room has\n"
                "  --events %u\n",
                trace_text_count(turns, loop->lost),
                events < TRACE_EVENTS_MAX / 4 ? 4 * events : TRACE_EVENTS_MAX);
}

static void print_losses(const struct trace_ops_losses *losses, FILE *file)
{
    if (losses->left_out)
        fprintf(file,
                "%" PRIu64 " ops were left out: more than %d were in flight, or memory is "
                "short\n",
                losses->left_out, TRACE_OPS_MAX);
    if (losses->forgotten)
        fprintf(file, "%" PRIu64 " ops have no end here: it was overwritten\n", losses->forgotten);
    if (losses->odd)
        fprintf(file, "%" PRIu64 " events made no sense, and were passed over\n", losses->odd);
}

static void print_kernel(const struct trace_collection *collection, FILE *file)
{
    char exact[TRACE_TEXT_MAX], no_device[TRACE_TEXT_MAX];
    if (collection->kernel_missing)
        fprintf(file, "the kernel's part, stages 4 and 5 of what it performs, is not seen: %s\n",
                collection->kernel_missing);
    if (!collection->join)
        return;
    const struct trace_join_counts *counts = trace_join_counts(collection->join);
    fprintf(file,
            "the %skernel's part: %s ops joined exactly (%s of them asked no device), %" PRIu64
            " by a guess,\n  %" PRIu64 " not or not wholly; %" PRIu64 " events lost\n",
            collection->simulated ? "simulated " : "", trace_text_count(exact, counts->exact),
            trace_text_count(no_device, counts->no_device), counts->guessed, counts->missing,
            lost_by_kernel(collection));
    if (collection->kernel && trace_kernel_lost(collection->kernel))
        fprintf(file, "  more room has --kernel-buffer %" PRIu64 "M\n",
                4 * trace_kernel_buffer(collection->kernel) >> 20);
}

uint64_t trace_collection_print(const struct trace_collection *collection, FILE *file)
{
    enum { LOOPS_TOLD = 20 };
    const uint32_t given = collection->options.events;
    const uint32_t events = given ? given : TRACE_EVENTS_DEFAULT;
    const struct trace_loop *loop;
    size_t count = 0;
    for (; (loop = trace_ops_loop(collection->ops, count)); count++)
        if (count < LOOPS_TOLD)
            print_loop(loop, events, file);
    if (count > LOOPS_TOLD)
        fprintf(file, "and %zu loops more\n", count - LOOPS_TOLD);
    print_losses(trace_ops_losses(collection->ops), file);
    if (collection->table.count == 0)
        return 0;
    print_kernel(collection, file);
    fputc('\n', file);
    trace_table_print(&collection->table, file);
    if (collection->slowest.count)
        fprintf(file, "\nThe slowest%s:\n",
                collection->options.kinds
                    ? ""
                    : " (what waits for peers, signals or timers without that wait)");
    for (size_t i = 0; i < collection->slowest.count; i++) {
        fputc('\n', file);
        trace_story_print(&collection->slowest.ops[i], file);
    }
    return collection->table.count;
}
