/* fan_out.c - giving subscribers their turn, and the heartbeat.
 *
 * All events of a commit are in the rings before the first subscriber gets its turn, so each sends
 * them in one call. A turn of the loop serves a bounded number of subscribers, and of heartbeats:
 * others than they are served as well.
 */
#include "hub/feed.h"
#include "hub/state.h"

#include <string.h>

#include "wire/sse.h"

enum { TURN_SUBSCRIBERS = 256 };

static void pump_first(struct hub *hub)
{
    struct hub_subscriber *subscriber =
        hark_container_of(hub->ready.next, struct hub_subscriber, place);
    list_remove(&subscriber->place);
    hub_subscriber_pump(subscriber);
}

void hub_flush(struct hub *hub)
{
    feeds_flush(hub);
    while (!list_empty(&hub->ready))
        pump_first(hub);
}

/* Sends a comment to the next of those that have waited for the whole period. */
static void beat_first(struct hub *hub)
{
    struct hub_subscriber *subscriber =
        hark_container_of(hub->beating.next, struct hub_subscriber, among_all);
    list_remove(&subscriber->among_all);
    list_append(&hub->all[HUB_SSE], &subscriber->among_all);
    bool told = subscriber->told;
    subscriber->told = false;
    if (told || subscriber->sending || subscriber->reading || subscriber->broken)
        return;
    list_remove(&subscriber->place);
    hub->statistics.heartbeats++;
    hub_subscriber_send(subscriber, SSE_HEARTBEAT, strlen(SSE_HEARTBEAT));
    subscriber->told = false; /* else every second one would be left out */
}

static void fan_out(struct hark_op *op, int64_t result)
{
    struct hub *hub = hark_container_of(op, struct hub, fan_out);
    (void)result;
    for (int i = 0; i < TURN_SUBSCRIBERS && !list_empty(&hub->ready); i++)
        pump_first(hub);
    for (int i = 0; i < TURN_SUBSCRIBERS && !list_empty(&hub->beating); i++)
        beat_first(hub);
    hub_buffers_offer(hub);
    hub_fan_out(hub);
    hub_close_check(hub);
}

void hub_turn(struct hub *hub)
{
    if (!hark_op_active(&hub->fan_out))
        hark_defer(hub->loop, &hub->fan_out, fan_out);
}

void hub_fan_out(struct hub *hub)
{
    if (!list_empty(&hub->ready) || !list_empty(&hub->beating))
        hub_turn(hub);
}

/* --- the heartbeat --- */

static void beat(struct hark_op *op, int64_t result)
{
    struct hub *hub = hark_container_of(op, struct hub, heartbeat);
    (void)result;
    if (!hark_op_more(op)) {
        hub_heartbeat(hub); /* somebody may have come since it was cancelled */
        hub_close_check(hub);
        return;
    }
    list_move(&hub->beating, &hub->all[HUB_SSE]);
    hub_fan_out(hub);
}

void hub_heartbeat(struct hub *hub)
{
    bool wanted = (!list_empty(&hub->all[HUB_SSE]) || !list_empty(&hub->beating)) && !hub->closing;
    if (wanted && !hark_op_active(&hub->heartbeat))
        hark_every(hub->loop, &hub->heartbeat, hub->options.heartbeat_ns, beat);
    else if (!wanted)
        hark_cancel(&hub->heartbeat);
}
