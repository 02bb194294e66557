/* network.c - the links between machines: each packet takes a time of its own, waits for those
 * before it where the link is narrow, is lost or doubled, as IP allows (RFC 791: no more than a
 * best effort; RFC 8085, 5.1, on doubles and order). Within a machine a packet arrives at once, as
 * Linux's loopback device does, or a little later, as it does when the receiving socket is in use
 * or the work is left to ksoftirqd. */
#include "sim/net/network.h"
#include "base/check.h"
#include "sim/world/luck.h"
#include "sim/world/notes.h"
#include "sim/world/seen.h"

#include <errno.h>
#include <string.h>

/* From one machine to another. */
struct link {
    struct link *next;
    int to;
    bool is_cut;
    uint64_t free_at_ns; /* all before it are on their way */
};

enum {
    LATENCY_LEAST_NS = 30000,
    LATENCY_MOST_NS = 5000000,
    LATE_PER_MILLION = 20000,
    LATE_ON_LOOPBACK_MOST_NS = 200000,
    DOUBLED_PER_MILLION = 2000,
    LOST_PER_MILLION = 1000,
    HEAD_BYTES = 40,
};
static const uint64_t bytes_per_second_usual = UINT64_C(125000000);
static const uint64_t second_ns = UINT64_C(1000000000);

/* --- what a machine keeps --- */

struct network *network_of(struct machine *machine)
{
    if (!machine->network)
        machine->network = memory_own(sizeof *machine->network);
    return machine->network;
}

void network_add(struct machine *machine, struct remnant *remnant)
{
    struct network *network = network_of(machine);
    remnant->previous = NULL;
    remnant->next = network->remnants;
    if (remnant->next)
        remnant->next->previous = remnant;
    network->remnants = remnant;
}

void network_remove(struct machine *machine, struct remnant *remnant)
{
    if (remnant->next)
        remnant->next->previous = remnant->previous;
    *(remnant->previous ? &remnant->previous->next : &network_of(machine)->remnants) =
        remnant->next;
}

static void free_packet(struct packet *packet)
{
    events_remove(&world->events, &packet->arrives);
    if (packet->next)
        packet->next->previous = packet->previous;
    *(packet->previous ? &packet->previous->next : &packet->from->network->packets) = packet->next;
    memory_own_free(packet);
}

void network_forget(struct machine *machine)
{
    struct network *network = network_of(machine);
    while (network->remnants)
        network->remnants->destroy(network->remnants);
    while (network->packets)
        free_packet(network->packets);
}

void network_destroy(struct machine *machine)
{
    struct network *network = network_of(machine);
    network_forget(machine);
    struct link *link;
    while ((link = network->links)) {
        network->links = link->next;
        memory_own_free(link);
    }
    memory_own_free(network->tcp);
    memory_own_free(network->udp);
    memory_own_free(network);
    machine->network = NULL;
}

/* --- links --- */

static struct link *link_to(struct machine *from, const struct machine *to)
{
    struct network *network = network_of(from);
    struct link *link = network->links;
    while (link && link->to != to->number)
        link = link->next;
    if (!link) {
        link = memory_own(sizeof *link);
        link->to = to->number;
        link->next = network->links;
        network->links = link;
    }
    return link;
}

static void cut(struct hark_sim_machine *one, struct hark_sim_machine *other, bool is_cut)
{
    struct machine *left = (struct machine *)one;
    struct machine *right = (struct machine *)other;
    check(left != right);
    link_to(left, right)->is_cut = is_cut;
    link_to(right, left)->is_cut = is_cut;
    note(is_cut ? "partition" : "heal", (uint64_t)left->number, (uint64_t)right->number, 0);
}

void hark_sim_partition(struct hark_sim_machine *one, struct hark_sim_machine *other)
{
    cut(one, other, true);
}

void hark_sim_heal(struct hark_sim_machine *one, struct hark_sim_machine *other)
{
    cut(one, other, false);
}

bool network_reaches(struct machine *from, const struct address *to)
{
    const struct machine *machine = address_find(to, from);
    return machine && machine->on && (machine == from || !link_to(from, machine)->is_cut);
}

/* --- packets --- */

struct packet *network_packet(size_t size)
{
    struct packet *packet = memory_own(sizeof *packet + size);
    packet->size = size;
    return packet;
}

static void arrive(struct event *event)
{
    struct packet *packet = hark_container_of(event, struct packet, arrives);
    const struct machine *to = packet->to;
    if (to->on && (to == packet->from || !link_to(packet->from, to)->is_cut)) {
        note("packet", (uint64_t)packet->from->number, (uint64_t)to->number, packet->size);
        seen_packet(to, to == packet->from, packet->size, true);
        packet->arrived(packet);
        seen_packet(to, to == packet->from, packet->size, false);
    }
    free_packet(packet);
}

static uint64_t loopback_ns(void)
{
    return luck_fails(HARK_SIM_FAULT_LINK, LATE_PER_MILLION)
               ? chance_delay(&world->chance, 0, LATE_ON_LOOPBACK_MOST_NS)
               : 0;
}

/* When what is sent now arrives: the link is taken for as long as its bytes need. */
static uint64_t arrival_over(struct link *link, size_t size)
{
    const struct hark_sim_options *options = &world->options;
    uint64_t least = options->latency_least_ns ? options->latency_least_ns : LATENCY_LEAST_NS;
    uint64_t most = options->latency_most_ns ? options->latency_most_ns : LATENCY_MOST_NS;
    uint64_t speed = options->bytes_per_second ? options->bytes_per_second : bytes_per_second_usual;
    uint64_t start_ns = link->free_at_ns > world->now_ns ? link->free_at_ns : world->now_ns;
    link->free_at_ns = start_ns + (size + HEAD_BYTES) * second_ns / speed;
    return link->free_at_ns + chance_delay(&world->chance, least, most > least ? most : least);
}

static void put_on_the_way(struct packet *packet, uint64_t at_ns, uint64_t *in_order)
{
    if (in_order && at_ns < *in_order)
        at_ns = *in_order;
    if (in_order)
        *in_order = at_ns;
    struct network *network = network_of(packet->from);
    packet->arrives.happen = arrive;
    packet->previous = NULL;
    packet->next = network->packets;
    if (packet->next)
        packet->next->previous = packet;
    network->packets = packet;
    events_set(&world->events, &packet->arrives, at_ns);
}

static struct packet *double_of(const struct packet *packet)
{
    struct packet *other = network_packet(packet->size);
    memcpy(other, packet, sizeof *packet + packet->size);
    other->arrives = (struct event){0};
    return other;
}

static bool is_lost(const struct link *link)
{
    uint32_t wanted = world->options.lost_per_million;
    return link->is_cut || luck_fails(HARK_SIM_FAULT_LINK, wanted ? wanted : LOST_PER_MILLION);
}

void network_send(struct machine *from, struct packet *packet, uint64_t *in_order)
{
    packet->from = from;
    packet->to = from->on ? address_find(&packet->target, from) : NULL;
    if (packet->to == from)
        return put_on_the_way(packet, world->now_ns + loopback_ns(), in_order);
    struct link *link = packet->to ? link_to(from, packet->to) : NULL;
    if (!link || is_lost(link)) {
        note("lost", (uint64_t)from->number, packet->size, 0);
        memory_own_free(packet);
        return;
    }
    if (luck_fails(HARK_SIM_FAULT_LINK, DOUBLED_PER_MILLION))
        put_on_the_way(double_of(packet), arrival_over(link, packet->size), in_order);
    put_on_the_way(packet, arrival_over(link, packet->size), in_order);
}
