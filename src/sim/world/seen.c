/* seen.c - see the header. The file is mapped into this program, as recordings are: what was told
 * is there however the program ends. When a disk is done is known as soon as it is asked, and told
 * then where no request waits for it: so the order in the file is not that of the times. */
#include "sim/world/seen.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    EVENTS = 1 << 19, /* the newest stay */
    IRQ_DISK = 32,
    IRQ_NETWORK = 33,
    SOFTIRQ_NET_RX = 3,
    SECTOR = 512,
};

struct seen {
    struct hark_trace_ring *ring; /* the file */
    uint64_t sectors;             /* that were asked for so far */
    struct seen_block block;      /* of which is not told yet how it ends */
};

/* The real machine's: src/sim/posix/posix.h. */
int __real_openat64(int directory, const char *path, int flags, ...);
int __real_unlinkat(int directory, const char *path, int flags);
int __real_ftruncate64(int fd, off_t length);
int __real_close(int fd);
void *__real_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t bytes);

static const char file_name[] = "hark-kernel.events";
static const size_t file_bytes =
    sizeof(struct hark_trace_ring) + (size_t)EVENTS * sizeof(struct hark_trace_kernel_event);

/* --- the file --- */

static void *map_file(int directory)
{
    (void)__real_unlinkat(directory, file_name, 0);
    int fd =
        __real_openat64(directory, file_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)0600);
    void *memory = MAP_FAILED;
    if (fd >= 0 && __real_ftruncate64(fd, (off_t)file_bytes) == 0)
        memory = __real_mmap64(NULL, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        __real_close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

void seen_begin(int directory)
{
    seen_done();
    struct hark_trace_ring *ring = map_file(directory);
    if (!ring)
        return;
    *ring = (struct hark_trace_ring){
        .header_bytes = sizeof *ring,
        .event_bytes = sizeof(struct hark_trace_kernel_event),
        .capacity = EVENTS,
        .started_ns = world->now_ns,
    };
    memcpy(ring->magic, "harkkrn1", sizeof ring->magic);
    world->seen = memory_own(sizeof *world->seen);
    world->seen->ring = ring;
}

void seen_done(void)
{
    if (!world->seen)
        return;
    __real_munmap(world->seen->ring, file_bytes);
    memory_own_free(world->seen);
    world->seen = NULL;
}

/* Gives: the event's place, filled in as far as all have the same. */
static struct hark_trace_kernel_event *add(enum hark_trace_kernel_what what,
                                           const struct machine *machine, uint64_t number)
{
    struct hark_trace_ring *ring = world->seen->ring;
    struct hark_trace_kernel_event *events = (void *)(ring + 1);
    struct hark_trace_kernel_event *event = &events[ring->written++ % EVENTS];
    *event = (struct hark_trace_kernel_event){
        .time_ns = world->now_ns,
        .number = number,
        .cpu = machine->number - 1,
        .thread = world->thread ? world->thread->id : 0,
        .what = what,
    };
    return event;
}

/* --- requests --- */

void seen_tell_request(enum hark_trace_kernel_what what, const struct process *process,
                       uint64_t ring, uint64_t user_data, uint32_t opcode, int32_t result)
{
    struct hark_trace_kernel_event *event = add(what, process->machine, user_data);
    event->context = ring;
    event->length = opcode;
    event->value = result;
}

/* --- disks --- */

static struct hark_trace_kernel_event *add_block(enum hark_trace_kernel_what what,
                                                 const struct seen_block *block, uint64_t time_ns)
{
    struct hark_trace_kernel_event *event = add(what, block->machine, block->sector);
    event->time_ns = time_ns;
    event->device = (uint64_t)block->machine->number;
    event->length = block->sectors;
    snprintf(event->text, sizeof event->text, "%s",
             block->direction == 'R'   ? "R"
             : block->direction == 'W' ? "W"
                                       : "FF");
    return event;
}

static void add_irq(enum hark_trace_kernel_what what, const struct machine *machine, unsigned irq,
                    uint64_t time_ns)
{
    struct hark_trace_kernel_event *event = add(what, machine, irq);
    event->time_ns = time_ns;
    snprintf(event->text, sizeof event->text, "simulated %s", irq == IRQ_DISK ? "disk" : "NIC");
}

static void add_done(const struct seen_block *block, uint64_t time_ns)
{
    add_irq(HARK_TRACE_KERNEL_IRQ_ENTRY, block->machine, IRQ_DISK, time_ns);
    (void)add_block(HARK_TRACE_KERNEL_BLOCK_DONE, block, time_ns);
}

void seen_tell_block(const struct machine *machine, uint64_t begins_ns, uint64_t due_ns,
                     size_t bytes, char direction)
{
    struct seen *seen = world->seen;
    seen_tell_overtaken();
    struct seen_block *block = &seen->block;
    *block = (struct seen_block){
        .machine = machine,
        .sector = seen->sectors,
        .due_ns = due_ns,
        .sectors = (uint32_t)((bytes + SECTOR - 1) / SECTOR),
        .direction = direction,
    };
    seen->sectors += block->sectors ? block->sectors : 1;
    struct hark_trace_kernel_event *event =
        add_block(HARK_TRACE_KERNEL_BLOCK_QUEUE, block, world->now_ns);
    event->value = (unsigned char)direction;
    snprintf(event->text, sizeof event->text, "10.0.0.%d", machine->number);
    (void)add_block(HARK_TRACE_KERNEL_BLOCK_ISSUE, block, begins_ns);
}

struct seen_block seen_tell_taken(void)
{
    struct seen_block block = world->seen->block;
    world->seen->block = (struct seen_block){0};
    return block;
}

void seen_tell_overtaken(void)
{
    struct seen_block block = seen_tell_taken();
    if (!block.machine)
        return;
    add_done(&block, block.due_ns);
    add_irq(HARK_TRACE_KERNEL_IRQ_EXIT, block.machine, IRQ_DISK, block.due_ns);
}

void seen_tell_interrupt(const struct seen_block *block, bool begins)
{
    if (begins)
        add_done(block, world->now_ns);
    else
        add_irq(HARK_TRACE_KERNEL_IRQ_EXIT, block->machine, IRQ_DISK, world->now_ns);
}

/* --- packets --- */

/* What stays within a machine comes by no interrupt. */
void seen_tell_packet(const struct machine *to, bool is_loopback, size_t bytes, bool begins)
{
    if (!begins) {
        (void)add(HARK_TRACE_KERNEL_SOFTIRQ_EXIT, to, SOFTIRQ_NET_RX);
        return;
    }
    if (!is_loopback) {
        add_irq(HARK_TRACE_KERNEL_IRQ_ENTRY, to, IRQ_NETWORK, world->now_ns);
        (void)add(HARK_TRACE_KERNEL_SOFTIRQ_RAISE, to, SOFTIRQ_NET_RX);
        add_irq(HARK_TRACE_KERNEL_IRQ_EXIT, to, IRQ_NETWORK, world->now_ns);
    }
    (void)add(HARK_TRACE_KERNEL_SOFTIRQ_ENTRY, to, SOFTIRQ_NET_RX);
    struct hark_trace_kernel_event *event = add(HARK_TRACE_KERNEL_RECEIVE, to, 0);
    event->length = (uint32_t)bytes;
    snprintf(event->text, sizeof event->text, "%s", is_loopback ? "lo" : "simulated NIC");
}

/* --- threads --- */

void seen_tell_thread(enum hark_trace_kernel_what what, const struct thread *thread)
{
    (void)add(what, thread->process->machine, (uint64_t)thread->id);
}
