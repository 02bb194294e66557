/* libev_child.c - starts a child, waits for its end, and for a signal that it sends. */
#include <ev.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

static void signalled(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)events;
    printf("signal\n");
    ev_signal_stop(loop, watcher);
}

static void ended(struct ev_loop *loop, ev_child *watcher, int events)
{
    (void)events;
    printf("exit %d\n", WEXITSTATUS(watcher->rstatus));
    ev_child_stop(loop, watcher);
}

int main(void)
{
    static char *arguments[] = {"sh", "-c", "kill -USR1 $PPID; exit 7", NULL};
    struct ev_loop *loop = ev_default_loop(0); /* the default loop alone knows of children */
    ev_signal signals;
    ev_child end;
    pid_t child;

    ev_signal_init(&signals, signalled, SIGUSR1);
    ev_signal_start(loop, &signals);
    if (posix_spawnp(&child, "sh", NULL, NULL, arguments, environ))
        return 1;
    ev_child_init(&end, ended, child, 0);
    ev_child_start(loop, &end);
    ev_run(loop, 0);
    return 0;
}
