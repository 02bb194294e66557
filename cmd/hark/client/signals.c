/* signals.c - the signals that end `hark pub` and `hark sub`. */
#include "client/signals.h"

#include <signal.h>

static void arrived(struct hark_op *op, int64_t number)
{
    (void)number;
    struct client_signals *signals = hark_container_of(op, struct client_signal, op)->all;
    if (hark_op_more(op))
        signals->came(signals);
}

void client_signals_watch(struct hark_loop *loop, struct client_signals *signals,
                          void (*came)(struct client_signals *signals))
{
    static const int numbers[CLIENT_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    signals->came = came;
    for (size_t i = 0; i < CLIENT_SIGNALS; i++) {
        struct sigaction now;
        signals->each[i].all = signals;
        if (numbers[i] == SIGTERM || hark_os_sigaction(numbers[i], NULL, &now) < 0 ||
            now.sa_handler != SIG_IGN)
            hark_signal_each(loop, &signals->each[i].op, numbers[i], arrived);
    }
}

void client_signals_done(struct client_signals *signals)
{
    for (size_t i = 0; i < CLIENT_SIGNALS; i++)
        hark_cancel(&signals->each[i].op);
}
