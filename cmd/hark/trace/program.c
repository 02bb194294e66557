/* program.c - fork, exec, and what came of it. */
#include "trace/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"
#include "trace/collection.h"

enum { CODE_NOT_FOUND = 127, CODE_CANNOT_RUN = 126, CODE_KILLED = 128 };

/* In the child. The pipe tells the parent's side why there is no program. */
static _Noreturn void become(char *const *argv, int told, const sigset_t *mask)
{
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    int error = errno;
    ssize_t count = write(told, &error, sizeof error);
    _exit(count == sizeof error ? CODE_NOT_FOUND : CODE_CANNOT_RUN);
}

static void set_environment(const char *directory, unsigned events)
{
    char number[16];
    snprintf(number, sizeof number, "%u", events ? events : TRACE_EVENTS_DEFAULT);
    setenv("HARK_TRACE", directory, 1);
    setenv("HARK_TRACE_EVENTS", number, events != 0);
}

/* Gives: why it did not become the program; 0: it did. */
static int await_exec(int told)
{
    int error = 0;
    ssize_t count;
    do
        count = read(told, &error, sizeof error);
    while (count < 0 && errno == EINTR);
    return count == sizeof error ? error : 0;
}

int trace_program_start(struct trace_program *program, char *const *argv, const char *directory,
                        unsigned events, const sigset_t *mask)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        say("trace: cannot start %s: %s", argv[0], why(errno));
        return CODE_CANNOT_RUN;
    }
    pid_t pid = fork();
    if (pid == 0) {
        set_environment(directory, events);
        become(argv, ends[1], mask);
    }
    int error = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0)
        error = await_exec(ends[0]);
    close(ends[0]);
    if (!error) {
        program->pid = pid;
        return 0;
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    say("trace: cannot start %s: %s", argv[0], why(error));
    return error == ENOENT ? CODE_NOT_FOUND : CODE_CANNOT_RUN;
}

void trace_program_look(struct trace_program *program)
{
    int status;
    if (program->ended || waitpid(program->pid, &status, WNOHANG) != program->pid)
        return;
    program->ended = true;
    program->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    program->code = program->signal ? CODE_KILLED + program->signal : WEXITSTATUS(status);
}

void trace_program_signal(const struct trace_program *program, int number)
{
    if (program->pid > 0 && !program->ended)
        kill(program->pid, number);
}
