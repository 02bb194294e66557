/* test_port.c - a listening port goes with its process, however that ends: the next one has it at
 * once. */
#include "harness/harness.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 10 };

struct server {
    struct hark_listener listener;
    int answers;
};

static void serve_one(struct hark_listener *listener, int fd)
{
    struct server *server = hark_container_of(listener, struct server, listener);
    (void)!write(server->answers, "c", 1);
    close(fd);
}

static const struct hark_listener_events listening = {.accepted = serve_one};

/* The process that listens: it says at which port, then that it has a connection, and ends when it
 * is told to, or is killed. */
static void serve(const int to_parent[2], const int from_parent[2])
{
    struct server server = {.answers = to_parent[1]};
    struct harness_op told = {0};
    struct hark_address address;
    char byte;
    alarm(HARNESS_TIMEOUT_SECONDS);
    struct hark_loop *loop = harness_loop_create(NULL);
    hark_address_parse("127.0.0.1:0", &address);
    if (hark_listener_open(loop, &server.listener, &address, 0, 0, &listening) < 0 ||
        hark_listener_address(&server.listener, &address) < 0 ||
        write(to_parent[1], &address, sizeof address) < 0)
        _exit(1);
    hark_read(loop, &told.op, from_parent[0], &byte, 1, -1, harness_done);
    while (!told.ended)
        if (hark_run_once(loop) < 0)
            _exit(1);
    _exit(0); /* with all in flight */
}

static void assert_port_is_free(const struct hark_address *address)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &address->name.any, address->length), -1);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, &address->name.any, address->length), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
}

static void end_server(bool killed)
{
    int to_parent[2], from_parent[2];
    struct hark_address address;
    char byte;
    harness_pipe(to_parent, 0);
    harness_pipe(from_parent, 0);
    pid_t child = fork();
    if (child == 0)
        serve(to_parent, from_parent);
    assert_int_equal(read(to_parent[0], &address, sizeof address), sizeof address);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, &address.name.any, address.length), 0);
    assert_int_equal(read(to_parent[0], &byte, 1), 1); /* accepting is under way */
    if (killed)
        assert_int_equal(kill(child, SIGKILL), 0);
    else
        assert_int_equal(write(from_parent[1], "x", 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_port_is_free(&address);
    close(client);
    for (int i = 0; i < 2; i++) {
        close(to_parent[i]);
        close(from_parent[i]);
    }
}

BACKEND_TEST(listener_port_is_free_when_its_process_was_killed)
{
    for (int round = 0; round < ROUNDS; round++)
        end_server(true);
}

BACKEND_TEST(listener_port_is_free_when_its_process_has_exited)
{
    for (int round = 0; round < ROUNDS; round++)
        end_server(false);
}
