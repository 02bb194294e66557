/* locals.c - see the header. */
#include "sim/locals.h"

#include <string.h>

/* Where the linker has put them all; NULL where a program has none. */
extern char __start_hark_process[] __attribute__((weak, visibility("hidden")));
extern char __stop_hark_process[] __attribute__((weak, visibility("hidden")));

static size_t bytes_of_all(void)
{
    return (size_t)(__stop_hark_process - __start_hark_process);
}

/* Plain copies: what stands between variables is the compiler's. */
static void keep_locals(struct process *process)
{
    if (process)
        memcpy(process->locals, __start_hark_process, bytes_of_all());
}

void locals_of(struct process *process)
{
    if (world->locals_of == process || bytes_of_all() == 0)
        return;
    if (!world->locals_at_first) {
        world->locals_at_first = memory_own(bytes_of_all());
        memcpy(world->locals_at_first, __start_hark_process, bytes_of_all());
    }
    keep_locals(world->locals_of);
    world->locals_of = process;
    const void *locals = process && process->locals ? process->locals : world->locals_at_first;
    if (process && !process->locals)
        process->locals = memory_own(bytes_of_all());
    memcpy(__start_hark_process, locals, bytes_of_all());
}

void locals_done(void)
{
    memory_own_free(world->locals_at_first);
    world->locals_at_first = NULL;
}
