/* notes.c - what has happened: all of it as one number, and the last of it as lines to read. */
#include "sim/world/notes.h"
#include "sim/world/state.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct noted {
    uint64_t at_ns;
    const char *what;
    uint64_t one, two, three;
    int process;
};

struct notes {
    uint64_t count;
    struct noted last[NOTES_KEPT];
};

/* The real machine's: posix.h. */
ssize_t __real_write(int fd, const void *bytes, size_t count);

void notes_begin(struct hark_sim *begun)
{
    begun->notes = memory_own(sizeof *begun->notes);
}

void notes_done(void)
{
    memory_own_free(world->notes);
}

static void fold(uint64_t value)
{
    world->hash = (world->hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world->hash ^= world->hash >> 29;
}

void note(const char *what, uint64_t one, uint64_t two, uint64_t three)
{
    struct noted *noted = &world->notes->last[world->notes->count++ % NOTES_KEPT];
    *noted = (struct noted){.at_ns = world->now_ns,
                            .what = what,
                            .one = one,
                            .two = two,
                            .three = three,
                            .process = world->thread ? world->thread->process->id : 0};
    uint64_t name = 0;
    for (; *what; what++)
        name = name * 31 + (unsigned char)*what;
    fold(name);
    fold(world->now_ns);
    fold(one);
    fold(two);
    fold(three);
}

uint64_t hark_sim_hash(const struct hark_sim *of)
{
    return of->hash;
}

/* --- to read --- */

static int tell_result(char *line, size_t room, int64_t result)
{
    return result < 0 && result > -4096 ? snprintf(line, room, "-%s", hark_error_name(result))
                                        : snprintf(line, room, "%lld", (long long)result);
}

static void tell_one(int fd, const struct noted *noted)
{
    char line[160];
    char result[32];
    tell_result(result, sizeof result, (int64_t)noted->three);
    int length =
        snprintf(line, sizeof line, "%14.6f ms  process %d  thread %llu  %s(%lld) = %s\n",
                 (double)noted->at_ns / 1e6, noted->process, (unsigned long long)noted->one,
                 noted->what, (long long)noted->two, result);
    (void)!__real_write(fd, line, (size_t)length);
}

void hark_sim_tell(const struct hark_sim *of, int fd, size_t most)
{
    const struct notes *notes = of->notes;
    uint64_t kept = notes->count < NOTES_KEPT ? notes->count : NOTES_KEPT;
    if (most < kept)
        kept = most;
    for (uint64_t at = notes->count - kept; at < notes->count; at++)
        tell_one(fd, &notes->last[at % NOTES_KEPT]);
}

static void tell_thread(int fd, const struct process *process, const struct thread *thread)
{
    char line[160];
    const char *how = thread->state == THREAD_SLEEPS  ? "sleeps in"
                      : thread->state == THREAD_ENDED ? "has ended after"
                                                      : "can go on after";
    int length = snprintf(line, sizeof line, "process %d  thread %llu  %s %s(%d)\n", process->id,
                          (unsigned long long)thread->number, how,
                          thread->call ? thread->call : "nothing", thread->call_fd);
    (void)!__real_write(fd, line, (size_t)length);
}

void hark_sim_tell_threads(const struct hark_sim *of, int fd)
{
    for (const struct process *process = of->processes; process; process = process->next)
        for (const struct thread *at = process->ended ? NULL : process->threads; at; at = at->next)
            tell_thread(fd, process, at);
}
