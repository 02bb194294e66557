/* workers.c - the mail between the owner and the other workers: their beginning, their end, and the
 * dealing out of connections.
 *
 * Connections are accepted by the owner and go to whoever has the fewest: they live long, so their
 * number is what makes the load, and a hash over addresses would spread a few of them badly. What
 * must hold: a worker's loop ends when the owner has heard that it is gone, and the owner sends it
 * nothing from then on.
 */
#include "broker/options.h"
#include "connection/connection.h"
#include "threads/owner.h"
#include "threads/source_remote.h"

#include <errno.h>
#include <stdlib.h>

enum { PLACES_KEPT_MAX = 32 };

/* Takes: mail_at: where the mail stands in each worker. */
static void send_others(struct worker *owner, size_t mail_at, mail_arrived *arrived)
{
    struct server *server = owner->server;
    for (uint32_t i = 1; i < server->count; i++) {
        struct worker *worker = &server->workers[i];
        if (!worker->is_gone)
            mail_send(owner->loop, &worker->mailbox,
                      (struct mail *)(void *)((char *)worker + mail_at), arrived);
    }
}

static void send_owner(struct worker *worker, struct mail *mail, mail_arrived *arrived)
{
    mail_send(worker->loop, &worker_owner(worker)->mailbox, mail, arrived);
}

/* --- the beginning --- */

static void others_begun(struct worker *owner)
{
    struct server *server = owner->server;
    if (server->begun + 1 == server->count)
        workers_are_ready(owner, server->begin_error);
}

static void begun(struct mail *mail)
{
    struct worker *worker = hark_container_of(mail, struct worker, begin);
    struct server *server = worker->server;
    if (worker->begin_error < 0) {
        server->begin_error = worker->begin_error;
        owner_lend_not(worker->relay);
    }
    server->begun++;
    others_begun(&server->workers[0]);
}

static void begin(struct mail *mail)
{
    struct worker *worker = hark_container_of(mail, struct worker, begin);
    struct broker_options options = worker_broker_options(worker);
    worker->begin_error =
        source_remote_broker(worker->loop, worker->relay, &options, &worker->broker);
    send_owner(worker, mail, begun);
}

void workers_begin(struct worker *owner)
{
    struct server *server = owner->server;
    int error = 0;
    if (server->count > 1)
        error = owner_create(owner->broker, &owner->mailbox, &server->owner);
    for (uint32_t i = 1; i < server->count && error == 0; i++)
        error = owner_lend(server->owner, &server->workers[i].mailbox, &server->workers[i].relay);
    if (error < 0) {
        for (uint32_t i = 1; i < server->count; i++)
            if (server->workers[i].relay)
                owner_lend_not(server->workers[i].relay);
        workers_are_ready(owner, error);
        return;
    }
    send_others(owner, offsetof(struct worker, begin), begin);
    others_begun(owner);
}

/* --- the end --- */

static void finish(struct mail *mail)
{
    shutdown_follow(hark_container_of(mail, struct worker, finish), ENDING_ACCEPTED);
}

static void farewell(struct mail *mail)
{
    shutdown_follow(hark_container_of(mail, struct worker, farewell), ENDING_SUBSCRIBERS);
}

static void cut(struct mail *mail)
{
    shutdown_cut(hark_container_of(mail, struct worker, cut));
}

void workers_finish(struct worker *owner)
{
    send_others(owner, offsetof(struct worker, finish), finish);
}

void workers_farewell(struct worker *owner)
{
    send_others(owner, offsetof(struct worker, farewell), farewell);
}

void workers_cut(struct worker *owner)
{
    send_others(owner, offsetof(struct worker, cut), cut);
}

static void is_idle(struct mail *mail)
{
    pending_end(&worker_owner(hark_container_of(mail, struct worker, finish))->accepted);
}

void workers_send_idle(struct worker *worker)
{
    send_owner(worker, &worker->finish, is_idle);
}

static void released(struct mail *mail)
{
    hark_cancel(&hark_container_of(mail, struct worker, farewell)->hold);
}

static void is_gone(struct mail *mail)
{
    struct worker *worker = hark_container_of(mail, struct worker, farewell);
    struct worker *owner = worker_owner(worker);
    worker->is_gone = true;
    mail_send(owner->loop, &worker->mailbox, mail, released);
    pending_end(&owner->connected);
}

void workers_send_gone(struct worker *worker)
{
    send_owner(worker, &worker->farewell, is_gone);
}

/* --- connections --- */

/* A connection on its way. */
struct arrival {
    struct mail mail;
    struct worker *worker;
    const struct listener *listener;
    int fd;
    struct peer *peer;
};

static void arrived(struct mail *mail)
{
    struct arrival arrival = *hark_container_of(mail, struct arrival, mail);
    struct worker *worker = arrival.worker;
    free(hark_container_of(mail, struct arrival, mail));
    connection_open_or_shed(worker, arrival.listener, arrival.fd, arrival.peer);
}

static uint64_t connections_of(const struct worker *worker)
{
    return worker->dealt - atomic_load_explicit(&worker->over, memory_order_relaxed);
}

/* Each protocol leaves a few places to the other: whoever fills the lines port with connections
 * that say nothing does not lock out who looks after the server. */
static bool has_place(const struct worker *owner, enum protocol protocol)
{
    uint64_t kept = owner->connections_max / 8;
    bool both = owner->options->http_count != 0 && owner->options->lines_count != 0;
    if (kept > PLACES_KEPT_MAX)
        kept = PLACES_KEPT_MAX;
    uint64_t open = atomic_load_explicit(&owner->server->open[protocol], memory_order_relaxed);
    return !both || open < owner->connections_max - kept;
}

struct worker *workers_deal(struct worker *owner, enum protocol protocol)
{
    struct server *server = owner->server;
    struct worker *least = owner;
    uint64_t connections = 0;
    uint64_t fewest = UINT64_MAX;
    for (uint32_t i = 1; i <= server->count; i++) {
        struct worker *worker = &server->workers[(server->turn + i) % server->count];
        uint64_t own = connections_of(worker);
        connections += own;
        if (own < fewest) {
            least = worker;
            fewest = own;
        }
    }
    if (connections >= owner->connections_max || !has_place(owner, protocol))
        return NULL;
    server->turn = least->index;
    return least;
}

bool workers_hand_over(struct worker *owner, struct worker *to, const struct listener *listener,
                       int fd, struct peer *peer)
{
    struct arrival *arrival = malloc(sizeof *arrival);
    if (!arrival)
        return false;
    *arrival = (struct arrival){.worker = to, .listener = listener, .fd = fd, .peer = peer};
    to->dealt++;
    hark_os_forget(owner->loop, fd); /* nothing was started on it here */
    mail_send(owner->loop, &to->mailbox, &arrival->mail, arrived);
    return true;
}
