/* disk.c - see the header. */
#include "sim/disk.h"

enum { LEAST_NS = 2000, MOST_NS = 20000000, NS_PER_KIB = 300 };

uint64_t disk_delay(struct file *file, size_t bytes, bool writes)
{
    (void)file;
    (void)writes;
    return chance_delay(&world->chance, LEAST_NS, MOST_NS) + bytes / 1024 * NS_PER_KIB;
}
