/* libevent_child.c - starts a child, waits for its end, and for a signal that it sends. */
#include <event2/event.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;
static struct event *signals, *children;

static void signalled(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    (void)context;
    printf("signal\n");
    event_del(signals);
}

static void child_ended(evutil_socket_t number, short what, void *context)
{
    int status;
    (void)number;
    (void)what;
    (void)context;
    while (waitpid(-1, &status, WNOHANG) > 0) { /* every child of the process */
        printf("exit %d\n", WEXITSTATUS(status));
        event_del(children);
    }
}

int main(void)
{
    static char *arguments[] = {"sh", "-c", "kill -USR1 $PPID; exit 7", NULL};
    struct event_base *base = event_base_new();
    pid_t child;

    if (!base)
        return 1;
    signals = evsignal_new(base, SIGUSR1, signalled, NULL);
    children = evsignal_new(base, SIGCHLD, child_ended, NULL);
    event_add(signals, NULL);
    event_add(children, NULL);
    if (posix_spawnp(&child, "sh", NULL, NULL, arguments, environ))
        return 1;
    return event_base_dispatch(base) < 0;
}
