/* told.c - see the header. Of what a sanitizer says before the line of the library nothing is
 * compared. */
#include "harness/told.h"
#include "harness/sanitizer.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a program has ended. */
struct end {
    char text[1 << 16]; /* all that it said, or the beginning */
    int status;
    int named; /* the number of ends[0] */
};

static _Noreturn void child(harness_misuse *misuse, int out, const int ends[2])
{
    dup2(out, STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    misuse(harness_loop_create(NULL), ends);
    _exit(0);
}

static const struct end *run(harness_misuse *misuse)
{
    static struct end end;
    int out[2], ends[2];
    size_t count = 0;
    harness_pipe(out, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = fork();
    if (pid == 0)
        child(misuse, out[1], ends);
    close(out[1]);
    ssize_t step;
    while ((step = read(out[0], end.text + count, sizeof end.text - 1 - count)) > 0)
        count += (size_t)step;
    end.text[count] = 0;
    end.named = ends[0];
    assert_int_equal(waitpid(pid, &end.status, 0), pid);
    close(out[0]);
    close(ends[0]);
    close(ends[1]);
    return &end;
}

/* How much stands before the expected line: what a sanitizer knows of the memory. */
static size_t reported(const char *text, const char *expected)
{
    size_t length = strlen(text);
    bool longer = ADDRESS_SANITIZED && length > strlen(expected);
    return longer ? length - strlen(expected) : 0;
}

void harness_assert_told(harness_misuse *misuse, const char *words, bool names_descriptor)
{
    char expected[400];
    const struct end *end = run(misuse);
    snprintf(expected, sizeof expected,
             names_descriptor ? "hark: rule broken: %s %d\n" : "hark: rule broken: %s\n", words,
             end->named);
    assert_string_equal(end->text + reported(end->text, expected), expected);
    assert_true(WIFSIGNALED(end->status));
    assert_int_equal(WTERMSIG(end->status), SIGABRT);
}

void harness_assert_reported(harness_misuse *misuse, const char *words)
{
    const struct end *end = run(misuse);
    assert_non_null(strstr(end->text, words));
    assert_false(WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0);
}

void harness_assert_not_told(harness_misuse *misuse)
{
    const struct end *end = run(misuse);
    assert_string_equal(end->text, "");
    assert_true(WIFEXITED(end->status));
    assert_int_equal(WEXITSTATUS(end->status), 0);
}

void harness_ignore(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

void harness_put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}
