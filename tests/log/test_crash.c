/* test_crash.c - the log's process dies: killed at every turn of the loop, and at moments that
 * nobody chose. What was answered is there afterwards, once and in order, and ids are never given
 * twice. Then the gentler end: every op of some turn is cancelled.
 */
#include "log/fixture.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

FILES_IN_MEMORY

enum { ATTEMPTS_MAX = 1 << 20, EVENT_BYTES = 40 };

/* One event as the writer tried it; in memory that the killed process shares with the one that
 * checks. */
struct attempt {
    _Atomic uint64_t id; /* 0: not answered */
    char stream;
};

struct shared {
    _Atomic int begun;    /* attempts made; each event's text is its number */
    _Atomic int answered; /* of those */
    _Atomic int deleted;  /* attempts before the last deletion of "b" that was answered; -1 none */
    _Atomic int deleting; /* and of the last that was asked for */
    _Atomic bool opened;
    _Atomic bool finished;
    struct attempt attempts[ATTEMPTS_MAX];
};

static struct shared *share(void)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    shared->deleted = shared->deleting = -1;
    return shared;
}

/* --- the writer --- */

struct writing {
    struct log_append request;
    struct shared *shared;
    int number;
    char text[EVENT_BYTES];
    bool ended;
    int64_t result;
};

static void wrote(struct log_append *request, int64_t result)
{
    struct writing *writing = hark_container_of(request, struct writing, request);
    writing->ended = true;
    writing->result = result;
    if (result > 0) {
        writing->shared->attempts[writing->number].id = (uint64_t)result;
        writing->shared->answered++;
    }
}

static void write_event(struct log *log, struct shared *shared, struct writing *writing,
                        char stream)
{
    static char names[2][2] = {"a", "b"};
    int number = shared->begun++;
    assert_true(number < ATTEMPTS_MAX);
    shared->attempts[number].stream = stream;
    *writing = (struct writing){.shared = shared, .number = number};
    snprintf(writing->text, sizeof writing->text, "%d", number);
    writing->request.name = names[stream - 'a'];
    writing->request.name_length = 1;
    writing->request.bytes = writing->text;
    writing->request.length = EVENT_BYTES; /* its end is zeros */
    writing->request.done = wrote;
    log_append(log, &writing->request);
}

/* --- the check --- */

/* Reads all of a stream: events are attempts, in order, each once; none of those is missing that
 * must be there. */
static void check_stream(struct hark_loop *loop, struct log *log, const struct shared *shared,
                         char stream, int from)
{
    char name[2] = {stream, '\0'};
    struct history history = {0};
    static bool there[ATTEMPTS_MAX];
    memset(there, 0, sizeof there);
    if (find(log, name))
        history = read_from(loop, log, name, LOG_START);
    assert_int_equal(history.gaps, 0);
    int before = -1;
    for (size_t i = 0; i < history.count; i++) {
        int number = atoi((const char *)history.seen[i].bytes);
        assert_int_equal(history.seen[i].length, EVENT_BYTES);
        assert_true(number > before && number < shared->begun && number >= from);
        assert_int_equal(shared->attempts[number].stream, stream);
        uint64_t id = shared->attempts[number].id;
        assert_true(id == 0 || id == history.seen[i].id);
        assert_true(i == 0 || history.seen[i].id > history.seen[i - 1].id);
        there[number] = true;
        before = number;
    }
    int must_from = stream == 'b' && shared->deleting > from ? shared->deleting : from;
    for (int number = must_from; number < shared->begun; number++)
        if (shared->attempts[number].stream == stream && shared->attempts[number].id != 0)
            assert_true(there[number]);
    history_free(&history);
}

/* No id was given to two events, and each life gave greater ones than those before it. */
static void check_ids(const struct shared *shared)
{
    uint64_t last = 0;
    for (int number = 0; number < shared->begun; number++) {
        uint64_t id = shared->attempts[number].id;
        assert_true(id == 0 || id > last);
        last = id == 0 ? last : id;
    }
}

