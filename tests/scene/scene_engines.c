/* scene_engines.c - one program on all four engines, and what its callbacks were told (promise 12).
 *
 * The seed writes a program: rounds of things to do with places (counters, pairs of sockets, pipes,
 * files), timers, work and posts. A round is done in one callback and then left until all is quiet,
 * so that what is told in it does not hang on who is quicker. What each op was told, and in which
 * round, must be the same on all engines; where an op was cancelled, closed or late while its
 * result may have been there already, which of the two it is told is not promised: then that it
 * ended in the round is all that is compared, and the place begins anew. */
#include "scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum sort { COUNTER, UNIX_PAIR, TCP_PAIR, PIPE, FILE_ON_DISK };

static const enum sort sorts[] = {COUNTER, COUNTER, UNIX_PAIR, TCP_PAIR, PIPE, FILE_ON_DISK};

enum {
    ENGINES = 4,
    PLACES = sizeof sorts / sizeof *sorts,
    ROUNDS = 40,
    ACTIONS = 8, /* of a round */
    TASKS = ROUNDS * ACTIONS,
    BYTES = 64,
    NAMES = 3,
};
static const uint64_t second_ns = 1000000000;
static const uint64_t round_ns = 5 * second_ns;

enum what {
    READS,
    POLLS,
    WRITES,
    WRITES_AT_ONCE,
    ENDS,
    CANCELS,
    LIMITS,
    LIMITS_AT_ONCE,
    CLOSES,
    SLEEPS,
    WAKES,
    WORKS,
    DEFERS,
    DOES_NOTHING,
    POSTS,
    DOES_WITH_NAMES,
    WHATS,
};

struct action {
    enum what what;
    size_t place;
    uint64_t number; /* how many, how long, which */
    bool cancelled;  /* what it starts is cancelled in the same breath */
};

/* What an op was told last of all. */
struct told {
    bool started, ended;
    bool raced; /* its result is not promised */
    unsigned round;
    int64_t result;
    uint64_t content;
};

struct task {
    struct hark_op op;
    struct engine *engine;
    struct task **active; /* where it is known as in flight; NULL: nowhere */
    struct told told;
    unsigned char bytes[BYTES];
    struct statx status;
    char from[16], to[16];
};

struct place {
    enum sort sort;
    int fd, other;
    struct task *waiting; /* the op that reads, or polls, or uses the file */
    bool written;         /* in this round */
    bool asked;           /* what waits does so since this round */
    bool ending;          /* what waits is cancelled, or late */
    bool empty;           /* there was nothing to read when it began */
    bool stale;           /* it is opened anew before the next round */
    bool closing, has_ended;
};

struct engine {
    const struct action *program;
    const char *name;
    struct hark_loop *loop;
    struct hark_op driver;
    struct place places[PLACES];
    struct task *sleeping;
    struct task *naming;
    unsigned round;
    uint64_t rounds; /* that are played */
    uint64_t active;
    struct task tasks[TASKS];
};

/* --- what is told --- */

static void note_end(struct task *task, int64_t result)
{
    task->told.ended = true;
    task->told.round = task->engine->round;
    task->told.result = result;
    for (size_t i = 0; i < BYTES; i++)
        task->told.content = task->told.content * 31 + task->bytes[i];
    task->told.content = task->told.content * 31 + task->status.stx_size;
}

static void done(struct hark_op *op, int64_t result)
{
    struct task *task = hark_container_of(op, struct task, op);
    scene_check(!task->told.ended && !hark_op_more(op), "%s: an op is called again, with %lld",
                task->engine->name, (long long)result);
    note_end(task, result);
    if (task->active)
        *task->active = NULL;
    task->engine->active--;
}

static int64_t work(struct hark_op *op)
{
    return (int64_t)hark_container_of(op, struct task, op)->bytes[0];
}

/* --- places --- */

