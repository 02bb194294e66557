/* control.c - finds hark_trace_control in the memory of another process, and writes there.
 *
 * Only memory is looked at, never the files that were mapped: those may be gone, or lie in another
 * mount name space. The head of an ELF file is mapped with its first segment; the notes of a
 * loaded file are in a segment too. Nothing found there is believed: it may be any program's. */
#include "trace/control.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

enum { SEGMENTS_MAX = 64, NOTES_BYTES_MAX = 8192 };

/* --- another one's memory --- */

/* Gives: 0: all of it was read; a negative errno. */
static int read_memory(pid_t pid, uint64_t address, void *bytes, size_t count)
{
    struct iovec to = {.iov_base = bytes, .iov_len = count};
    struct iovec from = {.iov_len = count};
    memcpy(&from.iov_base, &address, sizeof from.iov_base);
    ssize_t done = process_vm_readv(pid, &to, 1, &from, 1, 0);
    if (done < 0)
        return -errno;
    return (size_t)done == count ? 0 : -EFAULT;
}

static int write_memory(pid_t pid, uint64_t address, const void *bytes, size_t count)
{
    struct iovec from = {.iov_len = count};
    struct iovec to = {.iov_len = count};
    memcpy(&from.iov_base, &bytes, sizeof from.iov_base);
    memcpy(&to.iov_base, &address, sizeof to.iov_base);
    ssize_t done = process_vm_writev(pid, &from, 1, &to, 1, 0);
    if (done < 0)
        return -errno;
    return (size_t)done == count ? 0 : -EFAULT;
}

/* --- finding --- */

static int read_control(pid_t pid, uint64_t address, struct hark_trace_control *control)
{
    int error = read_memory(pid, address, control, sizeof *control);
    if (error)
        return error;
    return memcmp(control->magic, "harkctl1", sizeof control->magic) == 0 &&
                   control->bytes >= sizeof *control
               ? 0
               : -ENOENT;
}

static void add(struct trace_controls *controls, uint64_t address)
{
    struct hark_trace_control control;
    for (size_t i = 0; i < controls->count; i++)
        if (controls->addresses[i] == address)
            return;
    if (controls->count < TRACE_CONTROLS_MAX && read_control(controls->pid, address, &control) == 0)
        controls->addresses[controls->count++] = address;
}

static size_t padded(size_t count)
{
    return (count + 3) & ~(size_t)3;
}

static void look_at_notes(struct trace_controls *controls, uint64_t address, size_t count)
{
    static const char owner[] = "hark";
    char notes[NOTES_BYTES_MAX];
    if (count > sizeof notes || read_memory(controls->pid, address, notes, count) < 0)
        return;
    for (size_t at = 0; count - at >= sizeof(ElfW(Nhdr));) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        if (note.n_namesz > count || note.n_descsz > count)
            return;
        size_t descriptor = name + padded(note.n_namesz);
        size_t next = descriptor + padded(note.n_descsz);
        if (next > count)
            return;
        int32_t distance;
        if (note.n_type == HARK_TRACE_NOTE && note.n_namesz == sizeof owner &&
            memcmp(notes + name, owner, sizeof owner) == 0 && note.n_descsz == sizeof distance) {
            memcpy(&distance, notes + descriptor, sizeof distance);
            add(controls, address + descriptor + (uint64_t)(int64_t)distance);
        }
        at = next;
    }
}

/* Takes: where the beginning of a file is mapped.
 * Gives: why it could not be read; 0: it was, whatever it is. */
static int look_at_file(struct trace_controls *controls, uint64_t start)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segments[SEGMENTS_MAX];
    int error = read_memory(controls->pid, start, &head, sizeof head);
    if (error)
        return error;
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof segments[0] ||
        head.e_phnum > SEGMENTS_MAX ||
        read_memory(controls->pid, start + head.e_phoff, segments,
                    head.e_phnum * sizeof segments[0]) < 0)
        return 0;
    uint64_t moved = start;
    for (size_t i = 0; i < head.e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0)
            moved = start - segments[i].p_vaddr;
    for (size_t i = 0; i < head.e_phnum; i++)
        if (segments[i].p_type == PT_NOTE)
            look_at_notes(controls, moved + segments[i].p_vaddr, segments[i].p_memsz);
    return 0;
}

int trace_controls_find(struct trace_controls *controls, pid_t pid)
{
    char path[64], line[512], rights[8];
    uint64_t start, end, offset;
    int error = -ENOENT;
    bool read = false;
    controls->pid = pid;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return errno == ENOENT ? -ESRCH : -errno;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64, &start, &end, rights, &offset) !=
                4 ||
            offset != 0 || rights[0] != 'r')
            continue;
        int own = look_at_file(controls, start);
        read = read || own == 0;
        error = own && own != -EFAULT && own != -EIO ? own : error;
    }
    fclose(maps);
    if (controls->count > 0)
        return 0;
    return read ? -ENOENT : error;
}

/* --- reading and writing --- */

static bool has_passed(uint64_t time_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return time_ns <= (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int trace_controls_look(const struct trace_controls *controls,
                        struct trace_controls_state *out_state)
{
    struct trace_controls_state state = {0};
    for (size_t i = 0; i < controls->count; i++) {
        struct hark_trace_control control;
        int error = read_control(controls->pid, controls->addresses[i], &control);
        if (error)
            return error == -EFAULT ? -ENOENT : error;
        state.loops += control.loops;
        state.started += control.started;
        state.refused = control.refused ? control.refused : state.refused;
        state.traced = state.traced || !has_passed(control.until_ns);
    }
    *out_state = state;
    return 0;
}

#define PUT(controls, place, member, value)                                                        \
    write_memory((controls)->pid, (place) + offsetof(struct hark_trace_control, member), &(value), \
                 sizeof value)

/* A loop that sees the new wish must see the rest: so that is written before, in calls of their
 * own. */
static int put(const struct trace_controls *controls, uint64_t place, uint64_t until_ns,
               uint32_t events)
{
    struct hark_trace_control control;
    int32_t none = 0;
    int error = read_control(controls->pid, place, &control);
    uint64_t wish = control.wish + 1;
    if (!error)
        error = PUT(controls, place, events, events);
    if (!error)
        error = PUT(controls, place, refused, none);
    if (!error)
        error = PUT(controls, place, until_ns, until_ns);
    if (!error)
        error = PUT(controls, place, wish, wish);
    return error;
}

int trace_controls_begin(const struct trace_controls *controls, uint64_t until_ns, uint32_t events)
{
    int error = 0;
    for (size_t i = 0; i < controls->count && !error; i++)
        error = put(controls, controls->addresses[i], until_ns, events);
    return error;
}

int trace_controls_go_on(const struct trace_controls *controls, uint64_t until_ns)
{
    int error = 0;
    for (size_t i = 0; i < controls->count && !error; i++)
        error = PUT(controls, controls->addresses[i], until_ns, until_ns);
    return error;
}

void trace_controls_end(const struct trace_controls *controls)
{
    for (size_t i = 0; i < controls->count; i++)
        (void)put(controls, controls->addresses[i], 0, 0);
}
