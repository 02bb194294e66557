/* test_model.c - what logrotate does, in any order, while the file is followed and while it is not:
 * each line once, in order.
 *
 * The sequence is the same each time; HARK_TEST_SEED chooses another.
 */
#include "tail/fixture.h"

#include <time.h>

enum { STEPS = 40 };

struct model {
    struct server server;
    bool open;
    size_t lines; /* written */
    int rotated;  /* how many old files there are */
    bool copies;  /* "copytruncate"; else "create" */
    bool dated;   /* old files have dates, which stay; else numbers, which are shifted */
};

static unsigned long long state;

static unsigned roll(unsigned sides)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(state >> 33) % sides;
}

/* A tick of the file system's clock passes: files of one tick have no order. */
static void pass_tick(void)
{
    struct timespec before, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &before);
    do
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
}

static void append_lines(struct model *model, size_t count)
{
    append_numbers("f", model->lines, model->lines + count);
    model->lines += count;
}

/* The name that the file is to get. Those before it are shifted first. */
static void make_name(struct model *model, char *name, size_t room)
{
    for (int number = model->rotated; number > 0 && !model->dated; number--) {
        char from[24], to[24];
        snprintf(from, sizeof from, "f.%d", number);
        snprintf(to, sizeof to, "f.%d", number + 1);
        rename_file(from, to);
    }
    model->rotated++;
    snprintf(name, room, model->dated ? "f-%d" : "f.1", 20260000 + model->rotated);
}

/* "create", now and then with a last line to the old file after its renaming. */
static void rotate_by_name(struct model *model)
{
    char name[24];
    pass_tick();
    make_name(model, name, sizeof name);
    rename_file("f", name);
    if (roll(3) == 0) {
        append_numbers(name, model->lines, model->lines + 1);
        model->lines++;
    }
    append_lines(model, roll(4));
}

/* "copytruncate". */
static void rotate_by_copy(struct model *model)
{
    char name[24];
    pass_tick();
    make_name(model, name, sizeof name);
    copy_file("f", name);
    cut_file("f");
    append_lines(model, roll(20));
}

static void start_or_stop(struct hark_loop *loop, struct model *model)
{
    pass_tick();
    if (model->open)
        server_close(&model->server);
    else
        model->server = server_open(loop, "f", NULL, 0);
    model->open = !model->open;
    pass_tick();
}

static void step(struct hark_loop *loop, struct model *model)
{
    switch (roll(6)) {
    case 0:
    case 1:
        append_lines(model, roll(30));
        break;
    case 2:
    case 3:
        if (model->copies)
            rotate_by_copy(model);
        else
            rotate_by_name(model);
        break;
    case 4:
        start_or_stop(loop, model);
        break;
    default:
        append_lines(model, roll(2));
    }
    if (!model->open)
        return;
    wait_until_read(&model->server, model->lines);
}

static void run_model(struct hark_loop *loop, bool copies)
{
    struct model model = {.open = false};
    const char *chosen = getenv("HARK_TEST_SEED");
    state = chosen ? strtoull(chosen, NULL, 10) : copies ? 2 : 1;
    model.dated = roll(2);
    model.copies = copies;
    append_lines(&model, 1);
    start_or_stop(loop, &model);
    wait_for_count(&model.server, 1);
    for (int i = 0; i < STEPS; i++)
        step(loop, &model);
    if (!model.open)
        start_or_stop(loop, &model);
    append_lines(&model, 1);
    wait_until_read(&model.server, model.lines);
    assert_numbers(&model.server, model.lines);
    server_close(&model.server);
}

BACKEND_TEST(files_renamed_at_any_time_lose_and_repeat_nothing)
{
    run_model(loop, false);
}

BACKEND_TEST(files_copied_and_cut_at_any_time_lose_and_repeat_nothing)
{
    run_model(loop, true);
}