static void check(struct hark_loop *loop, const char *path, const struct shared *shared)
{
    struct log *log = open_log(loop, path, NULL);
    check_stream(loop, log, shared, 'a', 0);
    check_stream(loop, log, shared, 'b', shared->deleted < 0 ? 0 : shared->deleted);
    check_ids(shared);
    assert_int_equal(log_statistics(log)->damaged, 0);
    close_log(loop, log);
}

static struct hark_loop *loop_of_child(void)
{
    struct hark_options options = {.backend = harness_backend()};
    struct hark_loop *loop = NULL;
    if (hark_loop_create(&options, &loop) != 0)
        _exit(4);
    return loop;
}

/* In a process of its own: this one stays without threads, since it forks again. */
static void check_in_child(const char *path, const struct shared *shared)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        check(loop_of_child(), path, shared);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- killed at every turn --- */

static const struct log_options tiny_segments = {.segment_bytes = 4096, .table_bytes = 2000};

static int turns_left;

/* Runs until the flag is set; dies at its turn. */
static void run_or_die(struct hark_loop *loop, const bool *flag)
{
    while (!*flag) {
        if (turns_left-- == 0)
            raise(SIGKILL);
        if (hark_run_once(loop) < 0)
            _exit(2);
    }
}

static void delete_b(struct hark_loop *loop, struct log *log, struct shared *shared)
{
    struct append gone;
    int before = shared->begun;
    shared->deleting = before;
    change_start(log, &gone, (struct log_append){.kind = LOG_DELETE, .name = "b"});
    run_or_die(loop, &gone.ended);
    if (gone.result > 0)
        shared->deleted = before;
}

/* One life: opens what is there, makes some segments, deletes a stream, closes. */
static void live(struct hark_loop *loop, const char *path, struct shared *shared)
{
    static struct writing writings[64];
    struct opening opening = {0};
    struct closing closing = {0};
    log_open(loop, path, &tiny_segments, opening_ended, &opening);
    run_or_die(loop, &opening.ended);
    if (opening.result != 0)
        _exit(3);
    shared->opened = true;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 12; i++)
            write_event(opening.log, shared, &writings[i], i % 4 == 3 ? 'b' : 'a');
        run_or_die(loop, &writings[11].ended);
        if (round == 2)
            delete_b(loop, opening.log, shared);
    }
    log_close(opening.log, closing_ended, &closing);
    run_or_die(loop, &closing.ended);
    shared->finished = true;
}

static void live_in_child(const char *path, struct shared *shared, int turns)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        turns_left = turns;
        live(loop_of_child(), path, shared);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
}

static void forget_lives(struct shared *shared)
{
    memset(shared->attempts, 0, (size_t)shared->begun * sizeof *shared->attempts);
    shared->begun = shared->answered = 0;
    shared->deleted = shared->deleting = -1;
    shared->opened = shared->finished = false;
}

BACKEND_TEST(killed_at_every_turn_what_was_answered_is_there)
{
    struct shared *shared = share();
    for (int turns = 1; !shared->finished; turns++) {
        char name[32];
        assert_true(turns < 2000);
        snprintf(name, sizeof name, "data-%d", turns);
        const char *path = harness_path(name);
        forget_lives(shared);
        live_in_child(path, shared, turns);
        check_in_child(path, shared);
    }
    assert_true(shared->answered > 50);
    munmap(shared, sizeof *shared);
}

/* A second life dies at each turn of the recovery of what the first one left. */
BACKEND_TEST(killed_at_every_turn_of_recovery_what_was_answered_is_there)
{
    struct shared *shared = share();
    for (int turns = 1; !shared->opened; turns++) {
        char name[32];
        assert_true(turns < 2000);
        snprintf(name, sizeof name, "data-%d", turns);
        const char *path = harness_path(name);
        forget_lives(shared);
        live_in_child(path, shared, 60);
        assert_true(shared->answered > 10);
        shared->opened = false;
        live_in_child(path, shared, turns);
        check_in_child(path, shared);
    }
    munmap(shared, sizeof *shared);
}

