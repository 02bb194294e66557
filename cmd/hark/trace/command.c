/* command.c - the command line of `hark trace`, and what it says at its end. */
#include "trace/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "options/value.h"
#include "trace/attached.h"
#include "trace/collection.h"
#include "trace/directory.h"
#include "trace/program.h"
#include "trace/session.h"

enum { SLOWEST_DEFAULT = 5 };
static const uint64_t kernel_bytes_min = 64 << 10, kernel_bytes_max = 1 << 30;

struct trace_options {
    struct trace_collection_options collection;
    uint64_t for_ns;
    const char *keep;
    const char *read;
    uint64_t pid; /* 0: none */
};

/* --- options --- */

static const char *set_for(void *target, const char *value)
{
    return value_duration(value, &((struct trace_options *)target)->for_ns);
}

static const char *set_op(void *target, const char *value)
{
    struct trace_options *options = target;
    char name[32];
    for (const char *at = value;; at++) {
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        int kind = trace_op_kind_of(name);
        if (kind < 0 || length >= sizeof name)
            return strchr(value, ',') ? "names what is no kind of op, such as recv, read or sleep"
                                      : "is no kind of op, such as recv, read or sleep";
        options->collection.kinds |= trace_op_kind_bit(kind);
        at += length;
        if (!*at)
            return NULL;
    }
}

static const char *set_slower_than(void *target, const char *value)
{
    return value_duration(value, &((struct trace_options *)target)->collection.slower_than_ns);
}

static const char *set_slowest(void *target, const char *value)
{
    uint64_t count;
    const char *wrong = value_count(value, &count);
    if (!wrong && count > TRACE_STORY_MAX)
        wrong = "is more than 100";
    if (!wrong)
        ((struct trace_options *)target)->collection.slowest = (size_t)count;
    return wrong;
}

static const char *set_events(void *target, const char *value)
{
    uint64_t count;
    const char *wrong = value_count(value, &count);
    if (!wrong && (count < TRACE_EVENTS_MIN || count > TRACE_EVENTS_MAX))
        wrong = "is not from 64 to 67108864";
    if (!wrong)
        ((struct trace_options *)target)->collection.events = (uint32_t)count;
    return wrong;
}

static const char *set_kernel_buffer(void *target, const char *value)
{
    uint64_t bytes;
    const char *wrong = value_bytes(value, &bytes);
    if (!wrong && (bytes < kernel_bytes_min || bytes > kernel_bytes_max))
        wrong = "is not from 64K to 1G";
    if (!wrong)
        ((struct trace_options *)target)->collection.kernel_bytes = bytes;
    return wrong;
}

static const char *set_output(void *target, const char *value)
{
    ((struct trace_options *)target)->collection.output = value;
    return NULL;
}

static const char *set_html(void *target, const char *value)
{
    ((struct trace_options *)target)->collection.html = value;
    return NULL;
}

static const char *set_keep(void *target, const char *value)
{
    ((struct trace_options *)target)->keep = value;
    return NULL;
}

static const char *set_read(void *target, const char *value)
{
    ((struct trace_options *)target)->read = value;
    return NULL;
}

static const char *set_pid(void *target, const char *value)
{
    uint64_t pid;
    const char *wrong = value_count(value, &pid);
    if (!wrong && (pid == 0 || pid > INT32_MAX))
        wrong = "is no number of a process";
    if (!wrong)
        ((struct trace_options *)target)->pid = pid;
    return wrong;
}

static const struct option_row rows[] = {
    {"for", 0, "TIME",
     "end after this time (5s, 200ms): COMMAND is sent SIGTERM, and how it\n"
     "ends is not traced",
     set_for},
    {"op", 0, "KIND,...", "ops of these kinds alone: recv, send, read, ...; may be given again",
     set_op},
    {"slower-than", 0, "TIME", "stories and picture: ops alone that took as long as this (1ms)",
     set_slower_than},
    {"slowest", 0, "N", "tell the story of so many of the slowest ops (5); 0: of none",
     set_slowest},
    {"output", 0, "FILE.json",
     "a picture for ui.perfetto.dev: a track for each loop and each\n"
     "thread of its pool, arrows from request to callback",
     set_output},
    {"html", 0, "FILE.html",
     "a page for a browser, all in one file: the seven stages as lanes, the\n"
     "slowest ops and their stories",
     set_html},
    {"pid", 0, "PID",
     "trace a process that runs already, instead of running something;\n"
     "it ends with --for, or with ^C",
     set_pid},
    {"events", 0, "N", "each loop's ring has so many events of 32 bytes (262144)", set_events},
    {"kernel-buffer", 0, "SIZE",
     "as root: the kernel keeps so many bytes for each CPU, twice (4M, less\n"
     "where memory is short or CPUs are many)",
     set_kernel_buffer},
    {"keep", 0, "DIR", "keep what was recorded in this directory", set_keep},
    {"read", 0, "DIR", "read what was kept, instead of running something", set_read},
};