static void open_tcp(int fds[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    scene_check(bind(listening, (struct sockaddr *)&name, length) == 0, "%s", strerror(errno));
    scene_check(listen(listening, 8) == 0, "%s", strerror(errno));
    getsockname(listening, (struct sockaddr *)&name, &length);
    scene_check(connect(fds[0], (struct sockaddr *)&name, length) == 0, "%s", strerror(errno));
    do
        fds[1] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    while (fds[1] < 0 && errno == ECONNABORTED);
    scene_check(fds[1] >= 0, "%s", strerror(errno));
    close(listening);
}

static void open_place(struct place *place)
{
    int fds[2] = {-1, -1}, error = 0;
    switch (place->sort) {
    case COUNTER:
        fds[0] = fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        break;
    case UNIX_PAIR:
        error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
        break;
    case TCP_PAIR:
        open_tcp(fds);
        break;
    case PIPE:
        error = pipe2(fds, O_CLOEXEC);
        break;
    case FILE_ON_DISK:
        fds[0] = fds[1] = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        break;
    }
    scene_check(error == 0 && fds[0] >= 0, "%s", strerror(errno));
    *place = (struct place){.sort = place->sort, .fd = fds[0], .other = fds[1]};
}

static void close_other(struct place *place)
{
    if (place->other >= 0 && place->other != place->fd)
        close(place->other);
    place->other = -1;
}

/* What is unsure of a place goes with it. The loop knows both of its descriptors. */
static void open_anew(struct engine *engine, struct place *place)
{
    scene_check(!place->waiting, "%s: an op outlives its place", engine->name);
    if (place->other >= 0 && place->other != place->fd)
        (void)hark_os_close(engine->loop, place->other);
    if (!place->closing)
        (void)hark_os_close(engine->loop, place->fd);
    open_place(place);
}

/* --- what is done --- */

static struct task *begin(struct engine *engine, struct task **active)
{
    struct task *task = NULL;
    for (size_t i = engine->round * ACTIONS; !task; i++)
        if (!engine->tasks[i].told.started)
            task = &engine->tasks[i];
    task->engine = engine;
    task->active = active;
    task->told.started = true;
    if (active)
        *active = task;
    engine->active++;
    return task;
}

static struct task *begin_at(struct engine *engine, struct place *place)
{
    place->asked = true;
    return begin(engine, &place->waiting);
}

/* A result may be there, or come at any time from now on. */
static bool may_have_result(const struct place *place)
{
    return place->written || place->asked;
}

/* Which of an end and a result comes first is not promised. */
static void note_race(struct place *place)
{
    if (!place->waiting || !place->ending || !may_have_result(place))
        return;
    place->waiting->told.raced = true;
    place->stale = true;
}

static void note_ending(struct place *place)
{
    place->ending = true;
    note_race(place);
}

static void note_written(struct place *place)
{
    place->written = true;
    note_race(place);
}

static void use_file(struct engine *engine, struct place *place, uint64_t number, bool writes)
{
    struct task *task = begin_at(engine, place);
    size_t count = number % BYTES;
    int64_t at = (int64_t)(number / BYTES % 9000);
    if (writes)
        memset(task->bytes, (int)(number % 251), BYTES);
    switch (number / 7 % 5) {
    case 0:
        return hark_fsync(engine->loop, &task->op, place->fd, done);
    case 1:
        return hark_ftruncate(engine->loop, &task->op, place->fd, at, done);
    case 2:
        return hark_statx(engine->loop, &task->op, place->fd, "", AT_EMPTY_PATH, STATX_SIZE,
                          &task->status, done);
    default:
        if (writes)
            hark_write(engine->loop, &task->op, place->fd, task->bytes, count, at, done);
        else
            hark_read(engine->loop, &task->op, place->fd, task->bytes, count, at, done);
    }
}

/* All of a few bytes where they may come in pieces. */
static void start_read(struct engine *engine, struct place *place, uint64_t number)
{
    if (place->sort == FILE_ON_DISK)
        return use_file(engine, place, number, false);
    struct task *task = begin_at(engine, place);
    if (place->sort == TCP_PAIR)
        hark_recv(engine->loop, &task->op, place->fd, task->bytes, 1 + number % 8, MSG_WAITALL,
                  done);
    else if (place->sort == UNIX_PAIR)
        hark_recv(engine->loop, &task->op, place->fd, task->bytes, 1 + number % BYTES, 0, done);
    else
        hark_read(engine->loop, &task->op, place->fd, task->bytes,
                  place->sort == COUNTER ? sizeof(uint64_t) : 1 + number % BYTES, HARK_AT_POSITION,
                  done);
}

static void start_poll(struct engine *engine, struct place *place)
{
    struct task *task = begin_at(engine, place);
    hark_poll(engine->loop, &task->op, place->fd, HARK_POLL_READABLE, done);
}

/* Once a round, and not while there is something that is read: two writes may be read together, or
 * not. */
static void write_to(struct engine *engine, struct place *place, uint64_t number, bool at_once)
{
    unsigned char bytes[BYTES] = {(unsigned char)(1 + number % 100), 0};
    size_t count = place->sort == COUNTER ? sizeof(uint64_t) : 8 + number % (BYTES - 8);
    if (place->sort == FILE_ON_DISK) {
        if (!place->waiting)
            use_file(engine, place, number, true);
        return;
    }
    if (place->written || place->has_ended || (place->asked && !place->empty))
        return;
    if (!place->empty && !place->waiting && place->sort != COUNTER)
        return; /* it may be full */
    note_written(place);
    if (at_once) {
        scene_check(write(place->other, bytes, count) == (ssize_t)count, "%s", strerror(errno));
        return;
    }
    struct task *task = begin(engine, NULL);
    memcpy(task->bytes, bytes, BYTES);
    hark_write(engine->loop, &task->op, place->other, task->bytes, count, HARK_AT_POSITION, done);
}

/* Not in a round in which it is written to: the two may be read together, or not. */
static void end_writing(struct engine *engine, struct place *place)
{
    if (place->written || place->has_ended || (place->asked && !place->empty) ||
        place->sort == COUNTER || place->sort == FILE_ON_DISK)
        return;
    place->has_ended = true;
    note_written(place);
    if (place->sort == PIPE) {
        (void)hark_os_close(engine->loop, place->other);
        place->other = -1;
    } else
        shutdown(place->other, SHUT_WR);
}

static void cancel_waiting(struct place *place)
{
    if (!place->waiting)
        return;
    note_ending(place);
    hark_cancel(&place->waiting->op);
}

/* One that is late is not given more time. */
static void limit_waiting(struct engine *engine, struct place *place, bool at_once)
{
    if (!place->waiting || place->ending)
        return;
    if (at_once)
        note_ending(place);
    hark_op_deadline(&place->waiting->op,
                     hark_now(engine->loop) + (at_once ? 0 : round_ns * 3 / 2));
}

static void close_place(struct engine *engine, struct place *place)
{
    note_ending(place);
    place->stale = place->closing = true;
    if (place->other == place->fd)
        place->other = -1;
    struct task *task = begin(engine, NULL);
    hark_close(engine->loop, &task->op, place->fd, done);
}

static void do_with_names(struct engine *engine, uint64_t number)
{
    if (engine->naming)
        return;
    struct task *task = begin(engine, &engine->naming);
    snprintf(task->from, sizeof task->from, "/tmp/name%u", (unsigned)(number % NAMES));
    snprintf(task->to, sizeof task->to, "/tmp/name%u", (unsigned)(number / NAMES % NAMES));
    switch (number / NAMES / NAMES % 9) {
    case 0:
        return hark_mkdirat(engine->loop, &task->op, AT_FDCWD, task->from, 0700, done);
    case 1:
        return hark_unlinkat(engine->loop, &task->op, AT_FDCWD, task->from,
                             number / NAMES / NAMES / 9 % 2 ? AT_REMOVEDIR : 0, done);
    case 2:
        return hark_statx(engine->loop, &task->op, AT_FDCWD, task->from, 0, STATX_TYPE,
                          &task->status, done);
    case 3:
        return hark_symlinkat(engine->loop, &task->op, task->to, AT_FDCWD, task->from, done);
    case 4:
        return hark_readlinkat(engine->loop, &task->op, AT_FDCWD, task->from, (char *)task->bytes,
                               sizeof task->bytes, done);
    case 5:
        return hark_linkat(engine->loop, &task->op, AT_FDCWD, task->from, AT_FDCWD, task->to, 0,
                           done);
    case 6:
        return hark_setxattrat(engine->loop, &task->op, AT_FDCWD, task->from, "user.name", task->to,
                               strlen(task->to), 0, done);
    case 7:
        return hark_getxattrat(engine->loop, &task->op, AT_FDCWD, task->from, "user.name",
                               task->bytes, sizeof task->bytes, 0, done);
    default:
        return hark_renameat(engine->loop, &task->op, AT_FDCWD, task->from, AT_FDCWD, task->to, 0,
                             done);
    }
}

static void start_sleep(struct engine *engine, uint64_t number)
{
    if (engine->sleeping)
        return;
    struct task *task = begin(engine, &engine->sleeping);
    hark_sleep(engine->loop, &task->op, round_ns / 2 + number % 4 * round_ns, done);
}

/* What needs no place: a cancel in the same breath comes first or too late. */
static void start_plain(struct engine *engine, const struct action *action)
{
    struct task *task = begin(engine, NULL);
    task->told.raced = action->cancelled;
    if (action->what == WORKS) {
        task->bytes[0] = (unsigned char)action->number;
        hark_work(engine->loop, &task->op, work, done);
    } else if (action->what == DEFERS)
        hark_defer(engine->loop, &task->op, done);
    else if (action->what == POSTS)
        hark_post(engine->loop, &task->op, done);
    else
        hark_nop(engine->loop, &task->op, done);
    if (action->cancelled)
        hark_cancel(&task->op);
}

static void act_at(struct engine *engine, const struct action *action)
{
    struct place *place = &engine->places[action->place];
    if (place->closing)
        return;
    switch (action->what) {
    case READS:
        if (!place->waiting && (place->empty || !place->written))
            start_read(engine, place, action->number);
        break;
    case POLLS:
        if (!place->waiting)
            start_poll(engine, place);
        break;
    case WRITES:
    case WRITES_AT_ONCE:
        write_to(engine, place, action->number, action->what == WRITES_AT_ONCE);
        break;
    case ENDS:
        end_writing(engine, place);
        break;
    case CANCELS:
        cancel_waiting(place);
        break;
    case LIMITS:
    case LIMITS_AT_ONCE:
        limit_waiting(engine, place, action->what == LIMITS_AT_ONCE);
        break;
    default:
        close_place(engine, place);
    }
}

static void act(struct engine *engine, const struct action *action)
{
    switch (action->what) {
    case SLEEPS:
        return start_sleep(engine, action->number);
    case WAKES:
        if (engine->sleeping)
            hark_cancel(&engine->sleeping->op);
        return;
    case WORKS:
    case DEFERS:
    case DOES_NOTHING:
    case POSTS:
        return start_plain(engine, action);
    case DOES_WITH_NAMES:
        return do_with_names(engine, action->number);
    default:
        return act_at(engine, action);
    }
}

/* --- rounds --- */

static void play_round(struct hark_op *op, int64_t result)
{
    struct engine *engine = hark_container_of(op, struct engine, driver);
    scene_check(result == 0, "%lld", (long long)result);
    engine->round++;
    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &engine->places[i];
        place->written = place->asked = place->ending = false;
        if (place->stale)
            open_anew(engine, place);
        struct pollfd there = {.fd = place->fd, .events = POLLIN};
        place->empty = poll(&there, 1, 0) == 0;
    }
    if (engine->round == engine->rounds)
        return hark_cancel_all(engine->loop);
    for (size_t i = 0; i < ACTIONS; i++)
        act(engine, &engine->program[engine->round * ACTIONS + i]);
    hark_sleep(engine->loop, op, round_ns, play_round);
}

