/* story.c - which ops are the slowest, and what became of each. */
#include "trace/story.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "trace/text.h"

/* --- the slowest --- */

static uint64_t slowness(const struct trace_slowest *slowest, const struct trace_op *op)
{
    uint64_t all = trace_op_span(op, TRACE_SPAN_ALL);
    return slowest->by_whole_time && all != TRACE_OP_UNKNOWN ? all : trace_op_slowness(op);
}

static void drop_last(struct trace_slowest *slowest)
{
    trace_op_done(&slowest->ops[--slowest->count]);
}

bool trace_slowest_takes(const struct trace_slowest *slowest, const struct trace_op *op)
{
    if (slowest->count < slowest->wanted)
        return true;
    return slowest->wanted > 0 &&
           slowness(slowest, &slowest->ops[slowest->count - 1]) < slowness(slowest, op);
}

void trace_slowest_offer(struct trace_slowest *slowest, const struct trace_op *op)
{
    uint64_t own = slowness(slowest, op);
    size_t at = slowest->count;
    struct trace_op copy;
    while (at > 0 && slowness(slowest, &slowest->ops[at - 1]) < own)
        at--;
    if (at == slowest->wanted || trace_op_copy(op, &copy) < 0)
        return;
    if (slowest->count == slowest->wanted)
        drop_last(slowest);
    memmove(&slowest->ops[at + 1], &slowest->ops[at],
            (slowest->count - at) * sizeof slowest->ops[0]);
    slowest->ops[at] = copy;
    slowest->count++;
}

void trace_slowest_done(struct trace_slowest *slowest)
{
    while (slowest->count > 0)
        drop_last(slowest);
}

/* --- a story --- */

/* What the lines of a story count from. */
static uint64_t beginning_of(const struct trace_op *op)
{
    if (op->request_ns)
        return op->request_ns;
    if (op->returned_ns)
        return op->returned_ns;
    return op->call_ns;
}

/* "+12.3", in microseconds. */
static void print_stage(const struct trace_op *op, FILE *file, const char *stage, const char *who,
                        uint64_t at_ns, uint64_t duration_ns, const char *format, ...)
    __attribute__((format(printf, 7, 8)));

static void print_stage(const struct trace_op *op, FILE *file, const char *stage, const char *who,
                        uint64_t at_ns, uint64_t duration_ns, const char *format, ...)
{
    char at[TRACE_TEXT_MAX] = "-", text[TRACE_TEXT_MAX];
    va_list arguments;
    if (at_ns)
        snprintf(at, sizeof at, "%+.1f", ((double)at_ns - (double)beginning_of(op)) / 1000);
    fprintf(file, "  %-10s %-14s %12s %8s  ", stage, who, at,
            trace_text_duration(text, duration_ns));
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputc('\n', file);
}

static void print_facts(const struct trace_op *op, FILE *file, int stage)
{
    for (const struct trace_fact *fact = op->facts; fact; fact = fact->next) {
        if (fact->stage != stage)
            continue;
        char cpu[TRACE_TEXT_MAX] = "";
        if (fact->cpu >= 0)
            snprintf(cpu, sizeof cpu, "CPU %d", fact->cpu);
        print_stage(op, file, "", cpu, fact->time_ns, TRACE_OP_UNKNOWN, "%s: %s%s", fact->what,
                    fact->text, fact->guess ? " (a guess)" : "");
    }
}

static void print_chain(const struct trace_op *op, FILE *file)
{
    char text[TRACE_TEXT_MAX];
    if (op->ancestors[0].id == 0)
        return;
    fputs("  asked for by the callback of ", file);
    for (size_t i = 0; i < TRACE_ANCESTORS && op->ancestors[i].id != 0; i++)
        fprintf(file, "%s%s", i == 0 ? "" : ", which that of ",
                trace_text_op(text, op->ancestors[i].kind, op->ancestors[i].fd));
    fputs("\n", file);
}

static uint64_t length(uint64_t from_ns, uint64_t until_ns)
{
    return from_ns && until_ns >= from_ns ? until_ns - from_ns : TRACE_OP_UNKNOWN;
}

static void print_request(const struct trace_op *op, FILE *file)
{
    char text[TRACE_TEXT_MAX];
    if (op->ancestors[0].id)
        print_stage(op, file, "1 run", "loop", 0, TRACE_OP_UNKNOWN, "runs, in the callback of %s",
                    trace_text_op(text, op->ancestors[0].kind, op->ancestors[0].fd));
    else
        print_stage(op, file, "1 run", "loop", 0, TRACE_OP_UNKNOWN, "no callback was running");
    if (op->flags & TRACE_OP_UNSEEN)
        print_stage(op, file, "2 request", "program", 0, TRACE_OP_UNKNOWN,
                    "before the trace began");
    else if (op->flags & TRACE_OP_AGAIN)
        print_stage(op, file, "2 request", "program", op->request_ns, TRACE_OP_UNKNOWN,
                    "repeats: it goes on behind its last callback");
    else
        print_stage(op, file, "2 request", "program", op->request_ns,
                    trace_op_span(op, TRACE_SPAN_ASKED), "asked for");
}