/* --- killed at any moment --- */

enum { WRITERS = 32 };

struct endless {
    struct writing writing;
    struct log *log;
};

static struct endless endless[WRITERS];

static void write_on(struct log_append *request, int64_t result)
{
    struct endless *each = hark_container_of(request, struct endless, writing.request);
    struct shared *shared = each->writing.shared;
    wrote(request, result);
    if (result < 0)
        _exit(5);
    write_event(each->log, shared, &each->writing, (each - endless) % 4 == 0 ? 'b' : 'a');
    each->writing.request.done = write_on;
}

static void write_for_ever(const char *path, struct shared *shared)
{
    struct log_options options = {.segment_bytes = 32768, .table_bytes = 20000};
    struct hark_loop *loop = loop_of_child();
    struct opening opening = {0};
    log_open(loop, path, &options, opening_ended, &opening);
    while (!opening.ended)
        hark_run_once(loop);
    if (opening.result != 0)
        _exit(3);
    for (int i = 0; i < WRITERS; i++) {
        endless[i].log = opening.log;
        write_event(opening.log, shared, &endless[i].writing, i % 4 == 0 ? 'b' : 'a');
        endless[i].writing.request.done = write_on;
    }
    hark_run(loop);
    _exit(6);
}

BACKEND_TEST(killed_at_any_moment_what_was_answered_is_there)
{
    enum { LIVES = 12 };
    const char *path = harness_path("data");
    struct shared *shared = share();
    unsigned random = 12345;
    for (int i = 0; i < LIVES; i++) {
        random = random * 1103515245u + 12345u;
        int until = shared->answered + (int)(random >> 16) % 1500 + (i % 3 == 0 ? 0 : 1);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_for_ever(path, shared);
        int status = 0;
        while (shared->answered < until && waitpid(child, &status, WNOHANG) == 0)
            sched_yield();
        kill(child, SIGKILL);
        assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        check_in_child(path, shared);
    }
    munmap(shared, sizeof *shared);
}

/* --- cancelled at every turn --- */

/* All ops end with -ECANCELED at some turn. Every request still has its one answer, and the log
 * closes. */
BACKEND_TEST(cancelled_at_every_turn_every_request_is_answered)
{
    static struct writing writings[24];
    struct shared *shared = share();
    bool clean = false;
    for (int turn = 0; !clean; turn++) {
        char name[32];
        struct opening opening = {0};
        struct closing closing = {0};
        assert_true(turn < 500);
        snprintf(name, sizeof name, "data-%d", turn);
        const char *path = harness_path(name);
        forget_lives(shared);
        assert_int_equal(log_open(loop, path, &tiny_segments, opening_ended, &opening), 0);
        int turns = 0;
        for (int step = 0; step < 5;) {
            if (turns++ == turn)
                hark_cancel_all(loop);
            assert_true(hark_run_once(loop) >= 0);
            if (step == 0 && opening.ended)
                step = opening.result == 0 ? 1 : 5;
            if ((step == 1 || step == 2) && (step == 1 || writings[23].ended)) {
                for (int i = 0; i < 24; i++)
                    write_event(opening.log, shared, &writings[i], i % 4 == 3 ? 'b' : 'a');
                step++;
            }
            if (step == 3 && writings[23].ended) {
                for (int i = 0; i < 24; i++)
                    assert_true(writings[i].ended);
                log_close(opening.log, closing_ended, &closing);
                step++;
            }
            if (step == 4 && closing.ended)
                step++;
        }
        clean = turns < turn;
        check(loop, path, shared);
    }
    munmap(shared, sizeof *shared);
}