static int run(void *argument)
{
    struct engine *engine = argument;
    int result = hark_loop_create(NULL, &engine->loop);
    scene_check(result == 0, "%s", hark_error_name(result));
    for (size_t i = 0; i < PLACES; i++) {
        engine->places[i].sort = sorts[i];
        open_place(&engine->places[i]);
    }
    hark_defer(engine->loop, &engine->driver, play_round);
    result = hark_run(engine->loop);
    scene_check(result == 0, "the loop ends with %s", hark_error_name(result));
    scene_check(engine->active == 0, "%s: %llu ops are left", engine->name,
                (unsigned long long)engine->active);
    for (size_t i = 0; i < PLACES; i++) {
        close_other(&engine->places[i]);
        (void)hark_os_close(engine->loop, engine->places[i].fd);
    }
    return hark_loop_destroy(engine->loop);
}

/* --- the seed's program --- */

static struct action *write_program(struct hark_sim *world)
{
    struct action *program = calloc(TASKS, sizeof *program);
    for (size_t i = 0; i < TASKS; i++) {
        program[i].what = (enum what)hark_sim_random(world, WHATS);
        program[i].place = hark_sim_random(world, PLACES);
        program[i].number = hark_sim_random(world, 1 << 20);
        program[i].cancelled = hark_sim_random(world, 4) == 0;
    }
    return program;
}

