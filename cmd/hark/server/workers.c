/* workers.c - workers: how they begin, and who gets which connection.
 *
 * Connections are accepted by the owner and go to whoever has the fewest: they live long, so their
 * number is what makes the load, and a hash over addresses would spread a few of them badly.
 */
#include "server/workers.h"
#include "broker/broker.h"
#include "threads/owner.h"
#include "threads/source_remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES_KEPT_MAX = 32 };

static struct server_worker *server_worker_of(struct worker *worker)
{
    return hark_container_of(worker, struct server_worker, worker);
}

/* --- mail --- */

void workers_send(struct workers *workers, size_t mail_at, mail_arrived *arrived)
{
    for (uint32_t i = 1; i < workers->count; i++) {
        struct server_worker *own = &workers->all[i];
        if (!own->farewell.gone)
            mail_send(workers_owner(workers)->loop, &own->worker.mailbox,
                      (struct mail *)(void *)((char *)own + mail_at), arrived);
    }
}

void workers_send_owner(struct server_worker *from, struct mail *mail, mail_arrived *arrived)
{
    mail_send(from->worker.loop, &workers_owner(from->workers)->mailbox, mail, arrived);
}

/* --- memory --- */

static void worker_init(struct workers *workers, uint32_t index, const struct worker_calls *calls,
                        struct status *status)
{
    struct server_worker *own = &workers->all[index];
    struct worker *worker = &own->worker;
    const struct connection_options *options = &workers->options->connection;
    own->workers = workers;
    own->index = index;
    worker->loop = hark_group_loop(workers->group, index);
    live_init(&worker->live, worker->loop, workers->options->stages_ns);
    worker->options = options;
    worker->calls = calls;
    worker->status = status;
    mailbox_init(&worker->mailbox, worker->loop);
    list_init(&worker->connections);
    turns_init(&worker->turns, worker->loop, connection_turn);
    incoming_init(&worker->incoming, worker->loop, options->incoming_bytes, workers->count);
}

/* Limits of addresses, if the options have any. */
static int rates_make(struct worker *worker, const uint64_t per_second[RATE_KINDS])
{
    if (per_second[RATE_REQUESTS] == 0 && per_second[RATE_BYTES] == 0)
        return 0;
    worker->rates = calloc(1, sizeof *worker->rates);
    if (!worker->rates)
        return -ENOMEM;
    memcpy(worker->rates->per_second, per_second, sizeof worker->rates->per_second);
    return hark_os_random(worker->loop, &worker->rates->seed, sizeof worker->rates->seed);
}

int workers_create(struct workers *workers, const struct serve_options *options,
                   struct hark_group *group, const struct worker_calls *calls,
                   struct status *status)
{
    workers->options = options;
    workers->group = group;
    workers->stalls.limit_ns = options->stall_ns;
    workers->count = hark_group_size(group);
    size_t bytes = workers->count * sizeof *workers->all;
    workers->all = aligned_alloc(_Alignof(struct server_worker), bytes);
    if (!workers->all)
        return -ENOMEM;
    memset(workers->all, 0, bytes);
    int error = 0;
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_init(workers, i, calls, status);
        if (error == 0)
            error = rates_make(&workers->all[i].worker, options->rates);
    }
    return error;
}

void workers_done(struct workers *workers)
{
    for (uint32_t i = 0; i < workers->count && workers->all; i++) {
        blocks_done(&workers->all[i].worker.publishes);
        live_done(&workers->all[i].worker.live);
        hark_tls_destroy(workers->all[i].worker.tls);
        access_done(&workers->all[i].worker.access);
        free(workers->all[i].worker.rates);
    }
    free(workers->all);
    peers_done(&workers->peers);
}

/* --- the beginning --- */

static void held(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

void workers_begin_loop(struct workers *workers, struct hark_loop *loop, uint32_t index)
{
    struct server_worker *own = &workers->all[index];
    if (workers->stalls.limit_ns != 0)
        stalls_watch(&own->stall_watch, &workers->stalls, &own->worker, index);
    if (index != 0) /* the others have nothing to do but what comes by mail */
        hark_sleep_until(loop, &own->hold, HARK_NEVER, held);
}

static void others_begun(struct workers *workers)
{
    if (workers->begun + 1 == workers->count)
        workers->ready(workers, workers->begin_error);
}

static void begun(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, beginning.mail);
    struct workers *workers = own->workers;
    if (own->beginning.error < 0) {
        workers->begin_error = own->beginning.error;
        owner_lend_not(own->beginning.relay);
    }
    workers->begun++;
    others_begun(workers);
}

static void begin(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, beginning.mail);
    struct worker_beginning *beginning = &own->beginning;
    beginning->error = source_remote_broker(own->worker.loop, beginning->relay,
                                            &own->workers->broker_options, &own->worker.broker);
    workers_send_owner(own, mail, begun);
}

static int lend(struct workers *workers)
{
    struct worker *owner = workers_owner(workers);
    int error = 0;
    if (workers->count > 1)
        error = owner_create(owner->broker, &owner->mailbox, &workers->owner);
    for (uint32_t i = 1; i < workers->count && error == 0; i++) {
        struct server_worker *own = &workers->all[i];
        error = owner_lend(workers->owner, &own->worker.mailbox, &own->beginning.relay);
    }
    return error;
}

