/* test_probes.c - the static probes: that they are in the library, and that what a tracer counts by
 * them is what the loop has counted. */
#include "harness/harness.h"

#include "core/loop.h"
#include "core/probes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void need_probes(void)
{
#ifndef HARK_PROBES
    harness_skip("the library was built without sys/sdt.h (systemtap-sdt-dev)");
#endif
}

/* A program's output, line by line, while it runs. */
struct running {
    pid_t pid;
    FILE *lines;
};

static struct running start(const char *const *words)
{
    int ends[2];
    assert_result(pipe2(ends, O_CLOEXEC), 0);
    struct running running = {.pid = fork(), .lines = fdopen(ends[0], "r")};
    assert_true(running.pid >= 0 && running.lines);
    if (running.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execvp(words[0], (char *const *)(uintptr_t)words);
        _exit(127);
    }
    close(ends[1]);
    return running;
}

/* Gives: its exit code; 127: there is no such program. */
static int end(struct running *running)
{
    int status;
    fclose(running->lines);
    assert_int_equal(waitpid(running->pid, &status, 0), running->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* --- what the library says of them --- */

static const struct {
    const char *name;
    int arguments;
} probes[] = {
    {"loop_sleep", 2}, {"loop_wake", 1},      {"op_request", 5},   {"op_submit", 4},
    {"op_notify", 5},  {"callback_begin", 5}, {"callback_end", 5},
};
enum { PROBES_COUNT = sizeof probes / sizeof probes[0] };

static int place_of(const char *name)
{
    for (int i = 0; i < PROBES_COUNT; i++)
        if (strcmp(probes[i].name, name) == 0)
            return i;
    fail_msg("a probe that is not known: %s", name);
    return -1;
}

static int count_words(const char *text)
{
    int count = 0;
    for (const char *at = text; *at; at++)
        count += *at != ' ' && *at != '\n' && (at == text || at[-1] == ' ');
    return count;
}

/* Gives: how many of the probes are in a file, each with its number of arguments. */
static int count_in(const char *path)
{
    char line[512], name[64] = "";
    bool seen[PROBES_COUNT] = {0}, ours = false;
    int count = 0;
    struct running readelf = start((const char *[]){"readelf", "-nW", path, NULL});
    while (fgets(line, sizeof line, readelf.lines)) {
        if (strstr(line, "Provider:"))
            ours = !!strstr(line, "Provider: hark\n");
        (void)sscanf(line, " Name: %63s", name);
        const char *arguments = strstr(line, "Arguments:");
        if (!ours || !arguments)
            continue;
        int place = place_of(name);
        count += !seen[place];
        seen[place] = true;
        assert_int_equal(count_words(arguments + strlen("Arguments:")), probes[place].arguments);
    }
    if (end(&readelf) == 127)
        harness_skip("there is no readelf");
    return count;
}

TEST(probes_are_in_the_library_and_in_what_is_linked_with_it)
{
    char path[4096];
    need_probes();
    snprintf(path, sizeof path, "%s/src/libhark.so", getenv("HARK_BUILD"));
    assert_int_equal(count_in(path), PROBES_COUNT);
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(length > 0);
    path[length] = '\0';
    assert_int_equal(count_in(path), PROBES_COUNT);
}

/* --- what a tracer counts --- */

static struct running trace(void)
{
    char path[4096], script[16384], pid[16];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(length > 0);
    path[length] = '\0';
    snprintf(pid, sizeof pid, "%d", getpid());
    snprintf(script, sizeof script,
             "usdt:%s:hark:op_request { @request[arg0, arg2] = count(); }"
             "usdt:%s:hark:callback_begin { @begin[arg0, arg2] = count(); }"
             "usdt:%s:hark:callback_end { @end[arg0, arg2] = count(); }"
             "interval:ms:10 { printf(\"attached\\n\"); }",
             path, path, path);
    return start((const char *[]){"bpftrace", "-B", "line", "-p", pid, "-e", script, NULL});
}

/* What it prints comes once all is attached. */
static void await_attached(struct running *tracer)
{
    char line[512], last[512] = "it says nothing";
    while (fgets(line, sizeof line, tracer->lines)) {
        if (strcmp(line, "attached\n") == 0)
            return;
        line[strcspn(line, "\n")] = '\0';
        memcpy(last, line, sizeof last);
    }
    int code = end(tracer);
    if (code == 127)
        harness_skip("there is no bpftrace");
    harness_skip("bpftrace cannot trace here: %s", last);
}

static void again(struct harness_op *self, int64_t result)
{
    int *left = self->context;
    (void)result;
    if (--*left <= 0)
        return;
    harness_op_again(self);
    if (*left % 3)
        hark_nop(self->op.loop, &self->op, harness_done);
    else
        hark_sleep(self->op.loop, &self->op, 1000, harness_done);
}

struct counts {
    uint64_t request[HARK_OP_KINDS], begin[HARK_OP_KINDS], end[HARK_OP_KINDS];
};

/* "@request[3, 12]: 2000" */
static void read_counts(struct running *tracer, unsigned loop, struct counts *out_counts)
{
    char line[512], name[16];
    unsigned number, kind;
    unsigned long long count;
    while (fgets(line, sizeof line, tracer->lines)) {
        if (sscanf(line, "@%15[a-z][%u, %u]: %llu", name, &number, &kind, &count) != 4 ||
            number != loop)
            continue;
        assert_true(kind < HARK_OP_KINDS);
        uint64_t *counts = out_counts->end;
        if (strcmp(name, "request") == 0)
            counts = out_counts->request;
        else if (strcmp(name, "begin") == 0)
            counts = out_counts->begin;
        counts[kind] = count;
    }
}

BACKEND_TEST(what_a_tracer_counts_is_what_the_metrics_say)
{
    struct harness_op ops[8] = {0}, every = {0};
    struct counts counts = {0};
    int left = 3000;
    need_probes();
    if (geteuid() != 0)
        harness_skip("only root may trace");
    struct running tracer = trace();
    await_attached(&tracer);
    assert_true(probes_wanted());
    struct hark_loop *traced = harness_loop_create(NULL);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        ops[i] = (struct harness_op){.then = again, .context = &left};
        hark_nop(traced, &ops[i].op, harness_done);
    }
    unsigned number = (unsigned)(hark_op_id(&ops[0].op) >> 40);
    hark_every(traced, &every.op, 100000, harness_done);
    while (left > 0)
        assert_result(hark_run_once(traced), 1);
    hark_cancel(&every.op);
    harness_run(traced);
    const struct hark_metrics *metrics = hark_loop_metrics(traced);
    kill(tracer.pid, SIGINT);
    read_counts(&tracer, number, &counts);
    (void)end(&tracer);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        assert_int_equal(counts.request[kind], metrics->requested[kind]);
        assert_int_equal(counts.begin[kind], metrics->handled[kind] + metrics->repeated[kind]);
        assert_int_equal(counts.end[kind], counts.begin[kind]);
    }
    assert_true(metrics->requested[HARK_OP_NOP] > 1000);
    harness_loop_destroy(traced);
    harness_run(loop);
}

/* A loop that was there before goes on with it in its next turn, and ends when nobody looks. */
BACKEND_TEST(a_loop_has_a_recorder_while_somebody_looks)
{
#ifdef HARK_PROBES
    struct harness_op nop = {0};
    assert_null(loop->recorder);
    probes_attached++; /* as the kernel does */
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    assert_non_null(loop->recorder);
    assert_null(hark_loop_trace(loop));
    assert_result(hark_trace_start(loop, NULL), 0);
    hark_trace_stop(loop);
    assert_non_null(loop->recorder);
    probes_attached--;
    harness_op_again(&nop);
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    assert_null(loop->recorder);
#else
    (void)loop;
    need_probes();
#endif
}
