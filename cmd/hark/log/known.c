/* known.c - questions about the table of streams that a start has read. No I/O. */
#include "log/known.h"

uint64_t known_as_of(const struct log_recovery *recovery, uint64_t generation)
{
    const struct log_restored *restored = &recovery->restored;
    size_t low = 0, high = restored->whole ? restored->part_count : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (restored->parts[middle].through < generation)
            low = middle + 1;
        else
            high = middle;
    }
    return restored->whole && low < restored->part_count ? restored->parts[low].as_of : 0;
}

bool known_segment(const struct log_recovery *recovery, uint64_t first,
                   struct table_segment *out_segment)
{
    const struct log_restored *restored = &recovery->restored;
    uint64_t low = 0, high = restored->whole ? restored->listed : 0;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        *out_segment = table_end_segment(restored->end_bytes, middle);
        if (out_segment->first == first)
            return true;
        if (out_segment->first < first)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
