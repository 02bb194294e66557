/* libuv_child.c - starts a child, waits for its end, and for a signal that it sends. */
#include <signal.h>
#include <stdio.h>
#include <uv.h>

static void signalled(uv_signal_t *handle, int number)
{
    (void)number;
    printf("signal\n");
    uv_close((uv_handle_t *)handle, NULL);
}

static void ended(uv_process_t *process, int64_t status, int number)
{
    if (number == 0)
        printf("exit %d\n", (int)status);
    uv_close((uv_handle_t *)process, NULL);
}

int main(void)
{
    static char *arguments[] = {"sh", "-c", "kill -USR1 $PPID; exit 7", NULL};
    static uv_process_options_t options = {.file = "sh", .args = arguments, .exit_cb = ended};
    static uv_process_t child;
    static uv_signal_t signals;

    uv_signal_init(uv_default_loop(), &signals);
    uv_signal_start(&signals, signalled, SIGUSR1);
    if (uv_spawn(uv_default_loop(), &child, &options) < 0)
        return 1;
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
