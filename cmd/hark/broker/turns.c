/* turns.c - giving subscribers their turn, and the heartbeat.
 *
 * All events of a commit are in the rings before the first subscriber gets its turn, so each sends
 * them in one call. A turn of the loop serves a bounded number of subscribers, and of heartbeats:
 * others than they are served as well.
 */
#include "broker/relay.h"
#include "broker/state.h"

#include <string.h>

#include "wire/sse.h"

enum { TURN_SUBSCRIBERS = 256 };

static void pump_first(struct broker *broker)
{
    struct broker_reader *reader =
        hark_container_of(broker->ready.next, struct broker_reader, place);
    list_remove(&reader->place);
    broker_reader_pump(reader);
}

void broker_flush(struct broker *broker)
{
    relays_flush(broker);
    while (!list_empty(&broker->ready))
        pump_first(broker);
}

/* Sends a comment to the next of those that have waited for the whole period. */
static void beat_first(struct broker *broker)
{
    struct broker_reader *reader =
        hark_container_of(broker->beating.next, struct broker_reader, among_all);
    list_remove(&reader->among_all);
    list_append(&broker->all[BROKER_SSE], &reader->among_all);
    bool told = reader->told;
    reader->told = false;
    if (told || reader->sending || reader->reading || reader->broken)
        return;
    list_remove(&reader->place);
    broker->statistics.heartbeats++;
    broker_reader_send(reader, SSE_HEARTBEAT, strlen(SSE_HEARTBEAT));
    reader->told = false; /* else every second one would be left out */
}

static void turn(struct hark_op *op, int64_t result)
{
    struct broker *broker = hark_container_of(op, struct broker, turn);
    (void)result;
    for (int i = 0; i < TURN_SUBSCRIBERS && !list_empty(&broker->ready); i++)
        pump_first(broker);
    for (int i = 0; i < TURN_SUBSCRIBERS && !list_empty(&broker->beating); i++)
        beat_first(broker);
    broker_buffers_offer(broker);
    broker_turns(broker);
    broker_close_check(broker);
}

void broker_turn(struct broker *broker)
{
    if (!hark_op_active(&broker->turn))
        hark_defer(broker->loop, &broker->turn, turn);
}

void broker_turns(struct broker *broker)
{
    if (!list_empty(&broker->ready) || !list_empty(&broker->beating))
        broker_turn(broker);
}

/* --- the heartbeat --- */

static void beat(struct hark_op *op, int64_t result)
{
    struct broker *broker = hark_container_of(op, struct broker, heartbeat);
    (void)result;
    if (!hark_op_more(op)) {
        broker_heartbeat(broker); /* somebody may have come since it was cancelled */
        broker_close_check(broker);
        return;
    }
    list_move(&broker->beating, &broker->all[BROKER_SSE]);
    broker_turns(broker);
}

void broker_heartbeat(struct broker *broker)
{
    bool wanted = (!list_empty(&broker->all[BROKER_SSE]) || !list_empty(&broker->beating)) &&
                  !broker->closing;
    if (wanted && !hark_op_active(&broker->heartbeat))
        hark_every(broker->loop, &broker->heartbeat, broker->options.heartbeat_ns, beat);
    else if (!wanted)
        hark_cancel(&broker->heartbeat);
}
