/* test_sub_stalled.c - hark sub prints to a terminal that takes nothing any more, and is told to
 * end. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command as a process of its own: the terminal is its standard output. */
static pid_t start_sub(const struct hark_address *server, int terminal)
{
    char address[64];
    hark_address_format(server, address, sizeof address);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process > 0)
        return process;
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(terminal, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    execl(getenv("HARK_COMMAND"), "hark", "sub", "--server", address, "--backend",
          harness_backend_name(), "weather", (char *)NULL);
    _exit(127);
}

static int open_terminal(int *out_master)
{
    *out_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*out_master < 0 || grantpt(*out_master) != 0 || unlockpt(*out_master) != 0)
        harness_skip("no pseudo-terminal: %s", strerror(errno));
    return open(ptsname(*out_master), O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* Sends events until the subscriber has stopped reading, as it does once its output is full, or has
 * much more than that holds. */
static void send_events(int connection)
{
    enum { EVENTS = 30000 };
    const struct timeval patience = {.tv_usec = 200000};
    char event[100];
    assert_int_equal(setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience),
                     0);
    for (int i = 1; i <= EVENTS; i++) {
        int length =
            snprintf(event, sizeof event,
                     "%d\tit rains cats and dogs, and it will go on to do so for a while\n", i);
        if (send(connection, event, (size_t)length, MSG_NOSIGNAL) != length)
            return;
    }
}

BACKEND_TEST(promise_06_interrupt_ends_hark_sub_on_a_stalled_terminal)
{
    struct hark_address server;
    char request[100];
    int master;
    int terminal = open_terminal(&master);
    int listening = harness_listen(loop, &server);
    struct harness_op accepting = {0};
    if (!getenv("HARK_COMMAND"))
        harness_skip("HARK_COMMAND says not where the command is");
    pid_t process = start_sub(&server, terminal);
    hark_accept(loop, &accepting.op, listening, NULL, NULL, harness_done);
    int connection = (int)harness_wait(loop, &accepting);
    assert_true(connection >= 0);
    assert_int_equal(fcntl(connection, F_SETFL, 0), 0);
    assert_true(read(connection, request, sizeof request) > 0);
    send_events(connection);
    assert_int_equal(kill(process, SIGINT), 0);
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(connection);
    close(terminal);
    close(master);
    harness_close(loop, listening);
}
