/* scene_serve_tail.c - a file that grows line by line and is rotated, renamed and made anew or
 * copied and cut, and hark serve that follows it, is killed, ended and started again. Each line is
 * an event, once and in its order, whatever happens in between: nobody writes between a copy and
 * its cut. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITES = 60, ROTATIONS_MOST = 9, COPY_BYTES = 256 * 1024, KNOWN_AFTER_S = 5 };

static const uint64_t second_ns = 1000000000;
static const char followed[] = "/tmp/app.log";

struct writer {
    struct hark_sim *world;
    int fd;
    int lines; /* written so far */
    int rotations;
    char copied[COPY_BYTES];
};

static uint64_t chance(const struct writer *writer, uint64_t bound)
{
    return hark_sim_random(writer->world, bound);
}

/* --- who writes --- */

static void put(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        scene_check(written > 0, "a write ends with %s", strerror(errno));
        bytes += written;
        count -= (size_t)written;
    }
}

/* In two parts now and then, with a while between them. */
static void append(struct writer *writer)
{
    char line[400];
    int padding = (int)chance(writer, 300);
    int length = snprintf(line, sizeof line, "line %d %*s\n", writer->lines++, padding, "");
    size_t part = chance(writer, 4) ? (size_t)length : (size_t)chance(writer, (uint64_t)length);
    put(writer->fd, line, part);
    if (part < (size_t)length)
        usleep((useconds_t)chance(writer, 3000));
    put(writer->fd, line + part, (size_t)length - part);
}