const struct options_command trace_options = {
    .name = "trace",
    .usage = "[OPTION]... -- COMMAND [ARG]... | --pid PID [OPTION]...",
    .about =
        "Runs COMMAND and shows where the time of its requests went: through which stages each of\n"
        "them came, and how long each stage was. COMMAND is any program that uses libhark, hark\n"
        "itself among them; its children are traced too.\n"
        "\n"
        "The way of a request has seven stages, and the table has how long it was between them:\n"
        "  1 run       the loop runs a callback, or sleeps\n"
        "  2 request   the callback asks for something: to read, to receive, to be woken\n"
        "  3 delegate  the loop hands that to the kernel, or to a thread of its pool\n"
        "  4 perform   the device or the thread does it; nobody waits for it\n"
        "  5 return    it is done\n"
        "  6 notify    the loop wakes, and has the result\n"
        "  7 handle    the callback that waits for the result is called, and returns\n"
        "2>3 is long where callbacks are long, or calls block; 3>6 where the disk, the peer or "
        "the\n"
        "pool is slow; 3>4 where the pool is full; 6>7 where others have their turn before; 7 "
        "where\n"
        "the callback itself is slow.\n",
    .after = "The exit code is COMMAND's; 128 and the signal's number if one killed it; 127 there "
             "is no\n"
             "such program; 126 it cannot be run.\n"
             "\n"
             "Examples:\n"
             "  hark trace --for 5s -- hark serve        where a server spends its time\n"
             "  hark trace --op read -- ./copy a b       the reads of a program\n"
             "  hark trace --output t.json -- ./copy a b   a picture; open it in ui.perfetto.dev\n"
             "  hark trace --pid 4242 --for 5s           a server that is slow now\n"
             "  hark trace --html t.html -- ./copy a b   a page for a browser\n"
             "  hark trace --keep DIR -- ./copy a b && hark trace --read DIR --op read\n",
    .rows = rows,
    .count = sizeof rows / sizeof *rows,
};

/* --- running a program --- */

struct run {
    struct trace_options *options;
    struct trace_directory directory;
    struct trace_program program;
    struct trace_collection collection;
};

static bool find_rings(void *context, bool last)
{
    struct run *run = context;
    int error = trace_rings_look(&run->collection.rings, run->directory.path, last);
    if (error && last)
        say("trace: cannot read %s: %s", run->directory.path, why(error));
    return true;
}

static void say_nothing_came(const struct run *run, const char *program)
{
    if (!run->collection.rings.found)
        say("trace: %s has made no loop that records: it is no program of hark, or one with an "
            "older libhark in it, or it was started without the environment (sudo, env -i)",
            program);
    else if (run->options->collection.kinds)
        say("trace: nothing of the kinds of --op was asked for and ended while it was traced");
    else
        say("trace: its loops have ended no op while they were traced");
}

/* Gives: the exit code so far. */
static int report(const struct run *run, const char *program, int error)
{
    fflush(stdout);
    if (trace_collection_print(&run->collection, stdout) == 0)
        say_nothing_came(run, program);
    if (run->directory.path[0] && !run->directory.temporary)
        printf("\nKept in %s: hark trace --read %s\n", run->directory.path, run->directory.path);
    return error ? EXIT_REFUSED : EXIT_DONE;
}

static int code_of(const struct run *run, const struct trace_session *session, int code)
{
    if (!run->program.ended)
        return EXIT_REFUSED;
    bool as_asked = session->stopped && run->program.signal == SIGTERM;
    int own = as_asked ? 0 : run->program.code;
    return own ? own : code;
}

static int follow(struct run *run, const char *program)
{
    struct trace_session session = {
        .collection = &run->collection,
        .program = &run->program,
        .round = find_rings,
        .context = run,
        .for_ns = run->options->for_ns,
    };
    int error = trace_session_run(&session);
    if (error && !run->program.ended)
        say("trace: cannot go on: %s", why(error));
    return code_of(run, &session, report(run, program, error));
}

static int run_program(struct trace_options *options, char **argv)
{
    struct run run = {.options = options};
    sigset_t former;
    int code = EXIT_REFUSED;
    if (trace_directory_make(&run.directory, options->keep) == 0 &&
        trace_collection_open(&run.collection, &options->collection) == 0) {
        run.collection.rings.only_reader = run.directory.temporary;
        trace_session_block(&former);
        trace_collection_ask_kernel(&run.collection, getpid());
        code = trace_program_start(&run.program, argv, run.directory.path,
                                   options->collection.events, &former);
        if (code == 0)
            code = follow(&run, argv[0]);
    }
    trace_collection_done(&run.collection);
    trace_directory_remove(&run.directory);
    return code;
}

/* --- a process that runs already --- */