static const char *name_of(int64_t result, char text[32])
{
    if (result < 0)
        return hark_error_name((int)result);
    snprintf(text, 32, "%lld", (long long)result);
    return text;
}

static void compare(const struct engine *one, const struct engine *other, size_t i)
{
    const struct told *a = &one->tasks[i].told, *b = &other->tasks[i].told;
    char text_a[32], text_b[32];
    bool alike = a->started == b->started && a->ended == b->ended && a->raced == b->raced &&
                 a->round == b->round &&
                 (a->raced || (a->result == b->result && a->content == b->content));
    scene_check(alike, "op %zu of round %zu: %s in round %u on %s, %s in round %u on %s",
                i % ACTIONS, i / ACTIONS, name_of(a->result, text_a), a->round, one->name,
                name_of(b->result, text_b), b->round, other->name);
}

/* No file's bytes in pieces: those are told as they come. */
SCENE_WITHOUT(engines, "a program on all four engines, which must be told the same", 0,
              1 << HARK_SIM_FAULT_SHORT, 1, 6, 60, 127, 208, 301, 823)
{
    static const char *const names[ENGINES] = {"uring", "epoll", "poll", "select"};
    struct action *program = write_program(world);
    struct engine *engines = calloc(ENGINES, sizeof *engines);
    struct hark_sim_process *processes[ENGINES];
    const uint64_t rounds = scene_steps(ROUNDS);
    for (size_t i = 0; i < ENGINES; i++) {
        engines[i].program = program;
        engines[i].rounds = rounds;
        engines[i].name = names[i];
        processes[i] = hark_sim_start(hark_sim_add_machine(world), run, &engines[i]);
        hark_sim_setenv(processes[i], "HARK_BACKEND", names[i]);
    }
    scene_run(world);
    for (size_t i = 0; i < ENGINES; i++) {
        scene_left_nothing(processes[i]);
        for (size_t task = 0; task < TASKS; task++)
            compare(&engines[0], &engines[i], task);
    }
    free(engines);
    free(program);
}
