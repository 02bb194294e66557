/* locals.c - see the header. A program and each of its shared libraries has a section of such
 * variables of its own, libhark-sim as well: their copies stand behind each other. */
#include "sim/world/locals.h"
#include "base/check.h"

#include <string.h>

enum { SECTIONS = 16 };

static struct {
    char *begin;
    size_t bytes;
} sections[SECTIONS];
static size_t section_count;
static size_t bytes_of_all;

void hark_sim_locals(char *begin, char *end)
{
    for (size_t i = 0; i < section_count; i++)
        if (sections[i].begin == begin)
            return;
    if (begin == end)
        return;
    check(!world && section_count < SECTIONS);
    sections[section_count].begin = begin;
    sections[section_count++].bytes = (size_t)(end - begin);
    bytes_of_all += (size_t)(end - begin);
}

/* Plain copies: what stands between variables is the compiler's. */
static void take(char *to)
{
    for (size_t i = 0; i < section_count; to += sections[i++].bytes)
        memcpy(to, sections[i].begin, sections[i].bytes);
}

static void put(const char *from)
{
    for (size_t i = 0; i < section_count; from += sections[i++].bytes)
        memcpy(sections[i].begin, from, sections[i].bytes);
}

void locals_of(struct process *process)
{
    if (world->locals_of == process || bytes_of_all == 0)
        return;
    if (!world->locals_at_first) {
        world->locals_at_first = memory_own(bytes_of_all);
        take(world->locals_at_first);
    }
    if (world->locals_of)
        take(world->locals_of->locals);
    world->locals_of = process;
    put(process && process->locals ? process->locals : world->locals_at_first);
    if (process && !process->locals)
        process->locals = memory_own(bytes_of_all);
}

void locals_done(void)
{
    memory_own_free(world->locals_at_first);
    world->locals_at_first = NULL;
}