struct attached_run {
    struct run run;
    struct trace_attached attached;
    struct trace_session session;
    bool said_begun;
};

/* Until then nothing of it is seen, so whoever wants to see something waits for this line. */
static void say_begun(struct attached_run *all)
{
    unsigned pid = (unsigned)all->run.options->pid, loops = all->attached.loops;
    uint64_t begun = trace_attached_begun(&all->attached);
    const char *end = all->session.for_ns ? "" : "; ^C ends it";
    if (begun == 0 || all->said_begun)
        return;
    all->said_begun = true;
    if (begun < loops)
        say("trace: process %u records, in %u of its %u loops; each other begins when it wakes%s",
            pid, (unsigned)begun, loops, end);
    else
        say("trace: process %u records%s", pid, end);
}

static bool find_rings_of_process(void *context, bool last)
{
    struct attached_run *all = context;
    bool goes_on = trace_attached_round(&all->attached, last);
    all->session.is_hurried = trace_attached_begun(&all->attached) < all->attached.loops;
    if (goes_on && !last)
        say_begun(all);
    return goes_on;
}

/* A loop begins when it wakes, and is not woken for that. */
static void say_who_slept(const struct trace_attached *attached)
{
    uint64_t begun = trace_attached_begun(attached);
    if (attached->refused)
        say("trace: a loop could not record: %s", attached->refused == -EALREADY
                                                      ? "it does so already, by itself"
                                                      : hark_error_text(attached->refused));
    else if (attached->gone && begun == 0)
        say("trace: the process has ended before anything of it was seen");
    else if (begun < attached->loops)
        say("trace: %u of its %u loops slept all the time: there is nothing of them",
            attached->loops - (unsigned)begun, attached->loops);
}

static int trace_process(struct trace_options *options)
{
    struct attached_run all = {.run.options = options};
    all.session = (struct trace_session){
        .collection = &all.run.collection,
        .round = find_rings_of_process,
        .context = &all,
        .for_ns = options->for_ns,
    };
    sigset_t former;
    int code = EXIT_REFUSED;
    trace_session_block(&former);
    int error = trace_collection_open(&all.run.collection, &options->collection);
    if (!error) {
        trace_collection_ask_kernel(&all.run.collection, (pid_t)options->pid);
        error = trace_attached_begin(&all.attached, (pid_t)options->pid,
                                     options->collection.events ? options->collection.events
                                                                : TRACE_EVENTS_DEFAULT,
                                     &all.run.collection.rings);
    }
    if (!error) {
        error = trace_session_run(&all.session);
        code = error ? EXIT_REFUSED : EXIT_DONE;
        fflush(stdout);
        say_who_slept(&all.attached);
        if (trace_collection_print(&all.run.collection, stdout) == 0 &&
            all.run.collection.rings.found)
            say_nothing_came(&all.run, "it");
    }
    trace_collection_done(&all.run.collection);
    return code;
}

/* --- reading what was kept --- */

static int read_kept(struct trace_options *options)
{
    struct run run = {.options = options};
    int code = EXIT_REFUSED;
    if (trace_collection_open(&run.collection, &options->collection) == 0) {
        int error = trace_rings_look(&run.collection.rings, options->read, true);
        if (error)
            say("trace: cannot read %s: %s", options->read, why(error));
        else if (!run.collection.rings.found && !run.collection.rings.refused)
            say("trace: there is no trace in %s", options->read);
        else if ((error = trace_collection_ask_simulated(&run.collection, options->read)) == 0 ||
                 error == -ENOENT)
            code = report(&run, options->read, trace_collection_end(&run.collection));
        if (code == EXIT_DONE && run.collection.rings.refused)
            code = EXIT_REFUSED;
    }
    trace_collection_done(&run.collection);
    return code;
}

/* --- the whole --- */

/* Where the COMMAND stands in argv; argc: it is not there. */
static int find_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0)
            return i + 1;
    return argc;
}

static int wrong(const char *what)
{
    say("trace: %s (try: hark trace --help)", what);
    return EXIT_USAGE;
}

int trace_run(int argc, char **argv)
{
    struct trace_options options = {
        .collection = {.slowest = SLOWEST_DEFAULT},
    };
    struct options_found found;
    int code;
    int command = find_command(argc, argv);
    int own = command < argc ? command - 1 : argc;
    if (!options_parse(&trace_options, NULL, own, argv, &options, &found, &code))
        return code;
    if (options.read && (command < argc || options.keep || options.for_ns || options.pid))
        return wrong("--read takes no COMMAND, --pid, --keep or --for");
    if (options.pid && (command < argc || options.keep))
        return wrong("--pid takes no COMMAND or --keep");
    if (options.read)
        return read_kept(&options);
    if (options.pid)
        return trace_process(&options);
    if (command >= argc)
        return wrong("needs -- and a COMMAND");
    return run_program(&options, argv + command);
}
