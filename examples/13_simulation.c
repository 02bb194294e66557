/* 13_simulation.c - a small server, tested in worlds whose power fails at moments that a number
 * chooses.
 *
 * Shows: hark/sim.h. The server counts votes: each byte that a client sends is written to a file,
 * synced, and then answered. What it promises: a vote that was answered is there after the power
 * has failed. A seed is a world of its own, with its delays, losses and kernel, always the same
 * again; it takes milliseconds. With `early` the server makes a mistake that no test on a good day
 * sees: it answers what is written, and syncs it then.
 *
 * Try:   ./13_simulation                  the worlds of the seeds 1 to 200
 *        ./13_simulation 1 200 early      the mistake is found, and the seed told
 *        ./13_simulation 3 1 early        one world alone, and the last that happens in it
 *        ./13_simulation 3 1 early seen; hark trace --read seen      what became of each request
 */
#include "hark.h"
#include "hark/sim.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)
enum { CLIENTS = 3, PORT = 7000, LINES = 24 };

static bool answers_early;
static const char *recordings; /* the directory for them; NULL: nobody asks */

/* --- the server: it would be a file of its own, which knows nothing of worlds --- */

struct server {
    struct hark_listener listener;
    int votes;    /* the file */
    int64_t next; /* where the next vote is written */
};

struct session {
    struct hark_op op, close; /* one step at a time */
    struct server *server;
    int fd;
    char vote;
};

static void closed(struct hark_op *op, int64_t result)
{
    (void)result;
    free(hark_container_of(op, struct session, close));
}

static void session_close(struct session *session, struct hark_loop *loop)
{
    hark_close(loop, &session->close, session->fd, closed);
}

static void received(struct hark_op *op, int64_t count);
static void synced(struct hark_op *op, int64_t result);

static void sent(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, op);

    if (count != 1)
        session_close(session, op->loop);
    else if (answers_early)
        hark_fdatasync(op->loop, op, session->server->votes, synced);
    else
        hark_recv(op->loop, op, session->fd, &session->vote, 1, 0, received);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct session *session = hark_container_of(op, struct session, op);

    if (result < 0)
        session_close(session, op->loop);
    else if (answers_early)
        hark_recv(op->loop, op, session->fd, &session->vote, 1, 0, received);
    else
        hark_send(op->loop, op, session->fd, &session->vote, 1, 0, sent);
}

static void written(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, op);

    if (count != 1)
        session_close(session, op->loop);
    else if (answers_early)
        hark_send(op->loop, op, session->fd, &session->vote, 1, 0, sent);
    else
        hark_fdatasync(op->loop, op, session->server->votes, synced);
}

static void received(struct hark_op *op, int64_t count)
{
    struct session *session = hark_container_of(op, struct session, op);
    struct server *server = session->server;

    if (count == 1)
        hark_write(op->loop, op, server->votes, &session->vote, 1, server->next++, written);
    else
        session_close(session, op->loop);
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct session *session = calloc(1, sizeof *session);

    if (!session) {
        hark_os_close(listener->loop, fd);
        return;
    }
    session->server = hark_container_of(listener, struct server, listener);
    session->fd = fd;
    hark_recv(listener->loop, &session->op, fd, &session->vote, 1, 0, received);
}

static const struct hark_listener_events listening = {.accepted = accepted};

/* Opens the file; the name of a new one has to be synced, too. */
static int open_votes(const char *folder)
{
    int directory = open(folder, O_RDONLY | O_DIRECTORY);
    int votes = directory < 0 ? -1 : openat(directory, "votes", O_RDWR | O_CREAT, 0644);

    if (votes < 0 || fsync(directory) < 0)
        return -1;
    close(directory);
    return votes;
}

static int serve(void *argument)
{
    struct server *server = calloc(1, sizeof *server);
    struct hark_loop *loop;
    struct hark_address address;

    (void)argument;
    if (!server || (server->votes = open_votes("/tmp")) < 0 ||
        hark_address_parse("0.0.0.0:7000", &address) < 0 || hark_loop_create(NULL, &loop) < 0 ||
        hark_listener_open(loop, &server->listener, &address, 0, 0, &listening) < 0) {
        free(server);
        return 1;
    }
    return hark_run(loop) < 0;
}

/* --- the test: two machines, a power loss, and what must hold after it --- */

/* Votes as long as it is answered, and counts the answers. */
static int vote(void *argument)
{
    int *answers = argument;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char byte = 'v';

    server.sin_addr.s_addr = inet_addr("10.0.0.1"); /* the first machine */
    while (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) {
        close(fd); /* it does not listen yet */
        usleep(1000);
        fd = socket(AF_INET, SOCK_STREAM, 0);
    }
    while (send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1)
        ++*answers;
    return 0;
}

/* What whoever looks after the power loss finds. */
static int count_votes(void *argument)
{
    char bytes[512];
    int fd = open("/tmp/votes", O_RDONLY);
    ssize_t count;

    for (int *found = argument; fd >= 0 && (count = read(fd, bytes, sizeof bytes)) > 0;)
        for (ssize_t i = 0; i < count; i++)
            *found += bytes[i] == 'v';
    return 0;
}

/* Gives: whether what the server promises holds in the world of that seed. */
static bool holds(uint64_t seed, bool tells)
{
    struct hark_sim_options options = {.seed = seed};
    struct hark_sim *world;
    int answers = 0, found = 0;

    if (hark_sim_create(&options, &world) < 0 ||
        (recordings && hark_sim_trace(world, recordings) < 0))
        exit(2);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct hark_sim_machine *other = hark_sim_add_machine(world);
    hark_sim_start(machine, serve, NULL);
    for (int i = 0; i < CLIENTS; i++)
        hark_sim_start(other, vote, &answers);
    hark_sim_run_for(world, hark_sim_random(world, 200 * MILLISECOND));

    hark_sim_power_off(machine);
    if (tells)
        hark_sim_tell(world, STDOUT_FILENO, LINES);
    hark_sim_power_off(other); /* the clients have seen enough */
    hark_sim_power_on(machine);
    hark_sim_start(machine, count_votes, &found);
    hark_sim_run(world);

    hark_sim_destroy(world);
    if (found < answers)
        printf("seed %" PRIu64 ": %d votes were answered, %d are there\n", seed, answers, found);
    return found >= answers;
}

int main(int count, char **arguments)
{
    uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    uint64_t worlds = count > 2 ? strtoull(arguments[2], NULL, 10) : 200;

    answers_early = count > 3 && strcmp(arguments[3], "early") == 0;
    recordings = count > 4 ? arguments[4] : NULL;
    for (uint64_t seed = first; seed < first + worlds; seed++)
        if (!holds(seed, worlds == 1))
            return 1;
    printf("%" PRIu64 " worlds: no vote that was answered is gone\n", worlds);
    return 0;
}