static void open_anew(struct writer *writer)
{
    writer->fd = open(followed, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    scene_check(writer->fd >= 0, "%s: %s", followed, strerror(errno));
}

static void number(int rotation, char *out_path, size_t room)
{
    snprintf(out_path, room, "%s.%d", followed, rotation);
}

/* app.log.1 becomes app.log.2, and so on: the first is free then. */
static void shift(struct writer *writer)
{
    char from[64], to[64];
    for (int i = writer->rotations++; i > 0; i--) {
        number(i, from, sizeof from);
        number(i + 1, to, sizeof to);
        scene_check(rename(from, to) == 0, "%s: %s", from, strerror(errno));
    }
}

static void rotate_by_name(struct writer *writer)
{
    char to[64];
    shift(writer);
    number(1, to, sizeof to);
    scene_check(rename(followed, to) == 0, "%s: %s", to, strerror(errno));
    /* It may be written to by its old name yet. */
    if (chance(writer, 2)) {
        usleep((useconds_t)chance(writer, 3000));
        append(writer);
    }
    close(writer->fd);
    if (chance(writer, 2))
        usleep((useconds_t)chance(writer, 3000));
    open_anew(writer);
}

static void rotate_by_copy(struct writer *writer)
{
    char to[64];
    size_t count = 0;
    ssize_t got;
    shift(writer);
    number(1, to, sizeof to);
    int copy = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    scene_check(copy >= 0, "%s: %s", to, strerror(errno));
    while ((got = pread(writer->fd, writer->copied, sizeof writer->copied, (off_t)count)) > 0) {
        put(copy, writer->copied, (size_t)got);
        count += (size_t)got;
    }
    close(copy);
    scene_check(ftruncate(writer->fd, 0) == 0, "ftruncate: %s", strerror(errno));
}

static int run_writer(void *argument)
{
    struct writer *writer = argument;
    static const useconds_t waits_us[] = {1, 300, 5000, 100000, 2000000};
    open_anew(writer);
    append(writer);
    sleep(KNOWN_AFTER_S); /* what was rotated before it was known is nobody's */
    for (int i = 0; i < WRITES; i++) {
        uint64_t what = chance(writer, 14);
        if (what < 2 && writer->rotations < ROTATIONS_MOST) {
            if (what == 0)
                rotate_by_name(writer);
            else
                rotate_by_copy(writer);
        }
        for (uint64_t lines = chance(writer, 4); lines > 0; lines--)
            append(writer);
        usleep((useconds_t)chance(writer, waits_us[chance(writer, 5)]));
    }
    close(writer->fd);
    return 0;
}

/* --- who follows --- */

static void choose_server(struct serve_run *server, struct hark_sim *world)
{
    server->world = world;
    serve_word(server, "hark");
    serve_word(server, "serve");
    serve_word(server, "--sandbox"); /* it would be this process's own, of the real kernel */
    serve_word(server, "off");
    serve_word(server, "--data");
    serve_word(server, "/tmp/data");
    serve_word(server, "--lines");
    serve_word(server, "0.0.0.0:12346");
    serve_word(server, "--insecure");
    serve_word(server, "--http");
    serve_word(server, "off");
    serve_word(server, "--threads");
    serve_word(server, "%d", 1 + (int)hark_sim_random(world, 2));
    serve_word(server, "--tail");
    serve_word(server, "%s=stream0", followed);
}

static void await_end(struct hark_sim *world, struct hark_sim_process *process, const char *who)
{
    for (int i = 0; i < 1200 && !hark_sim_ended(process); i++)
        (void)hark_sim_run_for(world, second_ns);
    scene_check(hark_sim_ended(process), "%s does not end", who);
}

static void restart(struct serve_run *server, struct hark_sim_machine *home)
{
    struct hark_sim *world = server->world;
    if (hark_sim_random(world, 2)) {
        hark_sim_kill(server->process);
    } else {
        hark_sim_signal(server->process, SIGTERM);
        await_end(world, server->process, "the server");
    }
    if (hark_sim_random(world, 2))
        (void)hark_sim_run_for(world, hark_sim_random(world, 3 * second_ns));
    serve_start(server, home);
}

/* All lines, each once. */
static void check_lines(const struct serve_reader *reader, const struct writer *writer)
{
    int *count = calloc((size_t)writer->lines, sizeof *count);
    const char *order = "";
    int last = -1;
    scene_check(count, "%s", "no memory");
    for (const char *at = reader->run.output; *at; at = strchr(at, '\n') + 1) {
        int line = -1;
        scene_check(sscanf(at, "%*u\tline %d ", &line) == 1 && line >= 0 && line < writer->lines,
                    "'%.60s' is no line that was written", at);
        count[line]++;
        if (line < last)
            order = ", not in their order";
        last = line;
    }
    for (int i = 0; i < writer->lines; i++)
        scene_check(count[i] == 1, "line %d of %d came %d times, %d rotations%s", i, writer->lines,
                    count[i], writer->rotations, order);
    scene_check(!*order, "%d rotations%s", writer->rotations, order);
    free(count);
}

SCENE(serve_tail, "hark serve follows a file that is rotated; it is killed and started again", 8,
      34, 224, 257, 686, 1871, 7003759, 8015053, 8022022, 8024358, 8023231, 8514773)
{
    static const uint64_t most_ns[] = {1000000, 10000000, 1000000000, 5000000000};
    struct hark_sim_machine *home = hark_sim_add_machine(world);
    struct serve_model *model = serve_model_create(world);
    struct writer *writer = calloc(1, sizeof *writer);
    struct serve_run server = {.world = world};
    writer->world = world;
    choose_server(&server, world);
    serve_start(&server, home);
    struct hark_sim_process *writes = hark_sim_start(home, run_writer, writer);
    (void)hark_sim_run_for(world, KNOWN_AFTER_S * second_ns);
    while (!hark_sim_ended(writes)) {
        (void)hark_sim_run_for(world, hark_sim_random(world, most_ns[hark_sim_random(world, 4)]));
        scene_check(!hark_sim_ended(server.process), "the server ends by itself with %d",
                    hark_sim_status(server.process));
        restart(&server, home);
    }
    (void)hark_sim_run_for(world, 300 * second_ns);
    struct serve_reader *reader = serve_read(model, hark_sim_add_machine(world), 0, true);
    (void)hark_sim_run_for(world, 60 * second_ns);
    hark_sim_signal(reader->run.process, SIGINT);
    await_end(world, reader->run.process, "the reader");
    hark_sim_signal(server.process, SIGTERM);
    await_end(world, server.process, "the server");
    check_lines(reader, writer);
    serve_model_destroy(model);
    free(writer);
}
