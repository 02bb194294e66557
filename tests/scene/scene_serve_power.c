/* scene_serve_power.c - hark serve through a fixed course: it starts, takes events of two streams,
 * rolls and drops segments, ends, starts again. At one change of its disk, a write, a sync, a name,
 * the power fails or the process is killed: before it, in it, soon after; and once more at one of
 * the recovery.
 *
 * Which engine, which of the two, at which change, at which of the recovery: the seed counts them
 * through. CASES seeds in a row are all of them; fewer are spread over them. */
#include "town.h"

#include <errno.h>
#include <signal.h>

enum {
    ENGINES = 4,
    ENDS = 4,     /* one of them is a kill */
    CHANGES = 96, /* the course has some 40 to 60; where it has run through it begins anew */
    RECOVERY = 16,
    CASES = ENGINES * ENDS * CHANGES * RECOVERY,
    SPREAD = 10007, /* a prime that CASES has not */
    ROUNDS = (SERVE_RUNS - SERVE_TRIES) / 4,
    KILLED = 128 + SIGKILL,
};

struct course {
    struct town *town;
    const char *engine;
    bool kills;
    uint32_t change, of_recovery;
    int ends; /* so far */
};

static struct course course_of(uint64_t seed)
{
    static const char *const engines[ENGINES] = {"uring", "epoll", "poll", "select"};
    uint64_t number = (seed % CASES) * SPREAD % CASES;
    struct course course = {.engine = engines[number % ENGINES]};
    number /= ENGINES;
    course.kills = number % ENDS == 0;
    number /= ENDS;
    course.change = (uint32_t)(number % CHANGES);
    course.of_recovery = (uint32_t)(number / CHANGES);
    return course;
}

/* Of the change of that number: at it, or soon after it has begun. */
static void end_at(const struct course *course, struct hark_sim_process *server, uint32_t change)
{
    static const uint64_t within_ns[] = {1, 1, 100000, 0};
    struct hark_sim_fault fault = {
        .call = "change",
        .machine = course->town->home,
        .process = server,
        .after = change,
        .power_off = !course->kills,
        .kill = course->kills,
        .within_ns = within_ns[town_chance(course->town, 4)],
    };
    hark_sim_add_fault(course->town->world, &fault);
}

static void start(const struct course *course)
{
    town_start_server(course->town);
    hark_sim_setenv(course->town->server.process, "HARK_BACKEND", course->engine);
}

static void power_on(const struct course *course)
{
    struct town *town = course->town;
    if (town_chance(town, 2))
        (void)hark_sim_run_for(town->world, town_chance(town, town_second_ns));
    hark_sim_power_on(town->home);
}

/* Where it has ended before its time: at a change of the second start, too, and now and then of the
 * third. */
static void start_again(struct course *course)
{
    struct town *town = course->town;
    int status = hark_sim_status(town->server.process);
    scene_check(status == KILLED, "the server ends by itself with %d", status);
    power_on(course);
    start(course);
    course->ends++;
    if (course->ends == 1)
        end_at(course, town->server.process, course->of_recovery);
    else if (course->ends == 2 && town_chance(town, 4) == 0)
        end_at(course, town->server.process, (uint32_t)town_chance(town, RECOVERY));
}

static void pass(struct course *course, uint64_t ns)
{
    int result = hark_sim_run_for(course->town->world, ns);
    scene_check(result >= 0, "the world ends with %s", hark_error_name(result));
    if (hark_sim_ended(course->town->server.process))
        start_again(course);
}

static void publish(struct course *course, int stream)
{
    struct serve_model *model = course->town->model;
    serve_publish(model, course->town->clients, stream);
    const struct hark_sim_process *process =
        model->publishers[model->publishers_count - 1].run.process;
    for (int i = 0; i < 24000 && !hark_sim_ended(process); i++)
        pass(course, 50 * town_ms_ns);
    scene_check(hark_sim_ended(process), "%s", "a publisher does not end");
}

/* By SIGTERM, but where it is ended otherwise before. */
static void restart(struct course *course)
{
    struct town *town = course->town;
    hark_sim_signal(town->server.process, SIGTERM);
    town_await(town, town->server.process, "the server");
    int status = hark_sim_status(town->server.process);
    if (status == KILLED)
        return start_again(course);
    scene_check(status == 0 || status == 128 + SIGTERM, "the server ends with %d", status);
    start(course);
}

static void play_round(struct course *course)
{
    publish(course, 0);
    publish(course, 1);
    publish(course, 0);
    restart(course);
    pass(course, 200 * town_ms_ns);
    publish(course, 1);
}

static void choose(struct course *course)
{
    struct town *town = course->town;
    town_choose(town, "4K");
    town->model->drops = town_chance(town, 2) == 0;
    town->model->tears = !course->kills;
    if (town->model->drops) {
        serve_word(&town->server, "--retention-bytes");
        serve_word(&town->server, "%d", 12000 + (int)town_chance(town, 20000));
    }
}

SCENE(serve_power,
      "the power of hark serve fails at each change of its disk in turn, and of its recovery")
{
    struct course course = course_of(scene_seed());
    struct town *town = course.town = town_create(world);
    choose(&course);
    end_at(&course, NULL, course.change);
    start(&course);
    for (int i = 0; i < SERVE_STREAMS; i++)
        serve_read(town->model, town->clients, i, true);
    pass(&course, 200 * town_ms_ns);
    for (int i = 0; i < ROUNDS && course.ends == 0; i++)
        play_round(&course);
    scene_check(course.ends > 0, "there is no change %u", course.change);
    for (int i = 0; i < 3; i++) /* from here on in peace */
        restart(&course);
    pass(&course, 200 * town_ms_ns);
    town_end_clients(town);
    town_check_sleeps(town);
    town_end_server(town);
    serve_model_check(town->model);
    town_destroy(town);
}