static void lend_not(struct workers *workers)
{
    for (uint32_t i = 1; i < workers->count; i++)
        if (workers->all[i].beginning.relay)
            owner_lend_not(workers->all[i].beginning.relay);
}

void workers_begin(struct workers *workers, struct log *log, _Atomic(int) *trouble,
                   void (*ready)(struct workers *workers, int error))
{
    struct worker *owner = workers_owner(workers);
    workers->ready = ready;
    workers->broker_options = workers->options->broker;
    workers->broker_options.brokers = workers->count;
    workers->broker_options.trouble = trouble;
    int error = broker_create(owner->loop, log, &workers->broker_options, &owner->broker);
    if (error == 0) {
        error = lend(workers);
        if (error < 0)
            lend_not(workers);
    }
    if (error < 0) {
        ready(workers, error);
        return;
    }
    workers_send(workers, offsetof(struct server_worker, beginning.mail), begin);
    others_begun(workers);
}

/* --- connections --- */

/* One on its way. */
struct handover {
    struct mail mail;
    struct worker *worker;
    struct arrival arrival;
};

static void arrived(struct mail *mail)
{
    struct handover *handover = hark_container_of(mail, struct handover, mail);
    struct worker *worker = handover->worker;
    struct arrival arrival = handover->arrival;
    free(handover);
    connection_accept(worker, &arrival);
}

/* The worker writes `over` alone, and the owner reads it. */
void workers_connection_ended(struct worker *worker, enum protocol_kind protocol)
{
    struct server_worker *own = server_worker_of(worker);
    struct workers *workers = own->workers;
    atomic_fetch_sub_explicit(&workers->open[protocol], 1, memory_order_relaxed);
    uint64_t over = atomic_load_explicit(&own->load.over, memory_order_relaxed);
    atomic_store_explicit(&own->load.over, over + 1, memory_order_relaxed);
    if (own->index == 0)
        reserve_fill(workers->reserve);
}

static uint64_t connections_of(const struct server_worker *own)
{
    return own->load.dealt - atomic_load_explicit(&own->load.over, memory_order_relaxed);
}

/* Each protocol leaves a few places to the other: whoever fills the lines port with connections
 * that say nothing does not lock out who looks after the server. */
static bool has_place(const struct workers *workers, enum protocol_kind protocol)
{
    uint64_t kept = workers->connections_max / 8;
    bool both = workers->options->http_count != 0 && workers->options->lines_count != 0;
    if (kept > PLACES_KEPT_MAX)
        kept = PLACES_KEPT_MAX;
    uint64_t open = atomic_load_explicit(&workers->open[protocol], memory_order_relaxed);
    return !both || open < workers->connections_max - kept;
}

/* Chooses who gets the next connection. Gives: NULL: there are as many as there may be. */
static struct server_worker *choose(struct workers *workers, enum protocol_kind protocol)
{
    struct server_worker *least = &workers->all[0];
    uint64_t connections = 0;
    uint64_t fewest = UINT64_MAX;
    for (uint32_t i = 1; i <= workers->count; i++) {
        struct server_worker *next = &workers->all[(workers->last + i) % workers->count];
        uint64_t own = connections_of(next);
        connections += own;
        if (own < fewest) {
            least = next;
            fewest = own;
        }
    }
    if (connections >= workers->connections_max || !has_place(workers, protocol))
        return NULL;
    workers->last = least->index;
    return least;
}

/* Hands a connection over. Gives: false: no memory, it is still the caller's. */
static bool hand_over(struct worker *owner, struct server_worker *to, const struct arrival *arrival)
{
    struct handover *handover = malloc(sizeof *handover);
    if (!handover)
        return false;
    *handover = (struct handover){.worker = &to->worker, .arrival = *arrival};
    to->load.dealt++;
    hark_os_forget(owner->loop, arrival->fd); /* nothing was started on it here */
    mail_send(owner->loop, &to->worker.mailbox, &handover->mail, arrived);
    return true;
}

void workers_deal(struct workers *workers, const struct arrival *accepted)
{
    struct server_worker *owner = &workers->all[0];
    struct arrival arrival = *accepted;
    enum protocol_kind protocol = arrival.protocol->kind;
    struct server_worker *to = choose(workers, protocol);
    uint64_t limit = workers->options->connections_each;
    reserve_fill(workers->reserve);
    if (!to || reserve_lacks(workers->reserve) ||
        !peer_enter(&workers->peers, owner->worker.loop, limit, arrival.fd, &arrival.peer)) {
        owner->worker.counters.shed++;
        hark_os_close(owner->worker.loop, arrival.fd);
        reserve_fill(workers->reserve); /* its descriptor, if one is lacking */
        return;
    }
    atomic_fetch_add_explicit(&workers->open[protocol], 1, memory_order_relaxed);
    if (to == owner || !hand_over(&owner->worker, to, &arrival)) {
        owner->load.dealt++;
        connection_accept(&owner->worker, &arrival);
    }
}
