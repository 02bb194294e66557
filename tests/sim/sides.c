/* sides.c - see the header. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "sim/sides.h"

#include <string.h>

struct start {
    struct side *side;
    const struct side_link *links;
    size_t link_count;
};

uint64_t side_below(struct side *side, uint64_t bound)
{
    side->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (side->state ^ side->state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ mixed >> 31) % bound;
}

void side_say(struct side *side, const char *format, ...)
{
    va_list values;
    if (side->count == SIDE_LINES)
        return;
    va_start(values, format);
    vsnprintf(side->lines[side->count++], SIDE_LINE_BYTES, format, values);
    va_end(values);
}

static void begin(struct side *side)
{
    for (int i = 0; i < SIDE_SLOTS; i++)
        side->slots[i] = -1;
    side->program(side);
}

/* What ".." leads to is the same on both sides, too. */
static void run_real(uint64_t seed, const struct start *start)
{
    char top[64];
    snprintf(top, sizeof top, "top%llu", (unsigned long long)seed);
    assert_int_equal(mkdir(harness_path(top), 0755), 0);
    strcat(top, "/top");
    assert_int_equal(mkdir(harness_path(top), 0755), 0);
    start->side->top = open(harness_path(top), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < start->link_count; i++)
        assert_int_equal(symlinkat(start->links[i].target, start->side->top, start->links[i].name),
                         0);
    begin(start->side);
    close(start->side->top);
}

static int run_simulated(void *argument)
{
    const struct start *start = argument;
    struct side *side = start->side;
    if (kernel_mkdirat(NULL, AT_FDCWD, "/tmp/0", 0755) ||
        kernel_mkdirat(NULL, AT_FDCWD, "/tmp/0/top", 0755))
        return 1;
    for (size_t i = 0; i < start->link_count; i++) {
        char path[128];
        snprintf(path, sizeof path, "/tmp/0/top/%s", start->links[i].name);
        if (hark_sim_link(side->machine, start->links[i].target, path))
            return 2;
    }
    side->top = kernel_openat(NULL, AT_FDCWD, "/tmp/0/top", O_RDONLY | O_DIRECTORY, 0);
    if (side->top < 0)
        return 3;
    begin(side);
    return kernel_close(NULL, side->top);
}

static void compare(uint64_t seed, const struct side *real, const struct side *simulated)
{
    for (size_t i = 0; i < real->count || i < simulated->count; i++) {
        if (i < real->count && i < simulated->count &&
            strcmp(real->lines[i], simulated->lines[i]) == 0)
            continue;
        for (size_t before = i > 12 ? i - 12 : 0; before < i; before++)
            print_message("    %s\n", real->lines[before]);
        fail_msg("seed %llu, line %zu:\nLinux:     %s\nsimulated: %s", (unsigned long long)seed, i,
                 i < real->count ? real->lines[i] : "(no more)",
                 i < simulated->count ? simulated->lines[i] : "(no more)");
    }
}

static void run_world(uint64_t seed, struct start *start)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    start->side->machine = hark_sim_add_machine(world);
    struct hark_sim_process *process = hark_sim_start(start->side->machine, run_simulated, start);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}

void sides_run(uint64_t seed, const struct side_link *links, size_t link_count,
               void (*program)(struct side *side))
{
    char(*lines)[SIDE_LINE_BYTES] = calloc(2 * (size_t)SIDE_LINES, SIDE_LINE_BYTES);
    assert_non_null(lines);
    struct side real = {.is_real = true, .state = seed, .program = program, .lines = lines};
    struct side simulated = {.state = seed, .program = program, .lines = lines + SIDE_LINES};
    umask(022);
    run_real(seed, &(struct start){&real, links, link_count});
    run_world(seed, &(struct start){&simulated, links, link_count});
    compare(seed, &real, &simulated);
    free(lines);
}
