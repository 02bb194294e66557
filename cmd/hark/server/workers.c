/* workers.c - the mail between the owner and the other agents: their beginning, their end, and the
 * dealing out of connections.
 *
 * Connections are accepted by the owner and go to whoever has the fewest: they live long, so their
 * number is what makes the load, and a hash over addresses would spread a few of them badly. What
 * must hold: an agent's loop ends when the owner has heard that it is gone, and the owner sends it
 * nothing from then on.
 */
#include "connection/connection.h"

#include <errno.h>
#include <stdlib.h>

enum { PLACES_KEPT_MAX = 32 };

/* Takes: mail_at: where the mail stands in each agent. */
static void send_others(struct agent *owner, size_t mail_at, mail_arrived *arrived)
{
    struct crew *crew = owner->crew;
    for (uint32_t i = 1; i < crew->count; i++) {
        struct agent *agent = &crew->agents[i];
        if (!agent->is_gone)
            mail_send(owner->loop, &agent->mailbox,
                      (struct mail *)(void *)((char *)agent + mail_at), arrived);
    }
}

static void send_owner(struct agent *agent, struct mail *mail, mail_arrived *arrived)
{
    mail_send(agent->loop, &agent_owner(agent)->mailbox, mail, arrived);
}

/* --- the beginning --- */

static void others_begun(struct agent *owner)
{
    struct crew *crew = owner->crew;
    if (crew->begun + 1 == crew->count)
        crew_is_ready(owner, crew->begin_error);
}

static void begun(struct mail *mail)
{
    struct agent *agent = hark_container_of(mail, struct agent, begin);
    struct crew *crew = agent->crew;
    if (agent->begin_error < 0) {
        crew->begin_error = agent->begin_error;
        broker_lend_not(agent->relay);
    }
    crew->begun++;
    others_begun(&crew->agents[0]);
}

static void begin(struct mail *mail)
{
    struct agent *agent = hark_container_of(mail, struct agent, begin);
    struct broker_options options = agent_broker_options(agent);
    agent->begin_error = broker_create_remote(agent->loop, agent->relay, &options, &agent->broker);
    send_owner(agent, mail, begun);
}

void crew_begin(struct agent *owner)
{
    struct crew *crew = owner->crew;
    int error = 0;
    for (uint32_t i = 1; i < crew->count && error == 0; i++)
        error = broker_lend(owner->broker, &crew->agents[i].mailbox, &crew->agents[i].relay);
    if (error < 0) {
        for (uint32_t i = 1; i < crew->count; i++)
            if (crew->agents[i].relay)
                broker_lend_not(crew->agents[i].relay);
        crew_is_ready(owner, error);
        return;
    }
    send_others(owner, offsetof(struct agent, begin), begin);
    others_begun(owner);
}

/* --- the end --- */

static void finish(struct mail *mail)
{
    shutdown_follow(hark_container_of(mail, struct agent, finish), ENDING_ACCEPTED);
}

static void farewell(struct mail *mail)
{
    shutdown_follow(hark_container_of(mail, struct agent, farewell), ENDING_SUBSCRIBERS);
}

static void cut(struct mail *mail)
{
    shutdown_cut(hark_container_of(mail, struct agent, cut));
}

void crew_finish(struct agent *owner)
{
    send_others(owner, offsetof(struct agent, finish), finish);
}

void crew_farewell(struct agent *owner)
{
    send_others(owner, offsetof(struct agent, farewell), farewell);
}

void crew_cut(struct agent *owner)
{
    send_others(owner, offsetof(struct agent, cut), cut);
}

static void is_idle(struct mail *mail)
{
    struct agent *owner = agent_owner(hark_container_of(mail, struct agent, finish));
    owner->crew->idle++;
    shutdown_advance(owner);
}

void crew_tell_idle(struct agent *agent)
{
    if (!agent->told_idle)
        send_owner(agent, &agent->finish, is_idle);
    agent->told_idle = true;
}

static void released(struct mail *mail)
{
    hark_cancel(&hark_container_of(mail, struct agent, farewell)->hold);
}

static void is_gone(struct mail *mail)
{
    struct agent *agent = hark_container_of(mail, struct agent, farewell);
    struct agent *owner = agent_owner(agent);
    owner->crew->gone++;
    agent->is_gone = true;
    mail_send(owner->loop, &agent->mailbox, mail, released);
    shutdown_advance(owner);
}

void crew_tell_gone(struct agent *agent)
{
    send_owner(agent, &agent->farewell, is_gone);
}

bool crew_is_idle(const struct agent *owner)
{
    return owner->crew->idle + 1 == owner->crew->count;
}

bool crew_is_gone(const struct agent *owner)
{
    return owner->crew->gone + 1 == owner->crew->count;
}

/* --- connections --- */

/* A connection on its way. */
struct arrival {
    struct mail mail;
    struct agent *agent;
    const struct port *port;
    int fd;
    struct peer *peer;
};

static void arrived(struct mail *mail)
{
    struct arrival arrival = *hark_container_of(mail, struct arrival, mail);
    struct agent *agent = arrival.agent;
    free(hark_container_of(mail, struct arrival, mail));
    session_open_or_shed(agent, arrival.port, arrival.fd, arrival.peer);
}

static uint64_t connections_of(const struct agent *agent)
{
    return agent->dealt - atomic_load_explicit(&agent->over, memory_order_relaxed);
}

/* Each protocol leaves a few places to the other: whoever fills the lines port with connections
 * that say nothing does not lock out who looks after the server. */
static bool has_place(const struct agent *owner, enum protocol protocol)
{
    uint64_t kept = owner->connections_max / 8;
    bool both = owner->options->http_count != 0 && owner->options->lines_count != 0;
    if (kept > PLACES_KEPT_MAX)
        kept = PLACES_KEPT_MAX;
    uint64_t open = atomic_load_explicit(&owner->crew->open[protocol], memory_order_relaxed);
    return !both || open < owner->connections_max - kept;
}

struct agent *crew_deal(struct agent *owner, enum protocol protocol)
{
    struct crew *crew = owner->crew;
    struct agent *least = owner;
    uint64_t connections = 0;
    uint64_t fewest = UINT64_MAX;
    for (uint32_t i = 1; i <= crew->count; i++) {
        struct agent *agent = &crew->agents[(crew->turn + i) % crew->count];
        uint64_t own = connections_of(agent);
        connections += own;
        if (own < fewest) {
            least = agent;
            fewest = own;
        }
    }
    if (connections >= owner->connections_max || !has_place(owner, protocol))
        return NULL;
    crew->turn = least->index;
    return least;
}

bool crew_hand_over(struct agent *owner, struct agent *to, const struct port *port, int fd,
                    struct peer *peer)
{
    struct arrival *arrival = malloc(sizeof *arrival);
    if (!arrival)
        return false;
    *arrival = (struct arrival){.agent = to, .port = port, .fd = fd, .peer = peer};
    to->dealt++;
    hark_os_forget(owner->loop, fd); /* nothing was started on it here */
    mail_send(owner->loop, &to->mailbox, &arrival->mail, arrived);
    return true;
}