/* A defer, say: nobody else has had it. What was refused or cancelled has an error. */
static bool is_loops_own(const struct trace_op *op)
{
    return !op->delegated_ns && !op->returned_ns && op->result >= 0;
}

static void print_delegate(const struct trace_op *op, FILE *file)
{
    const char *how = is_loops_own(op) ? "to nobody: the loop does it itself" : "not seen";
    uint64_t until_ns = op->performed_ns ? op->performed_ns : op->returned_ns;
    if (op->flags & TRACE_OP_POOL)
        how = "into the queue of the work pool";
    else if (op->flags & TRACE_OP_QUEUED)
        how = "with the kernel: submitted with the loop's wait";
    else if (op->fetch_ns > op->delegated_ns)
        how = "waits for its descriptor";
    else if (op->delegated_ns)
        how = "out of the program's hands";
    print_stage(op, file, "3 delegate", "loop", op->delegated_ns,
                length(op->delegated_ns, until_ns), "%s", how);
    print_facts(op, file, 3);
}

static void print_perform(const struct trace_op *op, FILE *file)
{
    char who[TRACE_TEXT_MAX];
    if (op->kind == HARK_OP_SLEEP || op->kind == HARK_OP_EVERY) {
        print_stage(op, file, "4 perform", "clock", 0, TRACE_OP_UNKNOWN, "time passes");
        print_stage(op, file, "5 return", "clock", 0, TRACE_OP_UNKNOWN, "it is time");
        return;
    }
    if (is_loops_own(op)) {
        print_stage(op, file, "4 perform", "loop", 0, TRACE_OP_UNKNOWN, "there is nothing to do");
        print_stage(op, file, "5 return", "loop", 0, TRACE_OP_UNKNOWN, "and nothing comes back");
        return;
    }
    if (op->thread)
        snprintf(who, sizeof who, "thread %u", op->thread);
    else
        snprintf(who, sizeof who, "%s", op->facts ? "kernel" : "-");
    if (op->performed_ns)
        print_stage(op, file, "4 perform", who, op->performed_ns,
                    trace_op_span(op, TRACE_SPAN_PERFORM), "%s",
                    op->thread ? "a thread of the pool makes the call" : "begins");
    else
        print_stage(op, file, "4 perform", who, 0, TRACE_OP_UNKNOWN,
                    "not seen from the program: the kernel's");
    print_facts(op, file, 4);
    print_stage(op, file, "5 return", who, op->done_ns, trace_op_span(op, TRACE_SPAN_BACK), "%s",
                op->done_ns ? "done" : "not seen");
    print_facts(op, file, 5);
}

/* The call that brought the result, where the loop has made it itself. */
static void print_fetch(const struct trace_op *op, FILE *file)
{
    char text[TRACE_TEXT_MAX];
    if (op->fetch_ns == 0 || op->fetched_ns != op->returned_ns)
        return;
    if (op->fetch_ns <= op->delegated_ns)
        print_stage(op, file, "", "loop", op->fetch_ns, op->fetched_ns - op->fetch_ns,
                    "its call, made at once and without waiting");
    else if (op->woke_ns && op->woke_ns <= op->fetch_ns)
        print_stage(op, file, "", "loop", op->fetch_ns, op->fetched_ns - op->fetch_ns,
                    "its call, %s after the wait reported the descriptor",
                    trace_text_duration(text, op->fetch_ns - op->woke_ns));
    else
        print_stage(op, file, "", "loop", op->fetch_ns, op->fetched_ns - op->fetch_ns,
                    "its call, made anew");
}

static void print_handle(const struct trace_op *op, FILE *file)
{
    char text[TRACE_TEXT_MAX];
    print_fetch(op, file);
    if (op->woke_ns && op->returned_ns)
        print_stage(op, file, "6 notify", "loop", op->returned_ns,
                    trace_op_span(op, TRACE_SPAN_READY), "has the result; it woke %s before",
                    trace_text_duration(text, op->returned_ns - op->woke_ns));
    else
        print_stage(op, file, "6 notify", "loop", op->returned_ns,
                    trace_op_span(op, TRACE_SPAN_READY), "%s",
                    op->returned_ns    ? "has the result"
                    : is_loops_own(op) ? "its turn has come"
                                       : "did not come back: refused or cancelled");
    print_facts(op, file, 6);
    print_stage(op, file, "7 handle", "program", op->call_ns,
                trace_op_span(op, TRACE_SPAN_CALLBACK), "its callback, with %s",
                trace_text_result(text, op));
}

void trace_story_print(const struct trace_op *op, FILE *file)
{
    char name[TRACE_TEXT_MAX], all[TRACE_TEXT_MAX];
    trace_text_duration(all, trace_op_span(op, TRACE_SPAN_ALL));
    fprintf(file, "%s: %s  (%s, pid %u, loop %u on %s)\n", trace_text_op(name, op->kind, op->fd),
            all, op->loop->process[0] ? op->loop->process : "a process", op->loop->pid,
            op->loop->number, trace_text_backend(op->loop->backend));
    print_chain(op, file);
    fprintf(file, "  %-10s %-14s %12s %8s  what\n", "stage", "who", "at us", "for");
    print_request(op, file);
    print_delegate(op, file);
    print_perform(op, file);
    print_handle(op, file);
}
